from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from asgi_app.database import Params, Row, SqliteDoor, in_orm
from campaigns import slices
from campaigns.decisions import retry_failed
from campaigns.forecast_selectors import read_forecast
from campaigns.ledger import Ledger
from campaigns.models import Action, Campaign, Message, SliceMember
from campaigns.refusals import NotPossibleNow, OfNoUseAnyMore
from campaigns.removal import delete_campaign, remove_some
from campaigns.services import (
    cancel_campaign,
    pause_campaign,
    resume_campaign,
    start_campaign,
)
from campaigns.slice_pages import read_slice
from campaigns.slices import choose_slice
from campaigns.states import MessageStatus, Pacing
from campaigns.stops import add_to_stop_list
from campaigns.timing import Timing, continue_campaign, set_timing
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.desk import Desk
from tests.campaigns.frozen import FrozenClock, clock

__all__ = ["clock"]


def chosen(campaign: Campaign) -> set[int]:
    members = SliceMember.objects.filter(campaign=campaign)
    return set(members.values_list("message_id", flat=True))


async def act(service: Any, campaign: Campaign, **more: Any) -> Any:
    return await in_orm(service, campaign_id=campaign.pk, operator="anna", **more)


async def sliced(line: Line, count: int, **timing: Any) -> Campaign:
    """A campaign that has just been started with a slice."""
    pacing = timing.pop("pacing", Pacing.ONE_AFTER_ANOTHER)
    draft = await in_orm(lists.draft, line, count, pacing=pacing)
    await act(set_timing, draft, timing=Timing(**timing))
    await act(start_campaign, draft)
    return await fresh(draft)


async def fresh(campaign: Campaign) -> Campaign:
    return await in_orm(Campaign.objects.get, pk=campaign.pk)


# With one key a round the draws end in nothing, and the keys themselves are read.
@pytest.mark.parametrize("drawn_at_once", [500, 1])
def test_only_what_waits_in_this_very_campaign_is_chosen(
    line: Line, monkeypatch: pytest.MonkeyPatch, drawn_at_once: int
) -> None:
    monkeypatch.setattr(slices, "_DRAWN_AT_ONCE", drawn_at_once)
    monkeypatch.setattr(slices, "_ROUNDS", 2)
    campaign = lists.draft(line, 12)
    other = lists.draft(line, 12, start=100)
    # Both lists came in at once: their keys lie between each other.
    keys = list(Message.objects.order_by("pk").values_list("pk", flat=True))
    Message.objects.filter(pk__in=keys[1:11:2]).update(campaign=other)
    Message.objects.filter(pk__in=keys[14::2]).update(campaign=campaign)
    own = Message.objects.filter(campaign=campaign).order_by("pk")
    gone = list(own.values_list("pk", flat=True))[2:5]
    Message.objects.filter(pk__in=gone).update(status=MessageStatus.CANCELLED)
    waiting = set(own.values_list("pk", flat=True)) - set(gone)
    for _ in range(5):
        choose_slice(campaign, 8)
        assert len(chosen(campaign)) == 8
        assert chosen(campaign) <= waiting


