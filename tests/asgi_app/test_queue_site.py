"""The second site of the compose file, with the queue page at its root."""

from __future__ import annotations

import os
import sys

import pytest
import uvicorn
from pytest_django import Settings

from asgi_app import web
from asgi_app.database import in_orm
from asgi_app.valkey import PrivateValkey
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import open_site, words


async def test_its_root_is_the_queue_page_behind_the_same_door(
    valkey: PrivateValkey, redis: object, line: Line, settings: Settings
) -> None:
    settings.REDIS_URL = valkey.url
    settings.ROOT_URLCONF = "asgi_app.queue_urls"
    campaign = await in_orm(lists.running, line, 1)
    async with open_site() as site:
        assert (await site.http.get("/", auth=None)).status_code == 401
        assert (await site.http.get("/healthz", auth=None)).status_code == 200
        assert (await site.http.post("/webhooks/chatapp/x/")).status_code == 404
        page = await site.get("/")
        assert "No worker is there" in words(page)
        # All that it links to is there, and the style sheet too.
        assert f'href="/desk/campaigns/{campaign.pk}/"' in page.text
        answer = await site.get(f"/desk/campaigns/{campaign.pk}/")
        assert answer.status_code == 200
        sheet = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
        assert (await site.get(sheet)).headers["Content-Type"].startswith("text/css")


@pytest.mark.parametrize(
    ("flags", "chosen"),
    [(["--queue"], "asgi_app.queue_settings"), ([], "tests.settings")],
)
def test_the_web_server_chooses_the_site(
    monkeypatch: pytest.MonkeyPatch, flags: list[str], chosen: str
) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "tests.settings")
    monkeypatch.setattr(sys, "argv", ["web", *flags])
    seen: list[str] = []

    def run(*args: object, **options: object) -> None:
        seen.append(os.environ["DJANGO_SETTINGS_MODULE"])

    monkeypatch.setattr(uvicorn, "run", run)
    web.main()
    assert seen == [chosen]
