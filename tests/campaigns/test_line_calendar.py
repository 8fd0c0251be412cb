from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from asgi_app.database import in_orm
from campaigns.calendar_words import REASONS, cell, sentence
from campaigns.hindrances import Kind
from campaigns.line_calendar import (
    LineCalendar,
    place,
    place_draft,
    read_calendar,
)
from campaigns.line_hours import Day, Hour
from campaigns.models import Campaign, LineClock, LineRules, LineSpell, MinuteCount
from campaigns.rules import Why
from campaigns.spells import SENDING
from campaigns.states import CampaignStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site
from tests.campaigns.frozen import FrozenClock, clock

__all__ = ["clock"]

BY_DAY = [[["09:00", "19:00"]]] * 5 + [[], []]
# A Thursday.
TODAY = date(2026, 3, 5)


def schedule(campaign: Campaign, at: object) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(
        status=CampaignStatus.SCHEDULED, start_at=at
    )


async def read(line: Line, **asked: Any) -> LineCalendar:
    return await in_orm(read_calendar, line_id=line.pk, **asked)


def day_of(calendar: LineCalendar, day: date) -> Day:
    return next(found for found in calendar.days if found.day == day)


def counts(day: Day, name: str) -> dict[int, int]:
    return {
        number: getattr(hour, name)
        for number, hour in enumerate(day.hours)
        if hour and getattr(hour, name)
    }


async def test_what_was_sent_stands_in_its_hour(line: Line, clock: FrozenClock) -> None:
    clock.show("2026-03-05", "12:00")
    campaign = await in_orm(lists.running, line, 1)
    steps = [("sent", 119, 3), ("sent", 120, 4), ("failed", 120, 1), ("read", 120, 9)]

    def count() -> None:
        for kind, minutes, number in steps:
            minute = clock.now - timedelta(minutes=minutes)
            MinuteCount.objects.create(
                campaign=campaign, kind=kind, minute=minute, count=number
            )

    await in_orm(count)
    today = day_of(await read(line), TODAY)
    assert counts(today, "sent") == {10: 7}
    assert counts(today, "failed") == {10: 1}
    assert today.sent == 7


async def test_what_is_planned_keeps_the_rules_and_is_told_by_the_hour(
    line: Line, clock: FrozenClock
) -> None:
    clock.show("2026-03-05", "17:30")
    rules = {"windows": BY_DAY, "hour_cap": 40, "day_cap": 100}
    await in_orm(lambda: LineRules.objects.create(line=line, **rules))
    await in_orm(lists.running, line, 200)
    calendar = await read(line)
    assert len(calendar.days) == 14
    assert counts(day_of(calendar, TODAY), "planned") == {17: 40, 18: 40}
    friday = day_of(calendar, date(2026, 3, 6))
    assert counts(friday, "planned") == {9: 40, 10: 40, 11: 20}
    assert friday.cap == 100
    said = {n: sentence(hour) for n, hour in enumerate(friday.hours) if hour}
    assert said[8] == "outside its hours"
    assert said[9] == "40 planned"
    assert said[12] == "the day's cap will be reached"
    assert day_of(calendar, date(2026, 3, 7)).planned == 0
    monday = day_of(calendar, date(2026, 3, 9))
    assert sum(counts(monday, "planned").values()) == 20
    assert cell(monday.hours[15]).said == "free"


async def test_the_warm_up_climbs_on_days_on_which_something_leaves(
    line: Line, clock: FrozenClock
) -> None:
    clock.show("2026-03-05", "10:00")
    rules = {"windows": BY_DAY, "warm_up": [20, 50, 100]}
    await in_orm(lambda: LineRules.objects.create(line=line, **rules))
    await in_orm(lists.running, line, 90)
    calendar = await read(line)
    steps = {day.day.day: (day.step, day.cap, day.planned) for day in calendar.days}
    assert steps[5] == (0, 20, 20)
    assert steps[6] == (1, 50, 50)
    assert steps[7] == (2, 100, 0)
    assert steps[9] == (2, 100, 20)
    assert steps[10] == (None, None, 0)
    assert steps[4] == (None, None, 0)


async def test_every_past_hour_without_a_message_is_explained(
    line: Line, clock: FrozenClock
) -> None:
    clock.show("2026-03-05", "12:00")
    await in_orm(lists.running, line, 1)
    now = clock.now

    def write() -> None:
        for kind, code, since, until in [
            (Kind.OUTSIDE_HOURS, "", 5, 3),
            (Kind.PAUSED, "", 3, 2.5),
            (Kind.HELD_BACK, "rate_limited", 2.5, 2),
            (SENDING, "", 1, 0),
        ]:
            LineSpell.objects.create(
                line=line,
                kind=kind,
                code=code,
                since=now - timedelta(hours=since),
                until=now - timedelta(hours=until),
            )

    await in_orm(write)
    today = day_of(await read(line), TODAY)
    said = [sentence(hour) for hour in today.hours[6:12] if hour]
    assert said[0] == "nothing was written down yet"
    assert said[1] == "outside its hours"
    assert said[3].startswith("09:00–09:30 paused; 09:30–10:00 held back")
    assert said[4] == "no worker was there"
    assert said[5] == "waited between two messages"
    looks = [cell(hour).look for hour in today.hours[6:12]]
    assert looks == ["unknown", "rested", "rested", "amiss", "amiss", "idle"]


