"""The clock of a line: random pauses, and how long a list takes with them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from campaigns.states import Pacing

BACKOFF_LEAST_S = 5.0
BACKOFF_MOST_S = 60.0
# Two standard deviations on each side: 19 of 20 lists end inside the band.
BAND = 2.0


@dataclass(frozen=True)
class Delays:
    """Draws delays, in seconds, uniformly between `least_s` and `most_s`."""

    least_s: float
    most_s: float
    source: random.Random

    def draw(self) -> float:
        return self.source.uniform(self.least_s, self.most_s)

    def draw_ms(self) -> int:
        return round(self.draw() * 1000)

    def draws_ms(self) -> Iterator[int]:
        while True:
            yield self.draw_ms()


@dataclass(frozen=True)
class Duration:
    """How long a list takes: the mean, and how far off it may well be."""

    mean: timedelta
    band: timedelta


def how_long(
    count: int, pacing: Pacing, delays: Delays, *, rate_per_s: float
) -> Duration:
    """The time from the first message of a list to its last.

    `rate_per_s` bounds what may leave in a second, whatever the delays.
    """
    fastest_s = max(count - 1, 0) / rate_per_s
    spread_s = delays.most_s - delays.least_s
    if pacing == Pacing.ONE_AFTER_ANOTHER:
        gaps = max(count - 1, 0)
        mean_s = gaps * (delays.least_s + delays.most_s) / 2
        band_s = BAND * spread_s * math.sqrt(gaps / 12)
    else:
        # The last of n uniform draws is expected at n/(n+1) of the way.
        mean_s = delays.least_s + spread_s * count / (count + 1)
        band_s = spread_s / (count + 1)
    return Duration(
        timedelta(seconds=max(mean_s, fastest_s)), timedelta(seconds=band_s)
    )


def backoff_s(setbacks: int, source: random.Random) -> float:
    """Seconds to wait after the given number of setbacks in a row, with jitter."""
    longest = min(BACKOFF_LEAST_S * 2 ** min(setbacks, 10), BACKOFF_MOST_S)
    return source.uniform(longest / 2, longest)
