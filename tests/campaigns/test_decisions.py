from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from asgi_app.database import in_orm
from campaigns.decisions import (
    CHUNK,
    assume_sent,
    release_line,
    retry_failed,
    send_again,
)
from campaigns.history import EventKind, fold
from campaigns.ledger import Ledger
from campaigns.ledger.entries import Claimed, Outcome
from campaigns.models import (
    Action,
    Campaign,
    EarlierAttempt,
    Event,
    LineClock,
    Message,
)
from campaigns.services import NotPossibleNow, cancel_campaign
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists


async def with_outcomes(
    ledger: Ledger, line: Line, *statuses: MessageStatus
) -> tuple[Campaign, list[Claimed]]:
    """A running campaign whose messages ended as told."""
    campaign = await in_orm(lists.running, line, len(statuses))
    state = await ledger.look(line.pk)
    assert state is not None
    due = await ledger.find_due(state, len(statuses))
    due = list((await ledger.claim(state, due)).messages)
    at = await ledger.now()
    for claimed, status in zip(due, statuses, strict=True):
        accepted = status == MessageStatus.ACCEPTED
        outcome = Outcome(
            claimed,
            status,
            at,
            message_id=f"id{claimed.message_id}" if accepted else None,
            code="" if accepted else "why",
            reason="" if accepted else "the reason",
        )
        await ledger.record(outcome)
    return campaign, due


def standing(message: Message) -> tuple[str, int]:
    events = Event.objects.filter(message=message).order_by("id")
    folded = fold((EventKind(e.kind), e.attempt) for e in events)
    assert (message.status, message.attempt) == (folded.status, folded.attempt)
    return message.status, message.attempt


def standings(campaign: Campaign) -> list[tuple[str, int]]:
    rows = Message.objects.filter(campaign=campaign).order_by("id")
    return [standing(row) for row in rows]


UNSURE, FAILED = MessageStatus.UNSURE, MessageStatus.FAILED
ACCEPTED = MessageStatus.ACCEPTED


async def test_unsure_messages_may_be_counted_as_sent(
    ledger: Ledger, line: Line
) -> None:
    campaign, due = await with_outcomes(ledger, line, UNSURE, UNSURE, ACCEPTED)
    who = {"campaign_id": campaign.pk, "operator": "boris"}
    one = [due[0].message_id]
    assert await in_orm(assume_sent, **who, ids=one) == 1  # type: ignore[arg-type]
    assert await in_orm(assume_sent, **who) == 1  # type: ignore[arg-type]
    assert await in_orm(assume_sent, **who) == 0  # type: ignore[arg-type]
    assert await in_orm(lists.counts, campaign) == {"assumed_sent": 2, "accepted": 1}
    assert [s for s, _ in await in_orm(standings, campaign)] == [
        "assumed_sent",
        "assumed_sent",
        "accepted",
    ]
    decided = await in_orm(
        lambda: list(
            Action.objects.filter(verb="assumed_sent").values_list("operator", "count")
        )
    )
    assert decided == [("boris", 1), ("boris", 1)]
    assert await ledger.look(line.pk) is not None


async def test_sending_again_is_a_new_attempt_with_a_tracking_of_its_own(
    ledger: Ledger, line: Line
) -> None:
    campaign, (first,) = await with_outcomes(ledger, line, UNSURE)
    assert await in_orm(send_again, campaign_id=campaign.pk, operator="anna") == 1
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}
    assert await in_orm(standings, campaign) == [("waiting", 2)]
    state = await ledger.look(line.pk)
    assert state is not None
    (again,) = await ledger.find_due(state, 5)
    assert again.tracking == f"{first.tracking}-2"
    (earlier,) = await in_orm(lambda: list(EarlierAttempt.objects.all()))
    assert (earlier.number, earlier.status, earlier.code) == (1, "unsure", "why")


async def test_a_late_answer_to_an_earlier_attempt_keeps_it_from_going_again(
    ledger: Ledger, line: Line
) -> None:
    campaign, (first,) = await with_outcomes(ledger, line, UNSURE)
    await in_orm(send_again, campaign_id=campaign.pk, operator="anna")
    at = await ledger.now()
    await ledger.record(Outcome(first, ACCEPTED, at, message_id="late"))
    assert await in_orm(standings, campaign) == [("accepted", 2)]
    assert await in_orm(lists.counts, campaign) == {"accepted": 1}
    (earlier,) = await in_orm(lambda: list(EarlierAttempt.objects.all()))
    assert earlier.message_id == "late"


