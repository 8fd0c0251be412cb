from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.forecast import LineNow, Pace, Work, foresee, lay_out
from campaigns.hours import Hours, Window
from campaigns.pacing import Bounds, Delays
from campaigns.plan import Plan, Stint
from campaigns.rules import (
    NO_RULES,
    Rules,
    Tally,
    day_of,
    hour_of,
    may_send,
)
from campaigns.states import Pacing

MOSCOW = ZoneInfo("Europe/Moscow")
# A Thursday, 11:20 in Moscow.
NOW = datetime(2026, 3, 5, 8, 20, tzinfo=UTC)
PACE = Pace(Bounds(5, 50), rate_per_s=40)
ONE, EACH = Pacing.ONE_AFTER_ANOTHER, Pacing.EACH_ON_ITS_OWN
BY_DAY = Hours(((Window(9 * 60, 19 * 60),),) * 5 + ((), ()))
RUNS = 50

RULES = {
    "hours": Rules(MOSCOW, BY_DAY),
    "an hour's cap": Rules(MOSCOW, hour_cap=30),
    "a day's cap in its hours": Rules(MOSCOW, BY_DAY, day_cap=150),
    "warm-up": Rules(MOSCOW, BY_DAY, warm_up=(20, 50, 100, 200)),
    "all of it": Rules(MOSCOW, BY_DAY, hour_cap=40, day_cap=300, warm_up=(20, 50)),
}


def send_all(rules: Rules, count: int, delays: Delays) -> datetime:
    """Sends so many, each behind a drawn pause; when the last one left."""
    at = left_at = NOW
    tally = Tally()
    for _ in range(count):
        while (verdict := may_send(rules, tally, at)).room == 0:
            assert verdict.until is not None
            at = verdict.until
        tally = tally.after(1, at, rules.zone)
        left_at = at
        at += timedelta(seconds=delays.draw())
    return left_at


@pytest.mark.parametrize("count", [17, 130, 420])
@pytest.mark.parametrize("name", RULES)
def test_a_campaign_under_rules_ends_within_the_band(name: str, count: int) -> None:
    rules = RULES[name]
    line = LineNow(NOW, NOW, rules=rules)
    forecast = foresee(line, [], Work(count, ONE), pace=PACE)
    delays = Delays(5, 50, random.Random(count))
    ends = [send_all(rules, count, delays) for _ in range(RUNS)]
    inside = [abs(end - forecast.ends_at) <= forecast.band for end in ends]
    # 19 of 20, as far as so few runs can tell.
    assert sum(inside) / RUNS >= 0.86
    # And the band is no wider than it must be.
    off = sorted(abs(end - forecast.ends_at) for end in ends)
    assert forecast.band <= 2 * off[-1] + timedelta(seconds=60)


hours = st.one_of(
    st.just(Hours()),
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 23), st.integers(1, 6)).map(
                lambda w: Window(w[0] * 60, min(w[0] + w[1], 24) * 60)
            ),
            max_size=2,
        ).map(tuple),
        min_size=7,
        max_size=7,
    )
    .filter(any)
    .map(lambda days: Hours(tuple(days))),
)
rules = st.builds(
    Rules,
    zone=st.just(MOSCOW),
    hours=hours,
    in_recipients_zone=st.booleans(),
    hour_cap=st.none() | st.integers(1, 90),
    day_cap=st.none() | st.integers(1, 200),
    warm_up=st.lists(st.integers(1, 60), max_size=3).map(tuple),
)
ZONES = {"": 7, "Asia/Yekaterinburg": 40, "Europe/Bucharest|Asia/Kamchatka": 3}


@given(
    rules=rules,
    counts=st.lists(st.integers(1, 120), min_size=1, max_size=2),
    gap_s=st.floats(0.5, 120),
)
def test_a_plan_keeps_every_rule(rules: Rules, counts: list[int], gap_s: float) -> None:
    plan = Plan(rules, Tally(), NOW, pause_s=gap_s)
    for count in counts:
        zones = {**ZONES, "": count}
        plan.lay(Stint(sum(zones.values()), gap_s, zones=zones))
    if any(run.gap_s > gap_s for run in plan.runs):
        return  # the far future is told by the pace so far
    laid = Counter[int]()
    for run in plan.runs:
        laid[run.stint] += run.count
    elsewhere = sum(ZONES.values()) - ZONES[""]
    assert [laid[place] for place in sorted(laid)] == [n + elsewhere for n in counts]
    by_hour, by_day = Counter[datetime](), Counter[datetime]()
    for run in plan.runs:
        for number in range(run.count):
            at = run.at + timedelta(seconds=number * run.gap_s)
            by_hour[hour_of(at, MOSCOW)] += 1
            by_day[day_of(at, MOSCOW)] += 1
            keys = tuple(ZONES) if rules.in_recipients_zone else ("",)
            if number < run.count - 1 or number == 0:
                free = replace(rules, hour_cap=None, day_cap=None, warm_up=())
                assert may_send(free, Tally(), at, keys).room is None
    for earlier, later in pairwise(plan.runs):
        assert earlier.until <= later.at + timedelta(microseconds=10)
    if rules.hour_cap:
        assert max(by_hour.values()) <= rules.hour_cap
    if rules.day_cap:
        assert max(by_day.values()) <= rules.day_cap
    for day, step in zip(sorted(by_day), rules.warm_up, strict=False):
        assert by_day[day] <= step


