"""A line under rules: it rests, says so on its clock, and goes on by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from asgi_app.database import in_orm
from campaigns.ledger.entries import Claimed, LostClaim, Outcome
from campaigns.line_rules import rules_of
from campaigns.models import LineClock, LineRules, Message
from campaigns.pacing import Delays
from campaigns.services import pause_campaign, start_campaign
from campaigns.states import MessageStatus, Pacing
from campaigns.trials import start_trial
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.desk import Desk, clock_of
from tests.campaigns.frozen import MOSCOW, FrozenClock, clock

__all__ = ["clock"]

BY_DAY = [[["09:00", "19:00"]]] * 5 + [[], []]
THURSDAY, FRIDAY, MONDAY = "2026-03-05", "2026-03-06", "2026-03-09"


async def give_rules(line: Line, **rules: Any) -> None:
    await in_orm(lambda: LineRules.objects.update_or_create(line=line, defaults=rules))


async def serve_until(desk: Desk, clock: FrozenClock, day: str, at: str) -> None:
    """Serves the line as its doorbell does until a moment has come."""
    end = FrozenClock(clock.now).show(day, at)
    while clock.now < end:
        again_at = await desk.serve()
        clock.now = min(end, again_at or end)


async def test_a_line_rests_outside_its_hours_and_goes_on_when_they_open(
    desk: Desk, clock: FrozenClock
) -> None:
    await give_rules(desk.line, windows=BY_DAY)
    clock.show(THURSDAY, "21:00")
    await in_orm(lists.running, desk.line, 2)
    opens = FrozenClock(clock.now).show(FRIDAY, "09:00")
    assert await desk.serve() == opens
    held = await clock_of(desk)
    assert (held.next_at, held.is_resting) == (opens, True)
    assert desk.accepted() == []
    clock.show(FRIDAY, "08:59")
    assert await desk.sending.ledger.overdue(by_s=2) == []
    # Twelve hours of rest are no outage after which it must be asked.
    clock.show(FRIDAY, "09:00")
    again_at = await desk.serve()
    assert again_at is not None and again_at > opens
    assert len(desk.accepted()) == 1
    assert not (await clock_of(desk)).is_resting


async def test_a_day_off_and_a_weekend_are_passed_over(
    desk: Desk, clock: FrozenClock
) -> None:
    await give_rules(desk.line, windows=BY_DAY, days_off=[FRIDAY])
    clock.show(FRIDAY, "10:00")
    await in_orm(lists.running, desk.line, 1)
    assert await desk.serve() == FrozenClock(clock.now).show(MONDAY, "09:00")


@pytest.mark.parametrize("pacing", Pacing)
async def test_no_more_leave_in_an_hour_than_its_cap(
    desk: Desk, clock: FrozenClock, pacing: Pacing
) -> None:
    await give_rules(desk.line, hour_cap=3)
    clock.show(THURSDAY, "10:20")
    await in_orm(
        lists.running,
        desk.line,
        7,
        pacing=pacing,
        delays=Delays(0, 0, desk.sending.delays.source),
    )
    await serve_until(desk, clock, THURSDAY, "10:59")
    assert len(desk.accepted()) == 3
    held = await clock_of(desk)
    assert held.next_at.astimezone(MOSCOW).strftime("%H:%M") == "11:00"
    assert (held.hour_count, held.day_count, held.is_resting) == (3, 3, True)
    await serve_until(desk, clock, THURSDAY, "11:59")
    assert len(desk.accepted()) == 6
    await serve_until(desk, clock, THURSDAY, "12:30")
    assert len(desk.accepted()) == 7
    held = await clock_of(desk)
    assert (held.hour_count, held.day_count, held.warm_days) == (1, 7, 1)


async def test_a_new_line_climbs_its_steps_day_by_day(
    desk: Desk, clock: FrozenClock, settings: Settings
) -> None:
    settings.WARM_UP = [1, 2]
    clock.show(THURSDAY, "10:00")
    await in_orm(lists.running, desk.line, 6)
    await serve_until(desk, clock, FRIDAY, "00:00")
    assert len(desk.accepted()) == 1
    await serve_until(desk, clock, "2026-03-07", "00:00")
    assert len(desk.accepted()) == 3
    await serve_until(desk, clock, "2026-03-08", "00:00")
    assert len(desk.accepted()) == 6


async def test_a_line_that_has_sent_before_is_warm(
    desk: Desk, settings: Settings
) -> None:
    await in_orm(lists.running, desk.line, 1)
    settings.WARM_UP = [1, 2]
    assert (await in_orm(rules_of, desk.line.pk)).warm_up == ()
    draft = await in_orm(lists.draft, desk.line, 1)
    await in_orm(start_campaign, campaign_id=draft.pk, operator="anna")
    assert (await in_orm(rules_of, desk.line.pk)).warm_up == ()


async def claim_one(desk: Desk) -> Claimed:
    ledger = desk.sending.ledger
    state = await ledger.look(desk.line.pk)
    assert state is not None
    claim = await ledger.claim(state, await ledger.find_due(state, 1))
    return claim.messages[0]


async def tally(desk: Desk) -> tuple[int, int, int]:
    held = await clock_of(desk)
    return held.hour_count, held.day_count, held.warm_days


async def test_what_did_not_leave_counts_for_no_cap(
    desk: Desk, clock: FrozenClock
) -> None:
    await give_rules(desk.line, hour_cap=1, warm_up=[1, 5])
    clock.show(THURSDAY, "10:00")
    await in_orm(lists.running, desk.line, 2)
    for _ in range(2):
        claimed = await claim_one(desk)
        assert await tally(desk) == (1, 1, 1)
        given_back = Outcome(claimed, MessageStatus.WAITING, clock.now)
        await desk.sending.ledger.record(given_back)
        # Told twice, as after an answer that was lost, it counts once.
        await desk.sending.ledger.record(given_back)
        assert await tally(desk) == (0, 0, 0)


async def test_what_comes_back_late_is_no_part_of_the_hour_that_has_begun(
    desk: Desk, clock: FrozenClock
) -> None:
    clock.show(THURSDAY, "10:59")
    await in_orm(lists.running, desk.line, 2)
    late = await claim_one(desk)
    clock.go_on(minutes=1)
    await claim_one(desk)
    assert await tally(desk) == (1, 2, 1)
    outcome = Outcome(late, MessageStatus.WAITING, clock.now)
    await desk.sending.ledger.record(outcome)
    assert await tally(desk) == (1, 1, 1)


async def test_a_trial_leaves_at_night_and_the_line_rests_again(
    desk: Desk, clock: FrozenClock
) -> None:
    await give_rules(desk.line, windows=BY_DAY)
    clock.show(THURSDAY, "22:00")
    await in_orm(lists.running, desk.line, 1)
    assert await desk.serve() is not None
    draft = await in_orm(lists.draft, desk.line, 1, start=50)
    clock.go_on(minutes=1)
    await in_orm(
        start_trial,
        campaign_id=draft.pk,
        phone="+79990001122",
        operator="anna",
        key="k",
    )
    again_at = await desk.serve()
    assert desk.accepted() == ["+79990001122"]
    assert again_at is not None
    clock.now = again_at
    assert await desk.serve() == FrozenClock(clock.now).show(FRIDAY, "09:00")


async def test_a_message_found_before_the_hours_close_is_not_claimed_after(
    desk: Desk, clock: FrozenClock
) -> None:
    await give_rules(desk.line, windows=BY_DAY)
    clock.show(THURSDAY, "18:59")
    await in_orm(lists.running, desk.line, 1)
    ledger = desk.sending.ledger
    state = await ledger.look(desk.line.pk)
    assert state is not None
    due = await ledger.find_due(state, 1)
    clock.show(THURSDAY, "19:00")
    with pytest.raises(LostClaim):
        await ledger.claim(state, due)


async def test_who_lives_where_it_is_evening_by_now_is_not_claimed(
    desk: Desk, clock: FrozenClock
) -> None:
    await give_rules(desk.line, windows=BY_DAY, in_recipients_zone=True)
    clock.show(THURSDAY, "16:59")  # 18:59 in Yekaterinburg
    await in_orm(lists.running, desk.line, 2)
    await in_orm(lambda: Message.objects.update(zone="Asia/Yekaterinburg"))
    ledger = desk.sending.ledger
    state = await ledger.look(desk.line.pk)
    assert state is not None
    due = await ledger.find_due(state, 1)
    await in_orm(lambda: Message.objects.exclude(pk=due[0].message_id).update(zone=""))
    clock.show(THURSDAY, "17:00")
    with pytest.raises(LostClaim):
        await ledger.claim(state, due)
    assert await desk.serve() is not None
    assert len(desk.accepted()) == 1


async def test_a_pause_lets_a_resting_line_look_at_the_next_campaign(
    desk: Desk, clock: FrozenClock
) -> None:
    await give_rules(desk.line, windows=BY_DAY, in_recipients_zone=True)
    clock.show(THURSDAY, "07:00")  # 09:00 in Yekaterinburg
    at_home = await in_orm(lists.running, desk.line, 1)
    await in_orm(lists.running, desk.line, 1, start=10)
    east = Message.objects.exclude(campaign=at_home)
    await in_orm(lambda: east.update(zone="Asia/Yekaterinburg"))
    await desk.serve()
    assert (await clock_of(desk)).is_resting
    await in_orm(pause_campaign, campaign_id=at_home.pk, operator="anna")
    await desk.serve()
    assert len(desk.accepted()) == 1


async def test_each_gets_it_when_it_is_day_where_he_lives(
    desk: Desk, clock: FrozenClock
) -> None:
    await give_rules(desk.line, windows=BY_DAY, in_recipients_zone=True)
    clock.show(THURSDAY, "07:00")  # 09:00 in Yekaterinburg
    campaign = await in_orm(lists.running, desk.line, 2)

    def move_one_east() -> str:
        message = Message.objects.filter(campaign=campaign).latest("pk")
        Message.objects.filter(pk=message.pk).update(zone="Asia/Yekaterinburg")
        return message.phone

    phone = await in_orm(move_one_east)
    await serve_until(desk, clock, THURSDAY, "08:30")
    assert desk.accepted() == [phone]
    await serve_until(desk, clock, THURSDAY, "09:30")
    assert len(desk.accepted()) == 2


async def test_a_start_lets_a_resting_line_look_anew(
    desk: Desk, clock: FrozenClock
) -> None:
    await give_rules(desk.line, windows=BY_DAY)
    clock.show(THURSDAY, "22:00")
    await in_orm(lists.running, desk.line, 1)
    await desk.serve()
    before = await clock_of(desk)
    clock.go_on(hours=1)
    await in_orm(lists.running, desk.line, 1, start=10)
    held = await clock_of(desk)
    assert held.next_at == clock.now
    assert (held.is_resting, held.turn) == (False, before.turn + 1)
    # A pause between two messages is not cut short by a start.
    await in_orm(LineClock.objects.update, next_at=clock.now + timedelta(seconds=9))
    await in_orm(lists.running, desk.line, 1, start=20)
    assert (await clock_of(desk)).next_at == clock.now + timedelta(seconds=9)
