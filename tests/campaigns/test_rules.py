from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.hours import Hours, Window
from campaigns.rules import (
    HOUSE,
    NO_RULES,
    NOTHING_LEFT,
    Rules,
    Tally,
    Why,
    day_after,
    day_of,
    hour_after,
    hour_of,
    may_send,
    read_hours,
    warm_up_step,
    zones_of,
)

MOSCOW = ZoneInfo("Europe/Moscow")
# Zones whose clocks do what clocks should not: half-hour shifts, days that begin at
# one, a day that never was, changes at midnight and on odd dates.
ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Moscow",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Sao_Paulo",
        "Asia/Beirut",
        "Africa/Cairo",
        "Pacific/Apia",
        "Pacific/Chatham",
        "America/Nuuk",
        "Asia/Kathmandu",
        "Africa/Casablanca",
        "America/Havana",
        "Asia/Gaza",
        "UTC",
    )
]
zones = st.sampled_from(ZONES)
moments = st.datetimes(
    datetime(2011, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    datetime(2035, 12, 31),  # noqa: DTZ001
    timezones=st.just(UTC),
)
windows = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(1, 1440)).map(
        lambda w: Window(w[0], min(w[0] + w[1], 1440))
    ),
    max_size=2,
).map(tuple)
hours = st.builds(
    Hours,
    st.none() | st.tuples(*[windows] * 7),
    st.frozensets(st.dates(date(2026, 2, 20), date(2026, 4, 10)), max_size=4),
)
rules = st.builds(
    Rules,
    zone=zones,
    hours=hours,
    in_recipients_zone=st.booleans(),
    hour_cap=st.none() | st.integers(1, 5),
    day_cap=st.none() | st.integers(1, 9),
    warm_up=st.lists(st.integers(1, 9), max_size=3).map(tuple),
)
KEYS = ("", "Asia/Yekaterinburg", "Europe/Bucharest|Asia/Kamchatka")
# Their clocks are never changed.
STEADY = ("", "Asia/Tashkent", "Asia/Dubai|Asia/Tokyo")
BY_DAY = Hours(((Window(540, 1140),),) * 5 + ((), ()))


def wall(day: str, at: str, zone: ZoneInfo = MOSCOW, fold: int = 0) -> datetime:
    local = datetime.fromisoformat(f"{day}T{at}").replace(tzinfo=zone, fold=fold)
    return local.astimezone(UTC)


def shown(at: datetime | None, zone: ZoneInfo = MOSCOW) -> str:
    return at.astimezone(zone).strftime("%a %d %H:%M") if at else ""


def is_open(h: Hours, at: datetime, zone: ZoneInfo) -> bool:
    """By the clock on the wall alone."""
    local = at.astimezone(zone)
    minute = local.hour * 60 + local.minute
    return any(w.opens <= minute < w.closes for w in h.of_day(local.date()))


# Thursday, 5 March 2026.
@pytest.mark.parametrize(
    ("at", "why", "until"),
    [
        (wall("2026-03-05", "09:00"), None, ""),
        (wall("2026-03-05", "18:59:59"), None, ""),
        (wall("2026-03-05", "19:00"), Why.OUTSIDE_HOURS, "Fri 06 09:00"),
        (wall("2026-03-05", "08:59"), Why.OUTSIDE_HOURS, "Thu 05 09:00"),
        (wall("2026-03-06", "19:00"), Why.OUTSIDE_HOURS, "Tue 10 09:00"),
        (wall("2026-03-09", "12:00"), Why.DAY_OFF, "Tue 10 09:00"),
    ],
)
def test_hours_and_days_off(at: datetime, why: Why | None, until: str) -> None:
    closed_on_monday = Hours(BY_DAY.windows, frozenset({date(2026, 3, 9)}))
    verdict = may_send(Rules(MOSCOW, closed_on_monday), NOTHING_LEFT, at)
    assert (verdict.why, shown(verdict.until)) == (why, until)
    assert verdict.room == (None if why is None else 0)


