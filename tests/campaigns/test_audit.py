from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from asgi_app.database import in_orm
from campaigns import audit as audits
from campaigns.audit import audit
from campaigns.decisions import assume_sent, retry_failed
from campaigns.ledger import Ledger
from campaigns.ledger.entries import HeardStatus
from campaigns.ledger.shelf import Heard
from campaigns.models import (
    Campaign,
    EarlierAttempt,
    Event,
    Message,
    ShelvedStatus,
)
from campaigns.services import cancel_campaign
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.test_decisions import with_outcomes

UNSURE, FAILED = MessageStatus.UNSURE, MessageStatus.FAILED
ACCEPTED, WAITING = MessageStatus.ACCEPTED, MessageStatus.WAITING
AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def digest(*parts: object) -> str:
    """The same for the same status told again, and not longer than its column."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def heard(message_id: str, kind: str, *, tracking: str = "", hours: int = 0) -> Heard:
    status = HeardStatus(
        digest=digest(message_id, tracking, kind, hours),
        kind=kind,
        type=kind,
        message_id=message_id,
        tracking=tracking,
        attempt=1,
        at=AT + timedelta(hours=hours),
    )
    return Heard([status], {"status": 1})


async def tell(ledger: Ledger, *many: Heard) -> None:
    for one in many:
        await ledger.shelve(one)
        await ledger.apply(one)


@pytest.fixture
async def campaign(ledger: Ledger, line: Line) -> Campaign:
    """One with everything in it: delivered, retried, settled, given back, cancelled."""
    campaign, due = await with_outcomes(
        *(ledger, line, ACCEPTED, FAILED, UNSURE, WAITING, UNSURE, ACCEPTED, ACCEPTED)
    )
    ids = [f"id{claimed.message_id}" for claimed in due]
    await tell(
        ledger,
        heard(ids[0], "delivered", hours=1),
        heard(ids[0], "sent", hours=0),
        heard(ids[0], "sent", hours=0),
        heard("", "read", tracking=due[4].tracking),
        heard(ids[6], "failed", hours=2),
    )
    await in_orm(retry_failed, campaign_id=campaign.pk, operator="anna")
    await tell(ledger, heard(ids[6], "failed", hours=1))
    await in_orm(assume_sent, campaign_id=campaign.pk, operator="anna")
    await in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    assert await in_orm(lists.counts, campaign) == {
        "delivered": 1,
        "assumed_sent": 1,
        "read": 1,
        "accepted": 1,
        "cancelled": 3,
    }
    return campaign


async def faults() -> dict[str, tuple[int, ...]]:
    """What is wrong, and the first messages that are."""
    return {f.what: f.examples for f in await in_orm(lambda: list(audit()))}


async def test_what_the_program_did_itself_balances(campaign: Campaign) -> None:
    assert await faults() == {}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"status": "read"}, "messages unlike their history"),
        ({"status": "unsure"}, "messages unlike their history"),
        ({"attempt": 9}, "messages whose earlier attempts are missing"),
        (
            {"status": "claimed", "claim_deadline": LONG_AGO},
            "claims past their deadline",
        ),
        ({"status": "claimed", "claim_deadline": None}, "claims past their deadline"),
        ({"status": "waiting"}, "waiting in a cancelled campaign"),
        ({"message_id": None}, "accepted messages without an id"),
        *(
            ({f"{name}_at": at}, "moments of a status that differ from the history")
            for name in ("sent", "delivered", "read", "failed")
            for at in (LONG_AGO, None)
            if at or name in {"sent", "delivered"}
        ),
    ],
)
async def test_every_broken_invariant_of_a_message_is_found(
    campaign: Campaign, change: dict[str, object], fault: str
) -> None:
    first = await in_orm(lambda: Message.objects.order_by("id")[0].pk)
    await in_orm(Message.objects.filter(pk=first).update, **change)
    assert (await faults())[fault] == (first,)


async def test_a_lost_event_is_found(campaign: Campaign) -> None:
    await in_orm(lambda: Event.objects.filter(kind="claimed").delete())
    assert "messages unlike their history" in await faults()


async def test_a_wrong_number_of_an_earlier_attempt_is_found(
    campaign: Campaign,
) -> None:
    await in_orm(EarlierAttempt.objects.update, number=3)
    assert "messages whose earlier attempts are missing" in await faults()


async def test_two_messages_of_a_line_with_one_id_are_found(
    ledger: Ledger, line: Line, campaign: Campaign
) -> None:
    twin = await in_orm(
        lambda: Message.objects.exclude(message_id=None).order_by("id")[0]
    )
    elsewhere = await in_orm(
        Line.objects.create, licence_id="2", messenger="grWhatsApp"
    )
    for other, shares in ((elsewhere, False), (line, True)):
        more = await in_orm(lists.running, other, 1, start=50 + shares)
        await in_orm(
            Message.objects.filter(campaign=more).update, message_id=twin.message_id
        )
        found = (await faults()).get("messages that share their id with another")
        assert (found is not None) == shares


@pytest.mark.parametrize("by", ["message_id", "tracking"])
@pytest.mark.parametrize(
    ("minutes", "attempt", "is_fault"),
    [(6, 1, True), (4, 1, False), (6, 7, False)],
)
async def test_a_status_that_stays_on_the_shelf_is_found(
    ledger: Ledger,
    campaign: Campaign,
    by: str,
    minutes: int,
    attempt: int,
    is_fault: bool,
) -> None:
    message = await in_orm(
        lambda: Message.objects.exclude(message_id=None).order_by("id")[0]
    )
    now = await ledger.now()
    shelved = {"message_id": "", "tracking": "", by: getattr(message, by)}
    await in_orm(
        ShelvedStatus.objects.create,
        digest="x",
        kind="read",
        arrived_at=now - timedelta(minutes=minutes),
        attempt=attempt,
        **shelved,
    )
    found = await faults()
    if by == "message_id" and attempt == 7:  # an id is an id, whatever the tracking
        is_fault = True
    assert ("messages with a status that lies on the shelf" in found) == is_fault


async def test_a_wrong_counter_is_found(campaign: Campaign) -> None:
    await in_orm(Campaign.objects.update, unsure=5, total=99)
    assert set(await faults()) == {
        "counter “unsure” says 5, rows",
        "the total differs from the rows",
    }


async def test_it_looks_at_page_after_page_and_counts_what_it_does_not_show(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "PAGE", 3)
    campaign = await in_orm(lists.running, line, 10)
    await in_orm(Message.objects.filter(campaign=campaign).update, status="read")
    pages: list[int] = []
    (found,) = [
        fault
        for fault in await in_orm(lambda: list(audit(campaign.pk, seen=pages.append)))
        if fault.what == "messages unlike their history"
    ]
    assert pages == [3, 3, 3, 1]
    assert (found.count, len(found.examples)) == (10, 5)
    assert str(found).endswith(" …)")


async def test_between_two_pages_it_holds_nothing_and_messages_may_change(
    ledger: Ledger, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audits, "PAGE", 2)
    campaign, _ = await with_outcomes(ledger, line, *[UNSURE] * 2, *[ACCEPTED] * 4)

    def meanwhile(_: int) -> None:
        assert not connection.in_atomic_block
        assume_sent(campaign_id=campaign.pk, operator="anna")

    found = await in_orm(lambda: list(audit(campaign.pk, seen=meanwhile)))
    assert found == []
    assert await in_orm(lists.counts, campaign) == {"assumed_sent": 2, "accepted": 4}


def test_a_page_costs_the_same_number_of_queries_whatever_its_length(
    line: Line,
) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert list(audit()) == []
        return len(queries)

    lists.running(line, 2)
    few = cost()
    Campaign.objects.all().delete()
    lists.running(line, 200)
    assert cost() == few


def run(*words: object) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("campaign", "audit", *map(str, words), stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture
def two(line: Line) -> Iterator[tuple[int, int]]:
    yield lists.running(line, 2).pk, lists.running(line, 3, start=10).pk


def test_the_command_says_what_it_looked_at(two: tuple[int, int]) -> None:
    assert run() == (0, "all books balance: 2 campaigns, 5 messages\n")
    assert run(two[1]) == (0, "all books balance: 1 campaigns, 3 messages\n")
    code, out = run("--json")
    assert (code, json.loads(out)) == (
        0,
        {"campaigns": 2, "messages": 5, "faults": []},
    )


def test_the_command_exits_with_1_and_a_line_a_fault(two: tuple[int, int]) -> None:
    Campaign.objects.filter(pk=two[0]).update(total=3)
    first = Message.objects.filter(campaign=two[0]).order_by("pk")[0].pk
    Message.objects.filter(pk=first).update(read_at=AT)
    told = [
        f"campaign {two[0]}: the total differs from the rows: 3",
        f"campaign {two[0]}: moments of a status that differ from the history: 1"
        f" (messages {first})",
    ]
    code, out = run()
    assert (code, out.splitlines()) == (1, told)
    code, out = run("--json")
    assert code == 1
    assert json.loads(out)["faults"][1] == {
        "campaign_id": two[0],
        "what": "moments of a status that differ from the history",
        "count": 1,
        "examples": [first],
    }
    assert run(two[1])[0] == 0


def test_the_command_knows_which_campaigns_there_are(two: tuple[int, int]) -> None:
    with pytest.raises(CommandError, match="no campaign 404"):
        run(404)
