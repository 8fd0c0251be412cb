"""Starts by itself, runs out of use, goes to a few first."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from asgi_app.database import in_orm
from campaigns.audit import audit
from campaigns.decisions import retry_failed
from campaigns.hindrance_words import in_words
from campaigns.hindrances import why_not_now
from campaigns.ledger.entries import LostClaim
from campaigns.ledger.moments import PAUSED_LATE
from campaigns.models import Campaign, Event, LineClock, Message, SliceMember
from campaigns.refusals import (
    EndsBeforeStart,
    HasExpired,
    NotPossibleNow,
    OfNoUseAnyMore,
    StartIsOver,
)
from campaigns.services import (
    cancel_campaign,
    pause_campaign,
    resume_campaign,
    start_campaign,
)
from campaigns.slices import choose_slice
from campaigns.states import CampaignStatus, MessageStatus, Pacing
from campaigns.timing import (
    Timing,
    continue_campaign,
    set_timing,
    start_now,
    unschedule,
)
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.desk import Desk
from tests.campaigns.frozen import FrozenClock, clock

__all__ = ["clock"]


async def timed(line: Line, count: int, **timing: Any) -> Campaign:
    """A draft that is told when to start, and started."""
    draft = await in_orm(lists.draft, line, count, pacing=timing.pop("pacing", ONE))
    await act(set_timing, draft, timing=Timing(**timing))
    await act(start_campaign, draft)
    return await fresh(draft)


async def act(service: Any, campaign: Campaign, **more: Any) -> Any:
    return await in_orm(service, campaign_id=campaign.pk, operator="anna", **more)


async def fresh(campaign: Campaign) -> Campaign:
    return await in_orm(Campaign.objects.get, pk=campaign.pk)


async def said(campaign: Campaign) -> str:
    def read() -> str:
        hindrance = why_not_now(Campaign.objects.get(pk=campaign.pk))
        return in_words(hindrance) if hindrance else ""

    return await in_orm(read)


ONE = Pacing.ONE_AFTER_ANOTHER


async def test_a_campaign_starts_by_itself_when_its_time_has_come(
    desk: Desk, clock: FrozenClock
) -> None:
    start_at = clock.now + timedelta(hours=2)
    campaign = await timed(desk.line, 1, start_at=start_at)
    assert (campaign.status, campaign.started_at) == (CampaignStatus.SCHEDULED, None)
    assert campaign.planned_end_at == start_at
    assert await said(campaign) == "It starts by itself: Thu 5 Mar, 14:00."
    assert await desk.serve() is None
    ledger = desk.sending.ledger
    assert await ledger.start_scheduled() == []
    clock.now = start_at
    # Two workers sweep at once.
    rung = await asyncio.gather(ledger.start_scheduled(), ledger.start_scheduled())
    assert sorted(rung) == [[], [desk.line.pk]]
    campaign = await fresh(campaign)
    assert (campaign.status, campaign.started_at) == (CampaignStatus.RUNNING, start_at)
    await desk.serve()
    assert len(desk.accepted()) == 1


async def test_a_start_wakes_a_line_that_rests(desk: Desk, clock: FrozenClock) -> None:
    await timed(desk.line, 1, start_at=clock.now + timedelta(hours=1))
    far = clock.now + timedelta(days=3)
    await in_orm(LineClock.objects.update, is_resting=True, next_at=far)
    clock.go_on(hours=1)
    await desk.sending.ledger.start_scheduled()
    await desk.serve()
    assert len(desk.accepted()) == 1


async def test_a_start_that_is_missed_by_far_waits_for_a_click(
    desk: Desk, clock: FrozenClock
) -> None:
    campaign = await timed(desk.line, 1, start_at=clock.now + timedelta(hours=1))
    clock.go_on(hours=8)
    await desk.sending.ledger.start_scheduled()
    campaign = await fresh(campaign)
    assert campaign.status == CampaignStatus.PAUSED
    assert campaign.paused_because == PAUSED_LATE
    await act(resume_campaign, campaign)
    await desk.serve()
    assert len(desk.accepted()) == 1


async def test_what_is_scheduled_starts_at_a_click_or_becomes_a_draft_again(
    desk: Desk, clock: FrozenClock
) -> None:
    campaign = await timed(desk.line, 30, start_at=clock.now + timedelta(hours=1))
    with pytest.raises(NotPossibleNow):
        await act(pause_campaign, campaign)
    await act(unschedule, campaign)
    draft = await fresh(campaign)
    assert (draft.status, draft.start_at) == (CampaignStatus.DRAFT, None)
    for again in (unschedule, start_now):
        with pytest.raises(NotPossibleNow):
            await act(again, draft)
    other = await timed(desk.line, 30, start_at=clock.now + timedelta(hours=1))
    await act(start_now, other)
    other = await fresh(other)
    assert (other.status, other.started_at) == (CampaignStatus.RUNNING, clock.now)
    assert other.planned_end_at == clock.now + timedelta(seconds=29 * 27.5)
    await act(cancel_campaign, other)


async def test_a_start_in_the_past_is_refused_with_all_kept(
    line: Line, clock: FrozenClock
) -> None:
    draft = await in_orm(lists.draft, line, 1)
    at = clock.now + timedelta(minutes=5)
    with pytest.raises(EndsBeforeStart):
        await act(set_timing, draft, timing=Timing(start_at=at, use_until=at))
    last = at + timedelta(minutes=1)
    await act(set_timing, draft, timing=Timing(start_at=at, use_until=last))
    clock.go_on(minutes=5)
    with pytest.raises(StartIsOver):
        await act(start_campaign, draft)
    with pytest.raises(StartIsOver):
        await act(set_timing, draft, timing=Timing(start_at=at))
    with pytest.raises(OfNoUseAnyMore):
        await act(set_timing, draft, timing=Timing(use_until=at))
    await in_orm(Campaign.objects.update, start_at=None)
    clock.go_on(minutes=1)
    with pytest.raises(OfNoUseAnyMore):
        await act(start_campaign, draft)
    assert (await fresh(draft)).status == CampaignStatus.DRAFT


async def test_after_its_last_moment_nothing_is_claimed_and_the_rest_expires(
    desk: Desk, clock: FrozenClock
) -> None:
    last = clock.now + timedelta(minutes=1)
    campaign = await timed(desk.line, 700, use_until=last)
    ledger = desk.sending.ledger
    await desk.serve()
    await desk.let_pauses_pass()
    state = await ledger.look(desk.line.pk)
    assert state is not None
    due = await ledger.find_due(state, 1)
    assert await ledger.expire() == 0
    clock.now = last
    with pytest.raises(LostClaim):
        await ledger.claim(state, due)
    assert await desk.serve() is None
    assert await ledger.overdue(by_s=1) == []
    assert await said(campaign) == (
        "It is of no use after Thu 5 Mar, 12:01: what still waits expires."
    )
    assert await ledger.expire() == 699
    assert await ledger.expire() == 0
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, "expired": 699}
    assert await in_orm(lambda: list(audit())) == []
    events = Event.objects.filter(message__campaign=campaign, kind="expired")
    assert await in_orm(events.count) == 699


async def test_a_pause_that_lasts_too_long_ends_in_nothing(
    desk: Desk, clock: FrozenClock
) -> None:
    campaign = await timed(desk.line, 2, use_until=clock.now + timedelta(hours=1))
    await act(pause_campaign, campaign)
    clock.go_on(days=3)
    with pytest.raises(OfNoUseAnyMore):
        await act(resume_campaign, campaign)
    assert await desk.sending.ledger.expire() == 2
    assert (await fresh(campaign)).state == "finished"
    assert desk.phones_sent() == []


async def test_more_time_helps_what_still_waits(desk: Desk, clock: FrozenClock) -> None:
    campaign = await timed(desk.line, 1, use_until=clock.now + timedelta(hours=1))
    later = clock.now + timedelta(hours=3)
    await act(set_timing, campaign, timing=Timing(use_until=later))
    clock.go_on(hours=2)
    assert await desk.sending.ledger.expire() == 0
    await desk.serve()
    assert len(desk.accepted()) == 1
    with pytest.raises(NotPossibleNow):
        await act(set_timing, campaign, timing=Timing(use_until=None))


async def test_a_last_moment_that_has_passed_is_not_moved(
    desk: Desk, clock: FrozenClock
) -> None:
    campaign = await timed(desk.line, 2, use_until=clock.now + timedelta(hours=1))
    clock.go_on(hours=2)  # the machine was off: nothing has expired yet
    for use_until in (clock.now + timedelta(hours=1), None):
        with pytest.raises(HasExpired):
            await act(set_timing, campaign, timing=Timing(use_until=use_until))
    assert await desk.sending.ledger.expire() == 2


async def test_what_is_scheduled_is_of_use_beyond_its_start(
    desk: Desk, clock: FrozenClock
) -> None:
    start_at = clock.now + timedelta(hours=2)
    campaign = await timed(desk.line, 2, start_at=start_at)
    with pytest.raises(EndsBeforeStart):
        await act(set_timing, campaign, timing=Timing(use_until=start_at))
    later = start_at + timedelta(hours=1)
    await act(set_timing, campaign, timing=Timing(use_until=later))
    clock.now = later  # the machine was off meanwhile
    with pytest.raises(HasExpired):
        await act(start_now, campaign)
    await desk.sending.ledger.start_scheduled()
    assert await desk.serve() is None
    assert await desk.sending.ledger.expire() == 2


async def test_what_failed_is_not_tried_again_when_it_is_of_no_use(
    desk: Desk, clock: FrozenClock
) -> None:
    campaign = await timed(desk.line, 1, use_until=clock.now + timedelta(hours=1))
    await in_orm(
        Message.objects.update, status=MessageStatus.FAILED, answered_at=clock.now
    )
    await in_orm(Campaign.objects.update, waiting=0, failed=1)
    clock.go_on(hours=2)
    with pytest.raises(OfNoUseAnyMore):
        await act(retry_failed, campaign)


async def chosen(campaign: Campaign) -> set[int]:
    members = SliceMember.objects.filter(campaign=campaign)
    return set(await in_orm(list, members.values_list("message_id", flat=True)))


@pytest.mark.parametrize("pacing", Pacing)
async def test_a_slice_leaves_first_and_the_others_wait(
    desk: Desk, clock: FrozenClock, pacing: Pacing
) -> None:
    campaign = await timed(desk.line, 40, slice_size=5, pacing=pacing)
    behind = await in_orm(lists.running, desk.line, 1, start=500)
    members = await chosen(campaign)
    assert len(members) == 5
    for _ in range(20):
        again_at = await desk.serve()
        if again_at is None:
            break
        clock.now = max(clock.now, again_at)
    sent = Message.objects.filter(status=MessageStatus.ACCEPTED)
    ids = await in_orm(
        list, sent.filter(campaign=campaign).values_list("pk", flat=True)
    )
    assert set(ids) == members
    # The line does not stand still meanwhile.
    assert (await fresh(behind)).accepted == 1
    assert await said(campaign) == (
        "The trial slice has been sent; 35 others wait for you to continue or stop."
    )
    assert await desk.sending.ledger.overdue(by_s=-60) == []
    await act(continue_campaign, campaign)
    with pytest.raises(NotPossibleNow):
        await act(continue_campaign, campaign)
    assert await said(campaign) == (
        "No worker has been seen yet. Please check that one is running."
    )
    if pacing == ONE:  # with a clock that stands still the other would wait for it
        await desk.let_pauses_pass()
        await desk.serve()
        assert (await fresh(campaign)).accepted == 6


async def test_a_claim_that_was_looked_for_before_the_slice_ended_is_lost(
    desk: Desk, clock: FrozenClock
) -> None:
    campaign = await timed(desk.line, 10, slice_size=2)
    ledger = desk.sending.ledger
    state = await ledger.look(desk.line.pk)
    assert state is not None
    due = await ledger.find_due(state, 5)
    assert {item.message_id for item in due} == await chosen(campaign)
    await act(continue_campaign, campaign)
    with pytest.raises(LostClaim):
        await ledger.claim(state, due[:1])


async def test_a_slice_that_is_stopped_reaches_nobody_else(
    desk: Desk, clock: FrozenClock
) -> None:
    campaign = await timed(desk.line, 10, slice_size=2)
    await desk.serve()
    await act(cancel_campaign, campaign)
    with pytest.raises(NotPossibleNow):
        await act(continue_campaign, campaign)
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, "cancelled": 9}


async def test_a_slice_of_a_scheduled_campaign_is_drawn_before_it_starts(
    desk: Desk, clock: FrozenClock
) -> None:
    at = clock.now + timedelta(hours=1)
    campaign = await timed(desk.line, 10, slice_size=2, start_at=at)
    assert len(await chosen(campaign)) == 2
    await act(unschedule, campaign)
    assert await chosen(campaign) == set()
    assert not (await fresh(campaign)).slice_is_open


async def test_a_list_no_longer_than_its_slice_needs_none(
    desk: Desk, clock: FrozenClock
) -> None:
    campaign = await timed(desk.line, 2, slice_size=5)
    assert (campaign.slice_size, campaign.slice_is_open) == (None, False)


async def test_everybody_is_as_likely_to_be_chosen(line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 8)
    await in_orm(lists.draft, line, 30, start=100)  # another list in between

    def draw() -> Counter[int]:
        drawn: Counter[int] = Counter()
        for _ in range(200):
            choose_slice(campaign, 2)
            members = SliceMember.objects.filter(campaign=campaign)
            drawn.update(members.values_list("message_id", flat=True))
        return drawn

    drawn = await in_orm(draw)
    assert sum(drawn.values()) == 400
    assert len(drawn) == 8
    # 50 of 400 each; six standard deviations off would be 37 more or fewer.
    assert max(drawn.values()) < 90
    assert min(drawn.values()) > 13
