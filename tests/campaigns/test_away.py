from __future__ import annotations

import pytest
from django.db import OperationalError

from asgi_app.database import in_orm
from campaigns import results, services
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, words


def away(**_: object) -> None:
    raise OperationalError("Can't connect")


async def test_a_page_that_cannot_be_read_says_so_and_looks_again(
    site: Site, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    monkeypatch.setattr(results, "read_page", away)
    page = await site.get(f"/campaigns/{campaign.pk}/")
    assert (page.status_code, page.headers["Refresh"]) == (503, "5")
    assert "The database does not answer" in words(page)
    assert "Can't connect" not in page.text


async def test_a_write_that_failed_is_not_called_harmless(
    site: Site, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    monkeypatch.setattr(services, "pause_campaign", away)
    answer = await site.post(f"/campaigns/{campaign.pk}/pause/")
    assert answer.status_code == 500