def test_every_reason_has_words() -> None:
    assert set(REASONS) == {*Kind, SENDING}
    assert {*map(str, Why)} <= set(REASONS)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 24), ("2026-03-09", 24)]
)
async def test_a_day_on_which_clocks_change_has_its_hours(
    line: Line,
    clock: FrozenClock,
    settings: Any,
    day: str,
    hours: int,
) -> None:
    settings.TIME_ZONE = "America/New_York"
    found = await read(line, first=date.fromisoformat(day), days=1)
    there = [hour for hour in found.days[0].hours if hour]
    assert len(there) == hours
    assert all(a.until == b.since for a, b in pairwise(there))
    length = there[-1].until - there[0].since
    assert length == timedelta(hours=25 if day == "2026-11-01" else hours)


async def test_what_left_in_an_hour_that_came_twice_stands_in_it(
    line: Line, clock: FrozenClock, settings: Any
) -> None:
    settings.TIME_ZONE = "America/New_York"
    campaign = await in_orm(lists.running, line, 1)
    clock.now = datetime(2026, 11, 1, 12, tzinfo=UTC)

    def count() -> None:
        for hour in (5, 6):  # 01:30 before the clock is put back, and after
            minute = datetime(2026, 11, 1, hour, 30, tzinfo=UTC)
            MinuteCount.objects.create(
                campaign=campaign, kind="sent", minute=minute, count=hour
            )

    await in_orm(count)
    day = (await read(line, first=date(2026, 11, 1), days=1)).days[0]
    assert counts(day, "sent") == {1: 11}


async def test_a_draft_finds_room_behind_what_runs_and_says_what_it_delays(
    line: Line, clock: FrozenClock
) -> None:
    clock.show("2026-03-05", "10:00")
    first = await in_orm(lists.running, line, 60)
    later = await in_orm(lists.draft, line, 10, start=100)
    await in_orm(schedule, later, clock.now + timedelta(minutes=40))
    draft = await in_orm(lists.draft, line, 120, start=200)
    found = (await in_orm(place, draft, clock.now)).collisions
    assert [(c.campaign, c.is_before) for c in found] == [(first, True), (later, False)]
    assert found[0].ends_at - clock.now == timedelta(seconds=59 * 27.5)
    assert timedelta(minutes=35) < found[1].later < timedelta(minutes=50)
    calendar = await in_orm(place_draft, campaign_id=draft.pk)
    assert calendar.begins_at is not None and calendar.ends_at is not None
    assert calendar.begins_at > found[0].ends_at
    today = calendar.days[0]
    assert today.day == TODAY
    assert sum(counts(today, "of_draft").values()) == 120
    assert sum(counts(today, "planned").values()) == 70


async def test_what_starts_after_a_draft_has_ended_is_no_collision(
    line: Line, clock: FrozenClock
) -> None:
    later = await in_orm(lists.draft, line, 10)
    await in_orm(schedule, later, clock.now + timedelta(hours=5))
    draft = await in_orm(lists.draft, line, 20, start=200)
    assert (await in_orm(place, draft, clock.now)).collisions == []


async def test_the_pages_show_the_days_and_refuse_what_is_no_date(site: Site) -> None:
    line = await in_orm(Line.objects.get)
    await in_orm(lists.running, line, 30)
    draft = await in_orm(lists.draft, line, 5, start=100)
    page = await site.get(f"/lines/{line.pk}/calendar/")
    assert page.status_code == 200
    legend = page.text.partition('<ul class="legend">')[2].partition("</ul>")[0]
    assert "planned" in legend and "nothing was written down yet" in legend
    assert not re.search(r">[^<]*\d", legend), "a number would read as a fact"
    assert (
        await site.get(f"/lines/{line.pk}/calendar/?from=rubbish")
    ).status_code == 200
    placed = await site.get(f"/campaigns/{draft.pk}/calendar/")
    assert "‹Sale› finds room" in placed.text
    assert "goes first" in placed.text
    day = await site.get(f"/lines/{line.pk}/calendar/2026-03-05/")
    assert "nothing was written down yet" in day.text
    for bad in ("rubbish", "2026-02-30", "0001-01-01", "9999-12-31"):
        assert (await site.get(f"/lines/{line.pk}/calendar/{bad}/")).status_code == 404
    assert (await site.get("/lines/999999/calendar/")).status_code == 404
    assert (await site.get("/campaigns/999999/calendar/")).status_code == 404


def test_an_hour_without_clock_says_so() -> None:
    assert cell(None).look == "none"


def test_an_hour_that_goes_on_says_both_parts(clock: FrozenClock) -> None:
    hour = Hour(clock.now, clock.now + timedelta(hours=1), sent=2, planned=3)
    assert sentence(hour) == "2 sent; 3 planned"


async def test_a_line_that_never_sent_has_an_empty_calendar(line: Line) -> None:
    calendar = await read(line)
    assert all(hour is None or hour.is_empty for d in calendar.days for hour in d.hours)
    assert await in_orm(LineClock.objects.count) == 0
