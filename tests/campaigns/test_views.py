from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from asgi_app.database import in_orm, orm_now
from campaigns.states import CampaignStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, change, fresh, words

SAMPLES = Path(__file__).parent / "samples"
VERBS = ["start", "trial", "pause", "resume", "cancel", "recipients"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/campaigns/new/",
        "/campaigns/1/",
        "/campaigns/1/receipt/",
        "/campaigns/1/cancel/",
        "/campaigns/1/confirm/",
        "/campaigns/1/trial/",
        "/assets/0/style.css",
    ],
)
async def test_a_page_is_closed_to_outsiders(site: Site, path: str) -> None:
    site.http.auth = httpx.Auth()  # sends nothing
    assert (await site.get(path)).status_code == 401


@pytest.mark.parametrize("verb", VERBS)
async def test_an_outsider_changes_nothing(site: Site, line: Line, verb: str) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    await site.get("/campaigns/new/")
    site.http.auth = httpx.Auth()  # sends nothing
    response = await site.post(f"/campaigns/{campaign.pk}/{verb}/", phone="1")
    assert response.status_code == 401
    assert (await fresh(campaign)).status == CampaignStatus.DRAFT


@pytest.mark.parametrize("verb", VERBS)
async def test_a_post_from_another_site_changes_nothing(
    site: Site, line: Line, verb: str
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    response = await site.http.post(f"/campaigns/{campaign.pk}/{verb}/")
    assert response.status_code == 403
    assert "load the page again" in words(response)
    assert (await fresh(campaign)).status == CampaignStatus.DRAFT


async def test_pages_forbid_scripts_and_have_none(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    draft = f"/campaigns/{campaign.pk}/"
    for path in ("/", "/campaigns/new/", draft, f"{draft}confirm/", f"{draft}trial/"):
        response = await site.get(path)
        assert response.status_code == 200
        assert "style-src 'self'" in response.headers["Content-Security-Policy"]
        assert not re.search(r"<script|\sstyle=|\son\w+=", response.text)
        assert re.search(r"<h1>", response.text)
        assert response.text.count('aria-current="page"') <= 1


async def test_the_style_sheet_is_served_for_ever_under_its_hash(site: Site) -> None:
    page = (await site.get("/")).text
    found = re.search(r'href="(/assets/\w+/style\.css)"', page)
    assert found
    response = await site.get(found[1])
    assert response.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in response.headers["Cache-Control"]
    assert "--accent" in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/assets/0/style.css",
        "/assets/0/..%2Fviews.py",
        "/assets/0/../../manage.py",
        "/campaigns/7777/",
        "/campaigns/7777/receipt/",
        "/campaigns/7777/cancel/",
        "/campaigns/7777/confirm/",
        "/campaigns/7777/trial/",
        "/campaigns/99999999999999999999999/",
        "/nowhere/",
    ],
)
async def test_what_is_not_there_is_said_on_a_page(site: Site, path: str) -> None:
    response = await site.get(path)
    assert response.status_code == 404
    assert "There is no such page" in words(response)


@pytest.mark.parametrize("verb", ["start", "pause", "resume", "cancel"])
async def test_an_unknown_campaign_is_not_found(site: Site, verb: str) -> None:
    assert (await site.post(f"/campaigns/7777/{verb}/")).status_code == 404


async def test_adding_to_an_unknown_campaign_is_not_found(site: Site) -> None:
    response = await site.post("/campaigns/7777/recipients/", phone="89990000001")
    assert response.status_code == 404


async def test_the_first_step_is_to_connect(site: Site, line: Line) -> None:
    await in_orm(Line.objects.all().delete)
    response = await site.get("/")
    assert "connect your ChatApp account" in words(response)
    assert "Refresh" not in response.headers


async def test_with_a_line_the_first_step_is_a_campaign(site: Site) -> None:
    assert "ready for the first campaign" in words(await site.get("/"))


async def test_the_list_shows_each_campaign_with_its_progress(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 4)
    await change(
        campaign, started_at=await in_orm(orm_now), status="running", waiting=0,
        accepted=3, unsure=1,
    )  # fmt: skip
    said = words(await site.get("/"))
    assert "sent out" in said
    assert "4 of 4 done 1 unsure" in said
    assert "by anna" in said


async def test_the_list_reloads_itself_only_while_something_runs(
    site: Site, line: Line
) -> None:
    await in_orm(lists.draft, line, 2)
    assert "Refresh" not in (await site.get("/")).headers
    await in_orm(lists.running, line, 2)
    response = await site.get("/")
    assert response.headers["Refresh"] == "5"
    assert 'href="?reload=off"' in response.text
    stopped = await site.get("/?reload=off")
    assert "Refresh" not in stopped.headers
    assert "Reload it by itself again" in stopped.text


async def test_a_page_that_is_not_there_shows_the_nearest(site: Site) -> None:
    for page in ("0", "-1", "999", "x", "٣", "9" * 30):
        assert (await site.get(f"/?page={page}")).status_code == 200