async def test_only_the_failed_ones_are_tried_again_and_their_error_is_kept(
    ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, FAILED, ACCEPTED, UNSURE, FAILED)
    who = {"campaign_id": campaign.pk, "operator": "anna"}
    assert await in_orm(retry_failed, **who) == 2  # type: ignore[arg-type]
    assert await in_orm(lists.counts, campaign) == {
        "waiting": 2,
        "accepted": 1,
        "unsure": 1,
    }
    assert [s for s, _ in await in_orm(standings, campaign)] == [
        "waiting",
        "accepted",
        "unsure",
        "waiting",
    ]
    kept = await in_orm(
        lambda: list(EarlierAttempt.objects.values_list("code", "reason"))
    )
    assert kept == [("why", "the reason")] * 2


async def test_two_clicks_retry_once(ledger: Ledger, line: Line) -> None:
    campaign, _ = await with_outcomes(ledger, line, *[FAILED] * 5)
    clicks = [
        in_orm(retry_failed, campaign_id=campaign.pk, operator=f"user{n}")
        for n in range(4)
    ]
    assert sum(await asyncio.gather(*clicks)) == 5
    assert await in_orm(standings, campaign) == [("waiting", 2)] * 5


async def test_nothing_of_a_cancelled_campaign_is_sent_again(
    ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, FAILED, UNSURE, ACCEPTED)
    await in_orm(lists.running, line, 1, start=700)
    more = await in_orm(lists.draft, line, 2, start=800)
    await in_orm(cancel_campaign, campaign_id=more.pk, operator="anna")
    await in_orm(
        lambda: Campaign.objects.filter(pk=campaign.pk).update(status="cancelled")
    )
    for decide in (retry_failed, send_again):
        with pytest.raises(NotPossibleNow):
            await in_orm(decide, campaign_id=campaign.pk, operator="anna")
    assert await in_orm(assume_sent, campaign_id=campaign.pk, operator="anna") == 1
    assert await in_orm(standings, more) == [("cancelled", 1)] * 2


async def test_a_long_list_is_decided_in_pieces(ledger: Ledger, line: Line) -> None:
    campaign = await in_orm(lists.running, line, CHUNK + 3)
    await in_orm(
        lambda: Message.objects.filter(campaign=campaign).update(status="failed")
    )
    await in_orm(
        lambda: Campaign.objects.filter(pk=campaign.pk).update(
            waiting=0, failed=CHUNK + 3
        )
    )
    done = await in_orm(retry_failed, campaign_id=campaign.pk, operator="anna")
    assert done == CHUNK + 3
    assert await in_orm(lists.counts, campaign) == {"waiting": CHUNK + 3}


async def test_a_stopped_line_goes_on_by_a_click_once(
    ledger: Ledger, line: Line
) -> None:
    campaign, due = await with_outcomes(ledger, line, UNSURE, UNSURE, UNSURE)
    state = await ledger.look(line.pk)
    assert state is not None and state.is_stopped
    await in_orm(retry_failed, campaign_id=campaign.pk, operator="anna")
    more = await in_orm(lists.running, line, 1, start=90)
    clicks = [in_orm(release_line, line_id=line.pk, operator="anna") for _ in range(3)]
    assert sorted(await asyncio.gather(*clicks)) == [False, False, True]
    state = await ledger.look(line.pk)
    assert state is not None and not state.is_stopped
    clock = await in_orm(LineClock.objects.get, line=line)
    assert (clock.stopped_code, clock.unsures) == ("", 0)
    noted = await in_orm(
        lambda: list(Action.objects.filter(verb="released").values_list("campaign_id"))
    )
    assert noted == [(more.pk,)]
    assert replace(due[0], attempt=1) == due[0]


async def test_a_click_does_not_shorten_the_pause_of_a_stopped_line(
    ledger: Ledger, line: Line
) -> None:
    await with_outcomes(ledger, line, UNSURE, UNSURE, UNSURE)
    next_at = await ledger.now() + timedelta(seconds=40)
    await in_orm(LineClock.objects.update, next_at=next_at)
    assert await in_orm(release_line, line_id=line.pk, operator="anna")
    state = await ledger.look(line.pk)
    assert state is not None and state.next_at == next_at
