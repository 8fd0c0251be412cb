from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from asgi_app.database import DatabaseError, Door, in_orm
from campaigns.ledger import Ledger
from campaigns.ledger.entries import (
    Claimed,
    LineState,
    LostClaim,
    Move,
    Outcome,
    Setback,
)
from campaigns.models import Campaign, LineClock, Message
from campaigns.pacing import Delays
from campaigns.services import cancel_campaign, pause_campaign
from campaigns.states import MessageStatus, Pacing
from chatapp.models import Line
from tests.campaigns import lists


async def look(ledger: Ledger, line: Line) -> LineState:
    state = await ledger.look(line.pk)
    assert state is not None
    return state


async def claim(ledger: Ledger, line: Line, count: int = 1) -> list[Claimed]:
    state = await look(ledger, line)
    due = await ledger.find_due(state, count)
    return list((await ledger.claim(state, due)).messages)


async def accepted(ledger: Ledger, claimed: Claimed, **more: Any) -> Outcome:
    return Outcome(
        claimed,
        MessageStatus.ACCEPTED,
        await ledger.now(),
        message_id=f"wamid.{claimed.phone}",
        http_status=200,
        **more,
    )


async def rows(campaign: Campaign) -> list[Message]:
    return await in_orm(
        lambda: list(Message.objects.filter(campaign=campaign).order_by("id"))
    )


async def test_a_line_without_a_clock_has_nothing_to_look_at(
    ledger: Ledger, line: Line
) -> None:
    assert await ledger.look(line.pk) is None


async def test_a_line_sends_the_campaign_that_was_started_first(
    ledger: Ledger, line: Line
) -> None:
    await in_orm(lists.draft, line, 1)
    second = await in_orm(lists.running, line, 1, start=10)
    third = await in_orm(lists.running, line, 1, start=20)
    state = await look(ledger, line)
    assert state.head is not None
    assert state.head.campaign_id == second.pk < third.pk
    assert state.head.text == "Hello 👋"


async def test_a_claim_moves_rows_counters_and_clock_together(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 3)
    before = await look(ledger, line)
    due = await claim(ledger, line, 2)
    assert await in_orm(lists.counts, campaign) == {"waiting": 1, "claimed": 2}
    after = await look(ledger, line)
    assert after.turn == before.turn + 1
    assert after.next_at - after.now > timedelta(seconds=80)
    first, *_ = await rows(campaign)
    assert (first.claimed_by, first.pk) == ("test", due[0].message_id)
    assert first.claim_deadline == after.next_at


async def test_of_two_jobs_that_saw_the_same_turn_one_claims(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 5)
    state = await look(ledger, line)
    due = await ledger.find_due(state, 5)
    won = await asyncio.gather(
        *(ledger.claim(state, due[n : n + 1]) for n in range(5)),
        return_exceptions=True,
    )
    assert sorted(type(w).__name__ for w in won) == ["Claim"] + ["LostClaim"] * 4
    assert await in_orm(lists.counts, campaign) == {"waiting": 4, "claimed": 1}


