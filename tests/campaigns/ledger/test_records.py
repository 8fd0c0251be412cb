"""Records that come late, twice or together, and the brake that counts them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from asgi_app.database import in_orm
from campaigns.audit import audit
from campaigns.ledger import Ledger
from campaigns.ledger.brake import (
    MOST_REFUSALS,
    MOST_UNSURE,
    REFUSED_IN_A_ROW,
    UNSURE_IN_A_ROW,
)
from campaigns.ledger.entries import Claimed, Outcome
from campaigns.models import Campaign, Event, LineClock, Message
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.test_audit import heard

ACCEPTED, FAILED = MessageStatus.ACCEPTED, MessageStatus.FAILED
UNSURE, WAITING = MessageStatus.UNSURE, MessageStatus.WAITING


async def claim(ledger: Ledger, line: Line, count: int) -> tuple[Claimed, ...]:
    state = await ledger.look(line.pk)
    assert state is not None
    due = await ledger.find_due(state, count)
    return (await ledger.claim(state, due)).messages


async def outcome(
    ledger: Ledger, claimed: Claimed, status: MessageStatus, code: str = ""
) -> Outcome:
    accepted = status == ACCEPTED
    return Outcome(
        claimed,
        status,
        await ledger.now(),
        message_id=f"id{claimed.message_id}" if accepted else None,
        code=code,
        reason="the reason" if code else "",
    )


async def clock(line: Line) -> LineClock:
    return await in_orm(LineClock.objects.get, line=line)


async def kinds(message_id: int) -> list[str]:
    events = Event.objects.filter(message=message_id).order_by("id")
    return await in_orm(lambda: [event.kind for event in events])


async def end(ledger: Ledger, line: Line, *told: tuple[MessageStatus, str]) -> None:
    """Claims as many messages as there are outcomes, and records one by one."""
    await in_orm(lists.running, line, len(told))
    for claimed, (status, code) in zip(
        await claim(ledger, line, len(told)), told, strict=True
    ):
        await ledger.record(await outcome(ledger, claimed, status, code))


REFUSED = (FAILED, "ApiNo")


@pytest.mark.parametrize("together", [False, True])
async def test_ten_equal_refusals_in_a_row_stop_the_line_with_the_reason(
    ledger: Ledger, line: Line, together: bool
) -> None:
    await in_orm(lists.running, line, MOST_REFUSALS + 1)
    claimed = await claim(ledger, line, MOST_REFUSALS)
    outcomes = [await outcome(ledger, one, *REFUSED) for one in claimed]
    for one in outcomes[:-1]:
        await ledger.record(one)
    assert (await clock(line)).stopped_at is None
    # The tenth, or nine again with it: what is repeated is no new refusal.
    rest = outcomes if together else outcomes[-1:]
    await asyncio.gather(*(ledger.record(one) for one in rest))
    stopped = await clock(line)
    assert stopped.stopped_code == REFUSED_IN_A_ROW
    assert stopped.stopped_reason == "ApiNo: the reason"
    assert (stopped.refusals, stopped.stops) == (MOST_REFUSALS, 1)
    state = await ledger.look(line.pk)
    assert state is not None and state.is_stopped


@pytest.mark.parametrize(
    "between",
    [(ACCEPTED, ""), (FAILED, "ApiOther"), (UNSURE, "read_timeout")],
    ids=lambda between: between[0],
)
async def test_another_outcome_between_them_begins_the_count_anew(
    ledger: Ledger, line: Line, between: tuple[MessageStatus, str]
) -> None:
    row = [REFUSED] * (MOST_REFUSALS - 1)
    await end(ledger, line, *row, between, *row)
    counted = await clock(line)
    assert (counted.stopped_code, counted.refusals) == ("", MOST_REFUSALS - 1)


async def test_a_person_without_the_messenger_says_nothing_of_the_line(
    ledger: Ledger, line: Line
) -> None:
    await end(ledger, line, *[(FAILED, "not_on_whatsapp")] * (MOST_REFUSALS + 5))
    assert (await clock(line)).refusals == 0
    await end(ledger, line, *[REFUSED] * 5, (FAILED, "not_on_whatsapp"), *[REFUSED] * 5)
    assert (await clock(line)).stopped_code == REFUSED_IN_A_ROW


async def test_what_did_not_leave_counts_neither_way(
    ledger: Ledger, line: Line
) -> None:
    await end(ledger, line, *[REFUSED] * 5, (WAITING, "rate_limited"), *[REFUSED] * 4)
    assert (await clock(line)).refusals == MOST_REFUSALS - 1


async def test_three_unsure_in_a_row_stop_the_line_and_an_accepted_one_resets(
    ledger: Ledger, line: Line
) -> None:
    unsure = (UNSURE, "read_timeout")
    await end(ledger, line, unsure, unsure, (ACCEPTED, ""), unsure, unsure)
    assert (await clock(line)).stopped_code == ""
    await end(ledger, line, unsure)
    stopped = await clock(line)
    assert (stopped.stopped_code, stopped.unsures) == (UNSURE_IN_A_ROW, MOST_UNSURE)


async def test_an_outcome_that_is_recorded_again_counts_once(
    ledger: Ledger, line: Line
) -> None:
    """A worker records again when the answer to its first record was lost."""
    campaign = await in_orm(lists.running, line, 1)
    (claimed,) = await claim(ledger, line, 1)
    unsure = await outcome(ledger, claimed, UNSURE, "read_timeout")
    for _ in range(MOST_UNSURE):
        await ledger.record(unsure)
    assert (await clock(line)).unsures == 1
    assert (await clock(line)).stopped_code == ""
    assert await in_orm(lists.counts, campaign) == {"unsure": 1}
    assert await kinds(claimed.message_id) == ["claimed", "unsure"]


async def test_a_claim_given_back_twice_does_not_end_the_next_claim(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    (first,) = await claim(ledger, line, 1)
    given_back = await outcome(ledger, first, WAITING, "rate_limited")
    await ledger.record(given_back)
    (second,) = await claim(ledger, line, 1)
    assert second.tracking == first.tracking
    await ledger.record(given_back)
    assert await in_orm(lists.counts, campaign) == {"claimed": 1}
    await ledger.record(await outcome(ledger, second, ACCEPTED))
    assert await in_orm(lists.counts, campaign) == {"accepted": 1}
    assert await in_orm(lambda: list(audit())) == []


async def test_an_answer_after_the_deadline_settles_what_was_given_up(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    state = await ledger.look(line.pk)
    assert state is not None
    due = await ledger.find_due(state, 2)
    one, two = (await ledger.claim(state, due, for_s=-1)).messages
    assert await ledger.give_up_claims() == 2
    await ledger.record(await outcome(ledger, one, ACCEPTED))
    await ledger.record(await outcome(ledger, two, *REFUSED))
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, "failed": 1}
    assert await kinds(one.message_id) == ["claimed", "no_answer", "accepted"]
    assert await in_orm(lambda: list(audit())) == []


async def test_a_record_of_a_campaign_that_is_gone_harms_nobody_else(
    ledger: Ledger, line: Line
) -> None:
    gone = await in_orm(lists.running, line, 1)
    (lost,) = await claim(ledger, line, 1)
    await ledger.shelve(heard("", "sent", tracking=lost.tracking))
    await in_orm(gone.delete)
    stays = await in_orm(lists.running, line, 1, start=10)
    (kept,) = await claim(ledger, line, 1)
    outcomes = [await outcome(ledger, one, ACCEPTED) for one in (lost, kept)]
    await asyncio.gather(*(ledger.record(one) for one in outcomes))
    assert await in_orm(lists.counts, stays) == {"accepted": 1}


async def test_one_bad_outcome_fails_alone_and_the_others_keep_their_shelf(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 3)
    claimed = await claim(ledger, line, 3)
    outcomes = [await outcome(ledger, one, ACCEPTED) for one in claimed]
    for one in outcomes:
        await ledger.shelve(heard(str(one.message_id), "delivered"))
    outcomes[1] = replace(outcomes[1], http_status=-1)
    ended = await asyncio.gather(
        *(ledger.record(one) for one in outcomes), return_exceptions=True
    )
    assert [error is None for error in ended] == [True, False, True]
    assert await in_orm(lists.counts, campaign) == {"delivered": 2, "claimed": 1}
    await ledger.record(replace(outcomes[1], http_status=200))
    assert await in_orm(lists.counts, campaign) == {"delivered": 3}
    assert await in_orm(lambda: list(audit())) == []


async def test_a_refusal_is_kept_with_its_words(ledger: Ledger, line: Line) -> None:
    campaign: Campaign = await in_orm(lists.running, line, 1)
    (claimed,) = await claim(ledger, line, 1)
    await ledger.record(await outcome(ledger, claimed, *REFUSED))
    message = await in_orm(Message.objects.get, campaign=campaign)
    assert (message.code, message.reason) == ("ApiNo", "the reason")
    assert (message.claim_deadline, message.look_at) == (None, None)
