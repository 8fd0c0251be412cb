"""How sure a share is that was seen among a few."""

from __future__ import annotations

import math
from dataclasses import dataclass

# 19 of 20 such intervals hold the true share.
Z = 1.959964


@dataclass(frozen=True)
class Interval:
    """Between what a share lies, from 0 to 1."""

    least: float
    most: float


def wilson(successes: int, count: int) -> Interval:
    """Wilson's score interval of a share, at 95 %; everything for a count of 0.

    Unlike the usual ± it holds for few and for extreme shares (Wilson 1927).
    """
    if not count:
        return Interval(0.0, 1.0)
    share = successes / count
    spread = Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    centre = share + Z**2 / (2 * count)
    scale = 1 + Z**2 / count
    return Interval(
        max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)
    )


def wilson_with_open(successes: int, count: int, open_ones: int) -> Interval:
    """The same while some of the `count` may still become successes.

    From none of them to all of them.
    """
    least = wilson(successes, count)
    most = wilson(min(successes + open_ones, count), count)
    return Interval(least.least, most.most)