class ListeningDoor(SqliteDoor):
    """A door that keeps what was asked through it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, Params]] = []

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        self.asked.append((sql, params))
        return await super().fetch(sql, params)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="its plan is SQLite's")
async def test_what_is_due_of_a_slice_is_found_by_its_members(line: Line) -> None:
    await sliced(line, 9, slice_size=2)
    door = ListeningDoor()
    ledger = Ledger(door, worker="test")
    state = await ledger.look(line.pk)
    assert state is not None and state.head is not None
    door.asked = []
    assert len(await ledger.find_due(state, 5)) == 2
    assert await ledger.first_delay(state.head) is not None
    assert len(door.asked) == 2
    for sql, params in list(door.asked):
        plan = await door.fetch(f"EXPLAIN QUERY PLAN {sql}", params)
        assert str(plan[0][-1]).startswith("SEARCH x "), plan
    await door.close()


async def test_a_member_that_failed_is_tried_again_before_the_others(
    desk: Desk,
) -> None:
    campaign = await sliced(desk.line, 6, slice_size=2)
    first, second = sorted(await in_orm(chosen, campaign))

    def fail() -> None:
        Message.objects.filter(pk=first).update(status=MessageStatus.FAILED)
        Campaign.objects.update(waiting=5, failed=1)

    await in_orm(fail)
    await desk.serve_all()
    assert (await fresh(campaign)).accepted == 1
    await act(retry_failed, campaign)
    await desk.let_pauses_pass()
    await desk.serve_all()
    assert await in_orm(lists.counts, campaign) == {"accepted": 2, "waiting": 4}
    gone = await in_orm(
        lambda: set(
            Message.objects.exclude(status="waiting").values_list("pk", flat=True)
        )
    )
    assert gone == {first, second}


async def test_whoever_opts_out_is_no_member_any_more(desk: Desk) -> None:
    campaign = await sliced(desk.line, 6, slice_size=2)
    first, _ = sorted(await in_orm(chosen, campaign))
    phone = await in_orm(lambda: Message.objects.get(pk=first).phone)
    await in_orm(add_to_stop_list, phones=[phone], operator="anna", reason="")
    await desk.serve_all()
    assert phone not in desk.accepted()
    page = await in_orm(read_slice, campaign_id=campaign.pk)
    assert (page.delivered.count, page.delivered.open_ones) == (1, 1)
    assert page.others == 4


async def test_what_is_continued_while_paused_waits_for_resume(desk: Desk) -> None:
    campaign = await sliced(desk.line, 6, slice_size=2)
    await act(pause_campaign, campaign)
    await act(continue_campaign, campaign)
    assert await desk.serve() is None
    await act(resume_campaign, campaign)
    await desk.serve_all()
    assert await in_orm(lists.counts, campaign) == {"accepted": 6}


async def test_of_many_clicks_on_continue_one_counts(desk: Desk) -> None:
    campaign = await sliced(desk.line, 6, slice_size=2)
    clicks = [act(continue_campaign, campaign) for _ in range(3)]
    done = await asyncio.gather(*clicks, return_exceptions=True)
    assert sum(isinstance(it, NotPossibleNow) for it in done) == 2
    actions = Action.objects.filter(campaign=campaign, verb="continued")
    assert await in_orm(actions.count) == 1


async def test_what_is_of_no_use_any_more_is_not_continued(
    desk: Desk, clock: FrozenClock
) -> None:
    until = clock.now + timedelta(hours=1)
    campaign = await sliced(desk.line, 6, slice_size=2, use_until=until)
    clock.go_on(hours=2)
    with pytest.raises(OfNoUseAnyMore):
        await act(continue_campaign, campaign)
    assert (await fresh(campaign)).slice_is_open


async def test_to_continue_makes_a_plan_of_delays_that_are_drawn_anew(
    desk: Desk, clock: FrozenClock
) -> None:
    each = Pacing.EACH_ON_ITS_OWN
    campaign = await sliced(desk.line, 40, slice_size=2, pacing=each)
    began = Campaign.objects.filter(pk=campaign.pk)
    await in_orm(began.update, delays_from=clock.now)
    clock.go_on(seconds=55)
    foreseen = await in_orm(read_forecast, await fresh(campaign), clock.now)
    await act(continue_campaign, campaign)
    planned = (await fresh(campaign)).planned_end_at
    # The last of 38 draws from 5 to 50 s.
    assert planned is not None and foreseen is not None
    assert planned == foreseen.ends_at
    assert planned - clock.now > timedelta(seconds=40)


async def test_a_slice_goes_with_its_campaign(desk: Desk) -> None:
    campaign = await sliced(desk.line, 6, slice_size=2)
    await act(cancel_campaign, campaign)
    await act(delete_campaign, campaign)
    while await in_orm(remove_some):
        pass
    assert await in_orm(SliceMember.objects.count) == 0
    assert await in_orm(Campaign.including_deleted.count) == 0


async def test_its_page_reloads_until_it_has_been_quiet_for_long(
    desk: Desk, clock: FrozenClock
) -> None:
    campaign = await sliced(desk.line, 6, slice_size=2)

    async def is_live() -> bool:
        page = await in_orm(read_slice, campaign_id=campaign.pk)
        return page.has_news_to_come

    assert await is_live()
    await desk.serve_all()
    assert await is_live()
    clock.go_on(minutes=11)
    assert not await is_live()
    members = Message.objects.filter(slicemember__campaign=campaign)
    arrived = {"status": MessageStatus.DELIVERED, "delivered_at": clock.now}
    await in_orm(lambda: members.update(**arrived))
    assert await is_live()  # they may be read
    await act(continue_campaign, campaign)
    assert await is_live()
    await in_orm(lambda: members.update(status=MessageStatus.READ))
    assert not await is_live()
