from __future__ import annotations

import random
from datetime import timedelta
from itertools import islice
from statistics import mean, pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.pacing import Delays, backoff_s, how_long
from campaigns.states import Pacing


@given(least=st.floats(0, 100), more=st.floats(0, 1_000), seed=st.integers(0, 2**32))
def test_a_delay_lies_within_its_bounds(least: float, more: float, seed: int) -> None:
    delays = Delays(least, least + more, random.Random(seed))
    for _ in range(20):
        assert least <= delays.draw() <= least + more


@pytest.mark.parametrize("source", [random.Random(11), random.SystemRandom()])
def test_delays_are_uniform_real_numbers(source: random.Random) -> None:
    drawn = [Delays(5, 50, source).draw() for _ in range(20_000)]
    assert len(set(drawn)) > 19_000
    tenths = [0] * 10
    for delay in drawn:
        tenths[min(int((delay - 5) / 4.5), 9)] += 1
    # 2,000 in each, 6 standard deviations (42 each) around it
    assert all(1_745 < count < 2_255 for count in tenths)


def test_one_after_another_takes_the_sum_of_its_pauses() -> None:
    delays = Delays(5, 50, random.Random(5))
    told = how_long(200, Pacing.ONE_AFTER_ANOTHER, delays, rate_per_s=40)
    sums = [sum(delays.draw() for _ in range(199)) for _ in range(400)]
    assert abs(told.mean.total_seconds() - mean(sums)) < 40
    assert abs(told.band.total_seconds() / 2 - pstdev(sums)) < 25


def test_each_on_its_own_ends_with_the_last_of_its_delays() -> None:
    delays = Delays(5, 50, random.Random(5))
    told = how_long(20, Pacing.EACH_ON_ITS_OWN, delays, rate_per_s=40)
    last = [max(islice(delays.draws_ms(), 20)) / 1000 for _ in range(400)]
    assert abs(told.mean.total_seconds() - mean(last)) < 1


def test_a_list_never_ends_sooner_than_the_limit_allows() -> None:
    delays = Delays(0, 0.1, random.Random(5))
    for pacing in Pacing:
        told = how_long(4_001, pacing, delays, rate_per_s=40)
        assert told.mean >= timedelta(seconds=100)


def test_nobody_and_one_take_no_pause() -> None:
    delays = Delays(5, 50, random.Random(5))
    for count in (0, 1):
        told = how_long(count, Pacing.ONE_AFTER_ANOTHER, delays, rate_per_s=40)
        assert told.mean == timedelta()


def test_backing_off_grows_to_a_minute() -> None:
    source = random.Random(5)
    waits = [backoff_s(n, source) for n in range(8)]
    assert 2.5 <= waits[0] <= 5
    assert all(30 <= wait <= 60 for wait in waits[4:])
    assert backoff_s(10_000, source) <= 60
