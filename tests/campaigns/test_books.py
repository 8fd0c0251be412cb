from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from asgi_app.database import in_orm
from campaigns import books
from campaigns.audit import audit
from campaigns.books import keep_books, recount
from campaigns.ledger import Ledger
from campaigns.models import Action, Campaign
from campaigns.services import cancel_campaign
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.test_decisions import with_outcomes

ACCEPTED, UNSURE = MessageStatus.ACCEPTED, MessageStatus.UNSURE


@pytest.fixture
async def campaign(ledger: Ledger, line: Line) -> Campaign:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, UNSURE, ACCEPTED)
    return campaign


async def counted(campaign: Campaign) -> dict[str, int]:
    await in_orm(campaign.refresh_from_db)
    assert campaign.books is not None
    return {
        status: count for status, count in campaign.books["counts"].items() if count
    }


async def test_the_books_say_what_the_rows_say_and_when(
    ledger: Ledger, campaign: Campaign
) -> None:
    assert await in_orm(keep_books) == 1
    assert await counted(campaign) == {"accepted": 2, "unsure": 1}
    assert campaign.books is not None and campaign.books["repaired"] is None
    assert campaign.books_at is not None
    assert await ledger.now() - campaign.books_at < timedelta(seconds=30)
    assert await in_orm(Action.objects.filter(verb="recounted").count) == 0


async def test_a_campaign_is_counted_again_only_once_something_changed(
    campaign: Campaign, line: Line
) -> None:
    assert [await in_orm(keep_books) for _ in range(3)] == [1, 0, 0]
    # Nobody sends it any more: only a decision or a status changes it.
    await in_orm(lists.running, line, 1, start=500)
    assert [await in_orm(keep_books) for _ in range(2)] == [1, 0]
    last = await in_orm(lambda: Campaign.objects.latest("pk"))
    await in_orm(cancel_campaign, campaign_id=last.pk, operator="anna")
    assert [await in_orm(keep_books) for _ in range(2)] == [1, 0]
    assert await counted(last) == {"cancelled": 1}


async def test_each_is_counted_once_a_day_whatever_its_counters_say(
    ledger: Ledger, campaign: Campaign
) -> None:
    await in_orm(keep_books)
    yesterday = await ledger.now() - timedelta(hours=25)
    await in_orm(Campaign.objects.update, books_at=yesterday)
    assert [await in_orm(keep_books) for _ in range(2)] == [1, 0]


async def test_drafts_have_no_books(line: Line) -> None:
    await in_orm(lists.draft, line, 3)
    assert await in_orm(keep_books) == 0


async def test_a_run_has_a_bound_and_begins_with_the_oldest(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books, "MOST_AT_ONCE", 2)
    for n in range(5):
        await in_orm(lists.running, line, 1, start=10 * n)
    assert [await in_orm(keep_books) for _ in range(4)] == [2, 2, 1, 0]


async def test_wrong_counters_are_mended_and_it_is_noted(
    campaign: Campaign, caplog: pytest.LogCaptureFixture
) -> None:
    await in_orm(keep_books)
    await in_orm(Campaign.objects.update, unsure=5, read=7, total=99)
    assert await in_orm(keep_books) == 1
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert len(errors) == 1 and "'unsure': [5, 1]" in errors[0]
    noted = await in_orm(lambda: Action.objects.get(verb="recounted").operator)
    assert noted == "program"
    assert await in_orm(lambda: list(audit())) == []
    await in_orm(campaign.refresh_from_db)
    assert campaign.books is not None
    assert campaign.books["repaired"] == {"unsure": [5, 1], "read": [7, 0]}


async def test_a_wrong_total_alone_is_mended_too(campaign: Campaign) -> None:
    await in_orm(Campaign.objects.update, total=99)
    await in_orm(recount, campaign.pk)
    await in_orm(campaign.refresh_from_db)
    assert campaign.total == 3
    assert await in_orm(Action.objects.filter(verb="recounted").count) == 1
