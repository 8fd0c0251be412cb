"""What statuses, echoes and looks do to messages and to their earlier attempts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from asgi_app.database import in_orm
from campaigns.audit import audit
from campaigns.decisions import retry_failed, send_again
from campaigns.ledger import Ledger
from campaigns.ledger import shelf as shelves
from campaigns.ledger.entries import Claimed, HeardStatus
from campaigns.ledger.shelf import Heard
from campaigns.models import (
    EarlierAttempt,
    Event,
    Message,
    ShelvedStatus,
)
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.test_audit import digest
from tests.campaigns.test_decisions import with_outcomes

ACCEPTED, UNSURE = MessageStatus.ACCEPTED, MessageStatus.UNSURE
FAILED = MessageStatus.FAILED
AT = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
HOUR = timedelta(hours=1)


def told(
    claimed: Claimed, kind: str, *, at: datetime | None = AT, attempt: int = 1
) -> HeardStatus:
    """A status by tracking alone."""
    return HeardStatus(
        digest=digest(claimed.tracking, attempt, kind, at),
        kind=kind,
        type=kind,
        message_id="",
        tracking=claimed.tracking,
        attempt=attempt,
        at=at,
    )


async def tell(ledger: Ledger, *statuses: HeardStatus) -> None:
    for status in statuses:
        heard = Heard([status], {"status": 1})
        await ledger.shelve(heard)
        await ledger.apply(heard)


async def the_message() -> Message:
    assert await in_orm(lambda: list(audit())) == []
    return await in_orm(Message.objects.get)


async def copies(kind: str) -> list[int]:
    events = Event.objects.filter(kind=kind).order_by("id")
    return await in_orm(lambda: [event.copies for event in events])


@pytest.fixture
async def accepted(ledger: Ledger, line: Line) -> Claimed:
    _, (claimed,) = await with_outcomes(ledger, line, ACCEPTED)
    return claimed


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["sent", "failed", "read"]))
)
async def test_the_order_of_arrival_changes_neither_status_nor_moments(
    ledger: Ledger, accepted: Claimed, order: Sequence[str]
) -> None:
    moments = {"sent": AT, "failed": AT + HOUR, "read": AT + 2 * HOUR}
    await tell(ledger, *(told(accepted, kind, at=moments[kind]) for kind in order))
    message = await the_message()
    assert message.status == MessageStatus.READ
    assert (message.sent_at, message.failed_at, message.read_at) == (
        AT,
        AT + HOUR,
        AT + 2 * HOUR,
    )
    assert (message.delivered_at, message.code) == (None, "")


async def test_the_first_of_two_moments_is_shown_whichever_comes_first(
    ledger: Ledger, accepted: Claimed
) -> None:
    for hours in (2, 1, 3):
        await tell(ledger, told(accepted, "delivered", at=AT + hours * HOUR))
    message = await the_message()
    assert message.delivered_at == AT + HOUR
    assert await copies("delivered") == [1, 1, 1]


@pytest.mark.parametrize("at", [AT, None])
async def test_the_same_status_again_is_only_a_copy(
    ledger: Ledger, accepted: Claimed, at: datetime | None
) -> None:
    status = told(accepted, "delivered", at=at)
    await tell(ledger, status, status, status)
    assert await copies("delivered") == [3]
    assert (await the_message()).status == MessageStatus.DELIVERED


async def test_the_words_of_a_failure_never_pass_for_a_missing_time(
    ledger: Ledger, accepted: Claimed
) -> None:
    status = replace(told(accepted, "failed"), reason="an untimed failure")
    await tell(ledger, status, status)
    assert await copies("failed") == [2]


async def test_a_failed_status_keeps_its_words_until_it_is_outweighed(
    ledger: Ledger, accepted: Claimed
) -> None:
    failed = replace(told(accepted, "failed"), code="131026", reason="no WhatsApp")
    await tell(ledger, failed)
    message = await the_message()
    assert (message.status, message.code, message.reason) == (
        *("failed", "131026", "no WhatsApp"),
    )
    await tell(ledger, told(accepted, "delivered"))
    message = await the_message()
    assert (message.status, message.code, message.reason) == ("delivered", "", "")
    assert message.failed_at == AT


async def test_an_unsure_one_is_settled_by_a_status_and_is_looked_for_no_more(
    ledger: Ledger, line: Line
) -> None:
    _, (claimed,) = await with_outcomes(ledger, line, UNSURE)
    assert (await the_message()).look_at is not None
    await tell(ledger, replace(told(claimed, "sent"), message_id="late"))
    message = await the_message()
    assert (message.status, message.message_id) == ("sent", "late")
    assert (message.look_at, message.code, message.reason) == (None, "", "")


@pytest.mark.parametrize("kind", ["echoed", "sent", "delivered", "read"])
async def test_a_status_of_an_earlier_attempt_keeps_the_next_from_leaving(
    ledger: Ledger, line: Line, kind: str
) -> None:
    campaign, (claimed,) = await with_outcomes(ledger, line, UNSURE)
    await in_orm(send_again, campaign_id=campaign.pk, operator="anna")
    state = await ledger.look(line.pk)
    assert state is not None and state.head is not None
    await tell(ledger, replace(told(claimed, kind), message_id="first"))
    state = await ledger.look(line.pk)
    assert state is not None and state.head is None
    message = await the_message()
    assert (message.attempt, message.message_id) == (2, None)
    assert message.status == ("accepted" if kind == "echoed" else kind)
    assert await in_orm(lambda: EarlierAttempt.objects.get().message_id) == "first"
    # Now the id of the first attempt finds it too.
    await tell(ledger, replace(told(claimed, "read", at=AT + HOUR), message_id="first"))
    assert (await the_message()).status == MessageStatus.READ


async def test_a_failed_status_of_an_earlier_attempt_leaves_the_next_alone(
    ledger: Ledger, line: Line
) -> None:
    campaign, (claimed,) = await with_outcomes(ledger, line, UNSURE)
    await in_orm(send_again, campaign_id=campaign.pk, operator="anna")
    await tell(ledger, told(claimed, "failed"))
    message = await the_message()
    assert (message.status, message.attempt, message.failed_at) == ("waiting", 2, None)


async def test_a_retry_begins_with_clean_moments_and_the_old_id_still_matches(
    ledger: Ledger, accepted: Claimed
) -> None:
    await tell(ledger, told(accepted, "sent"), told(accepted, "failed"))
    await in_orm(retry_failed, campaign_id=accepted.campaign_id, operator="anna")
    message = await the_message()
    assert (message.status, message.sent_at, message.failed_at, message.message_id) == (
        *("waiting", None, None, None),
    )
    by_id = replace(
        told(accepted, "delivered"),
        message_id=f"id{accepted.message_id}",
        tracking="",
    )
    await tell(ledger, by_id)
    message = await the_message()
    assert (message.status, message.attempt) == ("delivered", 2)


async def test_a_status_of_an_attempt_that_was_never_made_stops_no_other(
    ledger: Ledger, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "SWEEP", 3)
    campaign, due = await with_outcomes(ledger, line, ACCEPTED, ACCEPTED)
    odd = [
        told(due[0], "sent", attempt=7, at=AT + n * timedelta(seconds=1))
        for n in range(5)
    ]
    await ledger.shelve(Heard([*odd, told(due[1], "read")], {"status": 6}))
    assert await ledger.apply_matching() == 1
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, "read": 1}
    assert await in_orm(ShelvedStatus.objects.count) == len(odd)
    assert await in_orm(lambda: list(audit())) == []


async def test_a_type_that_nobody_knows_is_kept_and_changes_nothing(
    ledger: Ledger, accepted: Claimed
) -> None:
    await tell(ledger, replace(told(accepted, "ignored"), type="enqueued"))
    assert (await the_message()).status == MessageStatus.ACCEPTED
    event = await in_orm(lambda: Event.objects.get(kind="ignored"))
    assert event.detail["type"] == "enqueued"
    assert await in_orm(ShelvedStatus.objects.count) == 0


async def test_a_look_that_finds_an_earlier_attempt_settles_the_message(
    ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, UNSURE)
    await in_orm(Message.objects.update, look_at=AT)
    (unsure,) = await ledger.to_look_for(5)
    await in_orm(send_again, campaign_id=campaign.pk, operator="anna")
    await ledger.found(unsure, "in the chat")
    message = await the_message()
    assert (message.status, message.attempt, message.message_id) == (
        *("accepted", 2, None),
    )
    earlier = await in_orm(EarlierAttempt.objects.get)
    assert earlier.message_id == "in the chat"


async def test_a_look_in_vain_is_noted_and_comes_again_only_once(
    ledger: Ledger, line: Line
) -> None:
    await with_outcomes(ledger, line, UNSURE)
    for looks in (1, 2):
        await in_orm(Message.objects.filter(look_at__isnull=False).update, look_at=AT)
        (unsure,) = await ledger.to_look_for(5)
        await ledger.not_found(unsure)
        assert (await the_message()).looks == looks
    assert (await the_message()).look_at is None
    assert await ledger.to_look_for(5) == []
    assert await copies("looked") == [1, 1]


async def test_a_retry_of_what_failed_leaves_though_sent_is_told_later(
    ledger: Ledger, line: Line
) -> None:
    campaign, (claimed,) = await with_outcomes(ledger, line, ACCEPTED)
    await tell(ledger, told(claimed, "failed", at=AT + HOUR))
    await in_orm(retry_failed, campaign_id=campaign.pk, operator="anna")
    await tell(ledger, told(claimed, "sent"))
    message = await the_message()
    assert (message.status, message.attempt) == ("waiting", 2)
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}
    await tell(ledger, told(claimed, "delivered", at=AT + 2 * HOUR))
    assert (await the_message()).status == MessageStatus.DELIVERED


async def test_what_an_earlier_attempt_held_back_fails_with_it_and_may_be_retried(
    ledger: Ledger, line: Line
) -> None:
    campaign, (claimed,) = await with_outcomes(ledger, line, UNSURE)
    await in_orm(send_again, campaign_id=campaign.pk, operator="anna")
    await tell(ledger, told(claimed, "sent"), told(claimed, "failed", at=AT + HOUR))
    message = await the_message()
    assert (message.status, message.failed_at) == ("failed", AT + HOUR)
    assert await in_orm(retry_failed, campaign_id=campaign.pk, operator="anna") == 1
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}