@pytest.mark.parametrize(
    ("sent", "day", "why", "until"),
    [
        (2, 2, None, ""),
        (3, 3, Why.HOUR_CAP, "Thu 05 11:00"),
        (0, 7, Why.DAY_CAP, "Fri 06 09:00"),
        (3, 7, Why.DAY_CAP, "Fri 06 09:00"),
    ],
)
def test_caps_of_the_hour_and_the_day(
    sent: int, day: int, why: Why | None, until: str
) -> None:
    now = wall("2026-03-05", "10:20")
    tally = Tally(hour_of(now, MOSCOW), sent, day_of(now, MOSCOW), day)
    limited = Rules(MOSCOW, BY_DAY, hour_cap=3, day_cap=7)
    verdict = may_send(limited, tally, now)
    assert (verdict.why, shown(verdict.until)) == (why, until)
    assert verdict.room == (min(3 - sent, 7 - day) if why is None else 0)


def test_a_cap_that_is_reached_in_the_last_hour_lasts_until_the_hours_open() -> None:
    now = wall("2026-03-05", "18:20")
    tally = NOTHING_LEFT.after(3, now, MOSCOW)
    verdict = may_send(Rules(MOSCOW, BY_DAY, hour_cap=3), tally, now)
    assert (verdict.why, shown(verdict.until)) == (Why.HOUR_CAP, "Fri 06 09:00")


def test_the_warm_up_climbs_on_days_on_which_something_left() -> None:
    warming = Rules(MOSCOW, warm_up=(2, 5, 9))
    tally = NOTHING_LEFT
    room, steps = [], []
    for day in ("05", "06", "08", "09"):  # nothing leaves on the 7th
        now = wall(f"2026-03-{day}", "10:00")
        steps.append(warm_up_step(warming, tally, now))
        verdict = may_send(warming, tally, now)
        room.append(verdict.room)
        tally = tally.after(1, now, MOSCOW)
        assert warm_up_step(warming, tally, now) == steps[-1]
    assert steps == [0, 1, 2, None]
    assert room == [2, 5, 9, None]


def test_a_step_that_is_used_up_waits_for_the_next_day() -> None:
    now = wall("2026-03-05", "10:00")
    warming = Rules(MOSCOW, BY_DAY, day_cap=50, warm_up=(2, 5))
    verdict = may_send(warming, NOTHING_LEFT.after(2, now, MOSCOW), now)
    assert (verdict.why, shown(verdict.until)) == (Why.WARM_UP, "Fri 06 09:00")


def test_where_nothing_ever_opens_nobody_can_tell_until_when() -> None:
    closed = Rules(MOSCOW, Hours(((),) * 7))
    verdict = may_send(closed, NOTHING_LEFT, wall("2026-03-05", "10:00"))
    assert (verdict.room, verdict.until) == (0, None)


def test_without_rules_all_may_leave() -> None:
    verdict = may_send(NO_RULES, NOTHING_LEFT, wall("2026-03-05", "03:00"), KEYS)
    assert (verdict.room, verdict.awake) == (None, KEYS)


def test_recipients_are_asked_where_they_live() -> None:
    at_home = Rules(MOSCOW, BY_DAY, in_recipients_zone=True)
    seven = may_send(at_home, NOTHING_LEFT, wall("2026-03-05", "07:00"), KEYS)
    assert seven.awake == ("Asia/Yekaterinburg",)
    ten = may_send(at_home, NOTHING_LEFT, wall("2026-03-05", "10:00"), KEYS)
    # Bucharest and Kamchatka are ten hours apart: no hour of nine to seven is open in
    # both, so the house's own counts.
    assert ten.awake == KEYS
    evening = may_send(at_home, NOTHING_LEFT, wall("2026-03-05", "18:00"), KEYS)
    assert evening.awake == ("", "Europe/Bucharest|Asia/Kamchatka")
    night = may_send(at_home, NOTHING_LEFT, wall("2026-03-05", "20:00"), KEYS)
    assert shown(night.until) == "Fri 06 07:00"


def test_between_two_zones_both_must_be_open() -> None:
    at_home = Rules(MOSCOW, BY_DAY, in_recipients_zone=True)
    key = "Europe/Moscow|Asia/Omsk"
    assert len(zones_of(at_home, key, wall("2026-03-05", "10:00"))) == 2
    for at, is_awake in [("10:00", True), ("15:59", True), ("16:00", False)]:
        verdict = may_send(at_home, NOTHING_LEFT, wall("2026-03-05", at), [key])
        assert bool(verdict.room is None) == is_awake, at