def test_a_campaign_begins_when_the_hours_open_and_is_told_so() -> None:
    evening = NOW.replace(hour=20)
    line = LineNow(evening, evening, rules=RULES["hours"])
    forecast = foresee(line, [], Work(3, ONE), pace=PACE)
    assert forecast.begins_at.astimezone(MOSCOW).strftime("%a %H:%M") == "Fri 09:00"
    assert forecast.ends_at - forecast.begins_at == timedelta(seconds=55)
    assert forecast.band < timedelta(minutes=1)


def test_a_full_day_is_no_matter_of_chance() -> None:
    """Six days of fifty: the last one leaves on the sixth day for sure."""
    rules = Rules(MOSCOW, BY_DAY, day_cap=50)
    line = LineNow(NOW, NOW, rules=rules)
    forecast = foresee(line, [], Work(300, ONE), pace=PACE)
    assert forecast.ends_at.astimezone(MOSCOW).strftime("%a %d %H") == "Thu 12 09"
    assert forecast.band < timedelta(minutes=5)


def test_what_the_line_has_sent_today_counts() -> None:
    rules = Rules(MOSCOW, BY_DAY, day_cap=50)
    tally = Tally().after(49, NOW, MOSCOW)
    line = LineNow(NOW, NOW, rules=rules, tally=tally)
    forecast = foresee(line, [], Work(2, ONE), pace=PACE)
    assert forecast.ends_at.astimezone(MOSCOW).strftime("%a %H:%M") == "Fri 09:00"


def test_the_campaigns_ahead_use_up_the_day() -> None:
    rules = Rules(MOSCOW, BY_DAY, day_cap=50)
    line = LineNow(NOW, NOW, rules=rules)
    forecast = foresee(line, [Work(50, ONE)], Work(10, ONE), pace=PACE)
    assert forecast.begins_at.astimezone(MOSCOW).strftime("%a %H:%M") == "Fri 09:00"


def test_a_trial_waits_for_no_hours() -> None:
    night = NOW.replace(hour=22)
    line = LineNow(night, night, rules=RULES["hours"])
    forecast = foresee(line, [], Work(1, ONE, is_trial=True), pace=PACE)
    assert forecast.ends_at == night


def test_recipients_elsewhere_are_waited_for() -> None:
    """Three quarters live where it is two hours later: they end first."""
    rules = Rules(MOSCOW, BY_DAY, in_recipients_zone=True)
    early = datetime(2026, 3, 5, 4, 0, tzinfo=UTC)  # 07:00 in Moscow, 09:00 there
    line = LineNow(early, early, rules=rules)
    zones = {"Asia/Yekaterinburg": 30, "": 10}
    plan = lay_out(line, [Work(40, ONE, zones=zones)], pace=PACE)
    assert plan.runs[0].at == early
    assert plan.runs[0].count == 30
    assert plan.runs[-1].at.astimezone(MOSCOW).strftime("%H:%M") == "09:00"


def test_what_waits_for_its_start_is_not_begun_before() -> None:
    at = NOW + timedelta(hours=30)
    line = LineNow(NOW, NOW)
    forecast = foresee(line, [], Work(2, ONE, not_before=at), pace=PACE)
    assert forecast.begins_at == at


def test_a_list_for_years_is_told_by_the_pace_of_its_first_year() -> None:
    rules = Rules(MOSCOW, BY_DAY, hour_cap=10)
    line = LineNow(NOW, NOW, rules=rules)
    forecast = foresee(line, [], Work(1_000_000, ONE), pace=PACE)
    weeks = (forecast.ends_at - NOW) / timedelta(weeks=1)
    assert weeks == pytest.approx(1_000_000 / 500, rel=0.05)


def test_no_rules_leave_the_plan_to_the_pauses() -> None:
    plan = Plan(NO_RULES, Tally(), NOW, pause_s=27.5)
    laid = plan.lay(Stint(5, 28.0, 0.5))
    assert laid.ends_at - NOW == timedelta(seconds=4 * 28 + 0.5)
    assert plan.at - laid.ends_at == timedelta(seconds=27.5)
    assert laid.is_from_start
    assert [run.count for run in plan.runs] == [5]


def test_what_is_under_way_now_says_nothing_of_the_days_behind_a_cap() -> None:
    rules = Rules(MOSCOW, BY_DAY, day_cap=50)
    bands = [
        foresee(
            LineNow(NOW, NOW, is_under_way=is_under_way, rules=rules),
            [],
            Work(300, ONE),
            pace=PACE,
        ).band
        for is_under_way in (False, True)
    ]
    assert bands[0] == bands[1]
