from __future__ import annotations

import io

import pytest
from django.core.management import call_command

from asgi_app.database import in_orm
from campaigns.audit import audit, keep_books, recount
from campaigns.decisions import retry_failed
from campaigns.ledger import Ledger
from campaigns.models import Action, Campaign, Event, Message
from campaigns.services import cancel_campaign
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.test_decisions import with_outcomes

UNSURE, FAILED = MessageStatus.UNSURE, MessageStatus.FAILED
ACCEPTED, WAITING = MessageStatus.ACCEPTED, MessageStatus.WAITING


@pytest.fixture
async def campaign(ledger: Ledger, line: Line) -> Campaign:
    """One with everything in it: retried, unsure, given back, cancelled."""
    campaign, _ = await with_outcomes(
        ledger, line, ACCEPTED, FAILED, UNSURE, WAITING, FAILED
    )
    await in_orm(retry_failed, campaign_id=campaign.pk, operator="anna")
    await in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    return campaign


async def faults() -> list[str]:
    return [fault.what for fault in await in_orm(lambda: list(audit()))]


async def test_what_the_program_did_itself_balances(campaign: Campaign) -> None:
    assert await faults() == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"status": "read"}, "messages unlike their history"),
        ({"attempt": 9}, "messages whose earlier attempts are missing"),
        (
            {"status": "claimed", "claim_deadline": "2020-01-01 00:00:00+00:00"},
            "claims past their deadline",
        ),
        ({"status": "waiting"}, "waiting in a cancelled campaign"),
        ({"message_id": None}, "accepted messages without an id"),
    ],
)
async def test_every_broken_invariant_is_found(
    campaign: Campaign, change: dict[str, object], fault: str
) -> None:
    first = await in_orm(lambda: Message.objects.order_by("id")[0].pk)
    await in_orm(Message.objects.filter(pk=first).update, **change)
    assert fault in await faults()


async def test_a_lost_event_is_found(campaign: Campaign) -> None:
    await in_orm(lambda: Event.objects.filter(kind="accepted").delete())
    assert "messages unlike their history" in await faults()


async def test_a_wrong_counter_is_found_and_mended_with_a_record(
    campaign: Campaign,
) -> None:
    await in_orm(Campaign.objects.update, unsure=5)
    assert [what for what in await faults() if "unsure" in what]
    await in_orm(recount, campaign.pk)
    assert await faults() == []
    assert await in_orm(Action.objects.filter(verb="recounted").count) == 1
    await in_orm(campaign.refresh_from_db)
    assert campaign.books is not None
    assert campaign.books["repaired"] == {"unsure": [5, 1]}


async def test_books_are_counted_again_only_when_rows_may_have_changed(
    campaign: Campaign,
) -> None:
    assert await in_orm(keep_books) == 1
    assert await in_orm(keep_books) == 0


async def test_drafts_have_no_books(line: Line) -> None:
    await in_orm(lists.draft, line, 3)
    assert await in_orm(keep_books) == 0


def test_the_command_exits_with_1_on_any_fault(line: Line) -> None:
    campaign = lists.running(line, 2)
    out = io.StringIO()
    call_command("campaign", "audit", stdout=out)
    assert out.getvalue() == "all books balance\n"
    Campaign.objects.filter(pk=campaign.pk).update(total=3)
    with pytest.raises(SystemExit) as end:
        call_command("campaign", "audit", str(campaign.pk), stdout=out)
    assert end.value.code == 1
    assert "the total differs from the rows: 3" in out.getvalue()