@pytest.mark.parametrize(
    ("zone", "at", "is_allowed"),
    [
        # 02:00–03:00 does not exist on 29 March, and exists twice on 25 October.
        ("Europe/Berlin", wall("2026-03-29", "03:30", ZoneInfo("Europe/Berlin")), True),
        (
            "Europe/Berlin",
            wall("2026-10-25", "02:30", ZoneInfo("Europe/Berlin"), fold=0),
            False,
        ),
        (
            "Europe/Berlin",
            wall("2026-10-25", "02:30", ZoneInfo("Europe/Berlin"), fold=1),
            True,
        ),
    ],
)
def test_where_clocks_change_a_window_opens_late(
    zone: str, at: datetime, is_allowed: bool
) -> None:
    from_two = Rules(ZoneInfo(zone), Hours(((Window(135, 300),),) * 7))
    assert (may_send(from_two, NOTHING_LEFT, at).room is None) == is_allowed


@given(rules=rules, at=moments, tally_count=st.integers(0, 9), days=st.integers(0, 4))
@example(
    rules=Rules(ZoneInfo("Pacific/Apia"), Hours(((Window(0, 1440),),) * 7)),
    at=datetime(2011, 12, 30, 9, 59, tzinfo=UTC),
    tally_count=0,
    days=0,
)
def test_the_answer_is_what_the_clocks_on_the_wall_allow(
    rules: Rules, at: datetime, tally_count: int, days: int
) -> None:
    tally = Tally(
        hour_of(at, rules.zone), tally_count, day_of(at, rules.zone), tally_count, days
    )
    verdict = may_send(rules, tally, at, STEADY)
    keys = STEADY if rules.in_recipients_zone else (HOUSE,)
    if verdict.room != 0:
        assert verdict.why is None
        if rules.are_limiting:
            assert verdict.awake
            for key in verdict.awake:
                assert all(
                    is_open(rules.hours, at, z) for z in zones_of(rules, key, at)
                )
                assert key in keys
            assert verdict.open_until is None or verdict.open_until > at
        return
    assert verdict.why is not None
    if verdict.until is None:
        return
    assert verdict.until > at
    again = may_send(rules, tally, verdict.until, STEADY)
    assert again.room != 0
    # Nothing could have left in between.
    step = (verdict.until - at) / 7
    for number in range(7):
        assert may_send(rules, tally, at + number * step, STEADY).room == 0


@given(zone=zones, at=moments)
def test_hours_and_days_follow_one_another_in_every_zone(
    zone: ZoneInfo, at: datetime
) -> None:
    assert hour_of(at, zone) <= at < hour_after(at, zone)
    assert hour_after(at, zone) - at <= timedelta(hours=1)
    assert day_of(at, zone) <= at < day_after(at, zone)
    assert day_of(day_of(at, zone), zone) == day_of(at, zone)
    start = day_after(at, zone)
    assert day_of(start, zone) == start
    assert start.astimezone(zone).date() > at.astimezone(zone).date()


@given(
    rules=rules,
    at=moments,
    gaps=st.lists(st.integers(1, 4_000), min_size=30, max_size=60),
)
def test_no_more_leave_than_the_caps_allow(
    rules: Rules, at: datetime, gaps: list[int]
) -> None:
    tally, by_hour, by_day = NOTHING_LEFT, Counter[datetime](), Counter[datetime]()
    for gap_s in gaps:
        verdict = may_send(rules, tally, at)
        if verdict.room == 0:
            if verdict.until is None:
                break
            at = verdict.until
        tally = tally.after(1, at, rules.zone)
        by_hour[hour_of(at, rules.zone)] += 1
        by_day[day_of(at, rules.zone)] += 1
        at += timedelta(seconds=gap_s)
    if rules.hour_cap:
        assert max(by_hour.values(), default=0) <= rules.hour_cap
    if rules.day_cap:
        assert max(by_day.values(), default=0) <= rules.day_cap
    for day, cap in zip(sorted(by_day), rules.warm_up, strict=False):
        assert by_day[day] <= cap
    assert tally.warm_days == len(by_day)


def test_hours_are_read_as_they_are_stored() -> None:
    stored = [[["09:00", "13:00"], ["14:30", "24:00"]], [], [], [], [], [], []]
    read = read_hours(stored, ["2026-12-31"])
    assert read.of_day(date(2026, 3, 2)) == (Window(540, 780), Window(870, 1440))
    assert read.of_day(date(2026, 12, 31)) == ()
    assert str(read.of_day(date(2026, 3, 2))[1]) == "14:30–24:00"
    assert read_hours(None, []).are_limited is False
    assert time(9) < time(13)
