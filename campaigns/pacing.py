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
class Bounds:
    """Between what a random delay lies, in seconds."""

    least_s: float
    most_s: float

    @property
    def mean_s(self) -> float:
        return (self.least_s + self.most_s) / 2

    @property
    def spread_s(self) -> float:
        return self.most_s - self.least_s


@dataclass(frozen=True)
class Delays(Bounds):
    """Draws delays, in seconds, uniformly between `least_s` and `most_s`."""

    source: random.Random

    def draw(self) -> float:
        return self.source.uniform(self.least_s, self.most_s)

    def draw_ms(self) -> int:
        return round(self.draw() * 1000)

    def draws_ms(self) -> Iterator[int]:
        while True:
            yield self.draw_ms()


@dataclass(frozen=True)
class Chance:
    """A length of time that chance decides: its mean in s, its variance in s²."""

    mean_s: float = 0.0
    variance: float = 0.0

    def __add__(self, other: Chance) -> Chance:
        return Chance(self.mean_s + other.mean_s, self.variance + other.variance)

    @property
    def band_s(self) -> float:
        return BAND * math.sqrt(self.variance)


@dataclass(frozen=True)
class Duration:
    """How long a list takes: the mean, and how far off it may well be."""

    mean: timedelta
    band: timedelta


def pauses(count: int, bounds: Bounds) -> Chance:
    """That many pauses, one after another."""
    return Chance(count * bounds.mean_s, count * bounds.spread_s**2 / 12)


def last_delay(count: int, bounds: Bounds) -> Chance:
    """The longest of that many delays that all begin together."""
    # The last of n uniform draws is expected at n/(n+1) of the way.
    share = count / (count + 1)
    variance = count / ((count + 1) ** 2 * (count + 2))
    return Chance(
        bounds.least_s + bounds.spread_s * share, bounds.spread_s**2 * variance
    )


def how_long(
    count: int, pacing: Pacing, bounds: Bounds, *, rate_per_s: float
) -> Duration:
    """The time from the first message of a list to its last.

    `rate_per_s` bounds what may leave in a second, whatever the delays.
    """
    gaps = max(count - 1, 0)
    if pacing == Pacing.ONE_AFTER_ANOTHER:
        takes = pauses(gaps, bounds)
    else:
        takes = last_delay(count, bounds)
    return Duration(
        timedelta(seconds=max(takes.mean_s, gaps / rate_per_s)),
        timedelta(seconds=takes.band_s),
    )


def backoff_s(setbacks: int, source: random.Random) -> float:
    """Seconds to wait after the given number of setbacks in a row, with jitter."""
    longest = min(BACKOFF_LEAST_S * 2 ** min(setbacks, 10), BACKOFF_MOST_S)
    return source.uniform(longest / 2, longest)
