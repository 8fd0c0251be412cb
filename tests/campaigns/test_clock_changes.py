"""The rules where clocks are put forward or back: the hours nobody tries by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.hours import Hours, Window
from campaigns.rules import (
    NOTHING_LEFT,
    Rules,
    day_after,
    day_of,
    hour_after,
    hour_of,
    may_send,
    zones_of,
)
from tests.campaigns.test_rules import ZONES, is_open, rules

MOSCOW = ZoneInfo("Europe/Moscow")
# Pairs of zones whose distance differs between summer and winter.
PAIRS = [
    "Indian/Cocos|Australia/Sydney",
    "America/Phoenix|America/Denver",
    "Europe/Kaliningrad|Asia/Kamchatka",
    "Pacific/Honolulu|America/St_Johns",
    "America/Santiago|Asia/Tokyo",
]
# Nine to one on weekdays: in summer too short for Cocos and Sydney.
MORNINGS = Hours(((Window(540, 780),),) * 5 + ((), ()))


def changes(zone: ZoneInfo) -> list[datetime]:
    """When its clocks change between 2020 and 2035, to the minute."""
    weeks = [
        datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=7 * n) for n in range(820)
    ]
    found = []
    for early, late in pairwise(weeks):
        offset = early.astimezone(zone).utcoffset()
        if offset == late.astimezone(zone).utcoffset():
            continue
        while late - early > timedelta(minutes=1):
            middle = early + (late - early) // timedelta(minutes=2) * timedelta(
                minutes=1
            )
            if middle.astimezone(zone).utcoffset() == offset:
                early = middle
            else:
                late = middle
        found.append(late)
    return found


CHANGES = [
    (zone, at)
    for zone in [*ZONES, *(ZoneInfo(key.split("|")[1]) for key in PAIRS)]
    for at in changes(zone)
]
near = st.sampled_from(CHANGES)
minutes = st.integers(-48 * 60, 12 * 60).map(lambda number: timedelta(minutes=number))


@given(change=near, by=st.integers(-150, 150))
def test_hours_and_days_end_where_the_next_begin(
    change: tuple[ZoneInfo, datetime], by: int
) -> None:
    zone, at = change[0], change[1] + timedelta(minutes=by)
    instant = timedelta(microseconds=1)
    after = hour_after(at, zone)
    assert hour_of(after - instant, zone) == hour_of(at, zone) < hour_of(after, zone)
    after = day_after(at, zone)
    assert day_of(after - instant, zone) == day_of(at, zone) < day_of(after, zone)


def test_a_half_hours_change_does_not_hold_an_hours_cap_longer() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    # Its clocks go from 02:00 to 02:30 then.
    change = datetime(2026, 10, 3, 15, 30, tzinfo=UTC)
    now = change - timedelta(minutes=10)
    full = NOTHING_LEFT.after(3, now, lord_howe)
    assert may_send(Rules(lord_howe, hour_cap=3), full, now).until == change


@given(rules=rules, change=near, by=minutes, pair=st.sampled_from(PAIRS))
def test_near_a_change_the_answer_is_what_the_clocks_on_the_wall_allow(
    rules: Rules, change: tuple[ZoneInfo, datetime], by: timedelta, pair: str
) -> None:
    at = change[1] + by
    verdict = may_send(rules, NOTHING_LEFT, at, [pair])
    if verdict.room != 0:
        keys = verdict.awake if rules.are_limiting else ()
        for zone in (zone for key in keys for zone in zones_of(rules, key, at)):
            assert is_open(rules.hours, at, zone)
    elif verdict.until is not None:
        assert verdict.until > at
        assert may_send(rules, NOTHING_LEFT, verdict.until, [pair]).room != 0
        step = (verdict.until - at) / 7
        for number in range(7):
            then = at + number * step
            assert may_send(rules, NOTHING_LEFT, then, [pair]).room == 0


@pytest.mark.parametrize(
    ("friday", "monday"),
    [
        # The last of a winter: from Monday on they share no morning.
        ("2026-10-02 17:00", "2026-10-05 06:00"),
        # The last of a summer: from Monday on they do.
        ("2026-04-03 17:00", "2026-04-06 02:30"),
    ],
)
def test_a_line_does_not_rest_until_the_zones_meet_again(
    friday: str, monday: str
) -> None:
    mornings = Rules(MOSCOW, MORNINGS, in_recipients_zone=True)
    now = datetime.fromisoformat(friday).replace(tzinfo=UTC)
    verdict = may_send(mornings, NOTHING_LEFT, now, [PAIRS[0]])
    assert verdict.until == datetime.fromisoformat(monday).replace(tzinfo=UTC)