async def test_nothing_is_claimed_once_pause_has_answered(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    state = await look(ledger, line)
    due = await ledger.find_due(state, 1)
    await in_orm(pause_campaign, campaign_id=campaign.pk, operator="anna")
    with pytest.raises(LostClaim):
        await ledger.claim(state, due)
    assert await in_orm(lists.counts, campaign) == {"waiting": 2}
    assert (await look(ledger, line)).head is None


async def test_nothing_is_claimed_on_a_line_that_was_stopped_since_the_look(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    state = await look(ledger, line)
    due = await ledger.find_due(state, 1)
    await in_orm(LineClock.objects.update, stopped_at=state.now)
    with pytest.raises(LostClaim):
        await ledger.claim(state, due)
    assert await in_orm(lists.counts, campaign) == {"waiting": 2}


async def test_a_claim_of_fewer_than_asked_is_rolled_back(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 3)
    state = await look(ledger, line)
    due = await ledger.find_due(state, 3)
    await in_orm(
        lambda: Message.objects.filter(pk=due[0].message_id).update(status="cancelled")
    )
    with pytest.raises(LostClaim):
        await ledger.claim(state, due)
    untouched = await look(ledger, line)
    assert untouched.turn == state.turn
    assert [m.status for m in await rows(campaign)] == ["cancelled", *["waiting"] * 2]


async def test_it_records_the_answer_and_draws_the_line_on(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    state = await look(ledger, line)
    due = await ledger.find_due(state, 1)
    claim_ = await ledger.claim(state, due)
    at = await ledger.now()
    move = Move(line.pk, claim_.turn, at + timedelta(seconds=7))
    await ledger.record(await accepted(ledger, due[0], move=move))
    (message,) = await rows(campaign)
    assert message.status == MessageStatus.ACCEPTED
    assert message.message_id == f"wamid.{message.phone}"
    assert (message.http_status, message.claim_deadline) == (200, None)
    assert message.answered_at is not None
    assert abs(message.answered_at - at) < timedelta(seconds=5)
    assert (await look(ledger, line)).next_at == at + timedelta(seconds=7)
    assert await in_orm(lists.counts, campaign) == {"accepted": 1}


async def test_many_outcomes_are_written_together_and_each_caller_hears(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 300)
    due = await claim(ledger, line, 300)
    kinds = [MessageStatus.ACCEPTED, MessageStatus.FAILED, MessageStatus.UNSURE]
    outcomes = [
        replace(
            await accepted(ledger, claimed),
            status=kinds[n % 3],
            message_id=f"id{n}" if n % 3 == 0 else None,
            code="" if n % 3 == 0 else f"code {n}",
            reason="it's “odd” % 👋",
        )
        for n, claimed in enumerate(due)
    ]
    random.Random(3).shuffle(outcomes)
    await asyncio.gather(*(ledger.record(outcome) for outcome in outcomes))
    expected = {"accepted": 100, "failed": 100, "unsure": 100}
    assert await in_orm(lists.counts, campaign) == expected
    messages = {m.pk: m for m in await rows(campaign)}
    for outcome in outcomes:
        message = messages[outcome.claimed.message_id]
        assert message.status == outcome.status
        assert (message.message_id, message.code, message.reason) == (
            outcome.message_id,
            outcome.code,
            outcome.reason,
        )


async def test_ids_that_differ_in_case_stay_apart(ledger: Ledger, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 2)
    one, two = await claim(ledger, line, 2)
    await ledger.record(replace(await accepted(ledger, one), message_id="wamid.Ab"))
    await ledger.record(replace(await accepted(ledger, two), message_id="wamid.aB"))
    found = await in_orm(lambda: list(Message.objects.filter(message_id="wamid.aB")))
    assert [m.pk for m in found] == [two.message_id]
    assert [m.message_id for m in await rows(campaign)] == ["wamid.Ab", "wamid.aB"]


async def test_a_claim_that_is_given_back_waits_again_with_the_reason_on_the_line(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    state = await look(ledger, line)
    due = await ledger.find_due(state, 1)
    claim_ = await ledger.claim(state, due)
    (claimed,) = claim_.messages
    now = await ledger.now()
    move = Move(
        line.pk,
        claim_.turn,
        now + timedelta(seconds=9),
        Setback("rate_limited", "slow down"),
    )
    await ledger.record(Outcome(claimed, MessageStatus.WAITING, now, move=move))
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}
    clock = await in_orm(LineClock.objects.get, line=line)
    assert (clock.setbacks, clock.held_code) == (1, "rate_limited")
    assert clock.held_reason == "slow down"
    (message,) = await rows(campaign)
    assert (message.claim_deadline, message.claimed_by) == (None, "")


async def test_a_claim_given_back_to_a_cancelled_campaign_is_cancelled(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    (claimed,) = await claim(ledger, line)
    await in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    now = await ledger.now()
    await ledger.record(Outcome(claimed, MessageStatus.WAITING, now))
    assert await in_orm(lists.counts, campaign) == {"cancelled": 2}


async def test_a_claim_past_its_deadline_is_unsure_and_a_late_answer_settles_it(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    state = await look(ledger, line)
    due = await ledger.find_due(state, 1)
    await ledger.claim(state, due, for_s=-1)
    assert await ledger.give_up_claims() == 1
    assert await ledger.give_up_claims() == 0
    assert await in_orm(lists.counts, campaign) == {"waiting": 1, "unsure": 1}
    given_back = Outcome(due[0], MessageStatus.WAITING, await ledger.now())
    await ledger.record(given_back)
    assert await in_orm(lists.counts, campaign) == {"waiting": 1, "unsure": 1}
    await ledger.record(await accepted(ledger, due[0]))
    assert await in_orm(lists.counts, campaign) == {"waiting": 1, "accepted": 1}


async def test_a_claim_is_not_given_up_before_its_deadline(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    state = await look(ledger, line)
    due = await ledger.find_due(state, 1)
    await ledger.claim(state, due, for_s=20)
    assert await ledger.give_up_claims() == 0
    assert await in_orm(lists.counts, campaign) == {"waiting": 1, "claimed": 1}


async def test_a_record_never_lowers_a_status(ledger: Ledger, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 1)
    (claimed,) = await claim(ledger, line)
    await ledger.record(await accepted(ledger, claimed))
    at = await ledger.now()
    for status in (MessageStatus.UNSURE, MessageStatus.FAILED, MessageStatus.WAITING):
        await ledger.record(Outcome(claimed, status, at, code="late"))
    assert await in_orm(lists.counts, campaign) == {"accepted": 1}


async def test_one_bad_outcome_does_not_sink_its_batch(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 3)
    first, bad, last = await claim(ledger, line, 3)
    heard = await asyncio.gather(
        ledger.record(await accepted(ledger, first)),
        ledger.record(replace(await accepted(ledger, bad), http_status=-1)),
        ledger.record(await accepted(ledger, last)),
        return_exceptions=True,
    )
    assert [type(h).__name__ for h in heard] == [
        "NoneType",
        "DatabaseError",
        "NoneType",
    ]
    assert isinstance(heard[1], DatabaseError)
    assert await in_orm(lists.counts, campaign) == {"accepted": 2, "claimed": 1}


async def test_a_line_is_overdue_only_with_something_to_send(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    assert [due.line_id for due in await ledger.overdue(by_s=-1)] == [line.pk]
    assert await ledger.overdue(by_s=60) == []
    await in_orm(pause_campaign, campaign_id=campaign.pk, operator="anna")
    assert await ledger.overdue(by_s=-1) == []


async def test_each_message_is_due_after_its_own_delay(
    ledger: Ledger, line: Line, delays: Delays
) -> None:
    campaign = await in_orm(
        lists.running, line, 50, pacing=Pacing.EACH_ON_ITS_OWN, delays=delays
    )
    state = await look(ledger, line)
    assert state.head is not None
    await ledger.begin_delays(state.head)
    state = await look(ledger, line)
    assert await ledger.find_due(state, 50) == []
    drawn = sorted(m.delay_ms for m in await rows(campaign))
    assert 5_000 <= drawn[0] < drawn[-1] <= 50_000
    later = replace(state, now=state.now + timedelta(milliseconds=drawn[9]))
    assert 10 <= len(await ledger.find_due(later, 50)) <= 11
    assert state.head is not None
    first = await ledger.first_delay(state.head)
    assert first == timedelta(milliseconds=drawn[0])


async def test_delays_are_drawn_anew_for_what_waits_and_count_from_now(
    ledger: Ledger, line: Line, delays: Delays
) -> None:
    campaign = await in_orm(
        lists.running, line, 1_200, pacing=Pacing.EACH_ON_ITS_OWN, delays=delays
    )
    before = {m.pk: m.delay_ms for m in await rows(campaign)}
    state = await look(ledger, line)
    assert state.head is not None
    fresh = Delays(5, 50, random.Random(99))
    await ledger.draw_anew(state.head, fresh.draws_ms())
    after = {m.pk: m.delay_ms for m in await rows(campaign)}
    assert sum(before[pk] != after[pk] for pk in before) > 1_100
    assert all(5_000 <= ms <= 50_000 for ms in after.values())
    state = await look(ledger, line)
    assert state.head is not None and state.head.delays_from is not None
    assert not state.head.draw_anew


async def test_claims_records_and_pauses_at_once_do_not_deadlock(
    door: Door, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 400)
    ledgers = [Ledger(door, worker=f"w{n}") for n in range(4)]

    async def work(ledger: Ledger) -> None:
        for _ in range(40):
            state = await look(ledger, line)
            if state.head is None:  # all of it has left
                return
            due = await ledger.find_due(state, 5)
            try:
                await ledger.claim(state, due)
            except LostClaim:
                continue
            outcomes = [await accepted(ledger, claimed) for claimed in due]
            await asyncio.gather(*(ledger.record(o) for o in outcomes))
            await ledger.give_up_claims()

    await asyncio.gather(*(work(ledger) for ledger in ledgers))
    counted = await in_orm(lists.counts, campaign)
    assert set(counted) <= {"waiting", "accepted"}
    assert counted["accepted"] >= 5


async def test_who_lost_the_line_does_not_move_its_clock(
    ledger: Ledger, line: Line
) -> None:
    """A worker that slept past its claim's deadline comes with a pause of its own."""
    await in_orm(lists.running, line, 2)
    state = await look(ledger, line)
    slept = await ledger.claim(state, await ledger.find_due(state, 1))
    state = await look(ledger, line)
    await ledger.claim(state, await ledger.find_due(state, 1))
    held = await look(ledger, line)
    at = await ledger.now()
    move = Move(line.pk, slept.turn, at)
    await ledger.record(await accepted(ledger, slept.messages[0], move=move))
    assert not await ledger.move(move)
    after = await look(ledger, line)
    assert (after.next_at, after.turn) == (held.next_at, held.turn)
