from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from campaigns.forecast import (
    Answers,
    Forecast,
    LineNow,
    Pace,
    Work,
    foresee,
    measure,
)
from campaigns.hours import Hours, Window
from campaigns.pacing import Bounds, Delays
from campaigns.rules import Rules
from campaigns.states import Pacing

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)
PACE = Pace(Bounds(5, 50), rate_per_s=40)
ONE, EACH = Pacing.ONE_AFTER_ANOTHER, Pacing.EACH_ON_ITS_OWN
RUNS = 2_000

Run = Callable[[Delays, random.Random], float]


def line(seconds: float = 0, **changed: object) -> LineNow:
    return LineNow(NOW, NOW + timedelta(seconds=seconds), **changed)  # type: ignore[arg-type]


def share_inside(forecast: Forecast, run: Run) -> float:
    """Which share of many runs, drawn with the real delays, ends within the band."""
    source = random.Random(20260305)
    delays = Delays(5, 50, source)
    ends = [NOW + timedelta(seconds=run(delays, source)) for _ in range(RUNS)]
    inside = [abs(end - forecast.ends_at) <= forecast.band for end in ends]
    return sum(inside) / RUNS


def one_after_another(count: int, delays: Delays, answer_s: float = 0) -> float:
    return answer_s * count + sum(delays.draw() for _ in range(count - 1))


def each_on_its_own(count: int, delays: Delays) -> float:
    return max(delays.draw() for _ in range(count))


@pytest.mark.parametrize("count", [3, 40, 300])
def test_19_of_20_runs_of_one_after_another_end_within_the_band(count: int) -> None:
    forecast = foresee(line(), [], Work(count, ONE), pace=PACE)
    share = share_inside(forecast, lambda delays, _: one_after_another(count, delays))
    assert 0.935 < share < 0.97


@pytest.mark.parametrize("count", [3, 40, 300])
def test_19_of_20_runs_of_each_on_its_own_end_within_the_band(count: int) -> None:
    forecast = foresee(line(), [], Work(count, EACH), pace=PACE)
    share = share_inside(forecast, lambda delays, _: each_on_its_own(count, delays))
    assert 0.935 < share < 0.97


def test_the_campaigns_ahead_and_a_message_under_way_are_in_the_band() -> None:
    before = [Work(30, ONE), Work(200, EACH)]
    under_way = line(90, is_under_way=True)
    forecast = foresee(under_way, before, Work(20, ONE), pace=PACE)

    def run(delays: Delays, source: random.Random) -> float:
        head = delays.draw() + one_after_another(30, delays) + delays.draw()
        return (
            head
            + each_on_its_own(200, delays)
            + delays.draw()
            + one_after_another(20, delays)
        )

    assert 0.935 < share_inside(forecast, run) < 0.97


def test_an_estimate_of_the_answers_from_a_few_widens_the_band_enough() -> None:
    """What the last 20 answers took is drawn as well, with each run its own."""
    source = random.Random(11)
    inside = 0
    for _ in range(RUNS):
        seen = [source.uniform(0.2, 4) for _ in range(20)]
        known = line(answers=measure(seen))
        forecast = foresee(known, [], Work(100, ONE), pace=PACE)
        delays = Delays(5, 50, source)
        answers = sum(source.uniform(0.2, 4) for _ in range(100))
        end = NOW + timedelta(seconds=answers + one_after_another(100, delays))
        inside += abs(end - forecast.ends_at) <= forecast.band
    assert 0.935 < inside / RUNS < 0.97


def test_a_list_of_962_ends_as_the_operators_were_promised() -> None:
    forecast = foresee(line(), [], Work(962, ONE), pace=PACE)
    assert forecast.ends_at - NOW == timedelta(seconds=961 * 27.5)
    assert round(forecast.band / timedelta(minutes=1)) == 13


def test_drawn_delays_leave_nothing_to_chance() -> None:
    drawn = Work(40, EACH, last_delay_s=49.0)
    forecast = foresee(line(10), [], drawn, pace=PACE)
    assert forecast.ends_at - NOW == timedelta(seconds=59)
    assert forecast.band == timedelta()
    counting = Work(40, EACH, last_at=NOW + timedelta(seconds=7))
    under_way = line(90, is_under_way=True)
    assert foresee(under_way, [], counting, pace=PACE).ends_at == counting.last_at


def test_answers_take_their_time_between_the_pauses() -> None:
    known = line(answers=Answers(mean_s=0.5, variance=0, count=20))
    forecast = foresee(known, [], Work(11, ONE), pace=PACE)
    assert forecast.ends_at - NOW == timedelta(seconds=11 * 0.5 + 10 * 27.5)


def test_a_pause_that_is_drawn_already_is_waited_for() -> None:
    forecast = foresee(line(33), [], Work(1, ONE), pace=PACE)
    assert forecast.begins_at == forecast.ends_at == NOW + timedelta(seconds=33)
    past = foresee(line(-500), [], Work(1, ONE), pace=PACE)
    assert past.ends_at == NOW


def test_no_list_ends_sooner_than_the_limit_of_requests_allows() -> None:
    fast = Pace(Bounds(0, 0.01), rate_per_s=10)
    for work in (Work(1_001, ONE), Work(1_001, EACH), Work(1_001, EACH, NOW)):
        forecast = foresee(line(), [], work, pace=fast)
        assert forecast.ends_at - NOW >= timedelta(seconds=100)


def test_hours_in_which_nothing_leaves_lengthen_it_and_its_band() -> None:
    # Open from 11 to 13 every day; an hour of it is left, give or take five minutes.
    hours = Hours(((Window(11 * 60, 13 * 60),),) * 7)
    closing = line(rules=Rules(ZoneInfo("UTC"), hours))
    forecast = foresee(closing, [], Work(131, ONE), pace=PACE)
    assert forecast.ends_at - NOW < timedelta(hours=1)
    assert forecast.band > timedelta(hours=21)


def test_how_long_answers_take_is_measured_without_outages() -> None:
    usual: Sequence[float] = [0.4, 0.6, 0.5, 0.5]
    assert measure([]) == Answers()
    assert measure([*usual, 60.0, -1]) == measure(usual)
    assert measure(usual).mean_s == pytest.approx(0.5)
    one = measure([0.5])
    assert one.of(100).band_s > one.of(100).mean_s
