"""How long pauses, delays and answers were: counted by workers, kept by the database.

A worker counts in memory, and its heartbeat adds what is new to rows that all share: so
they tell of any number of workers and outlive each of them, a transaction of sending
has not one statement more, and lines do not wait for each other at common counters.
The price is that a killed worker takes the counts of its last ten seconds along. They
are for charts; what was sent is counted with the messages.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import NamedTuple

from django.db.models import F

from campaigns.models import TimingCount


class Timed(StrEnum):
    """What is timed; its label is the pacing, of an answer the code."""

    PAUSE = "pause"
    LATENESS = "lateness"
    ANSWER = "answer"


# In milliseconds; rows with other bounds, of another version, are told all the same.
BOUNDS: Mapping[str, tuple[int, ...]] = {
    Timed.PAUSE: (
        *(1_000, 5_000, 10_000, 15_000, 20_000, 25_000, 30_000, 35_000, 40_000),
        *(45_000, 50_000, 60_000, 120_000, 300_000),
    ),
    Timed.LATENESS: (
        *(100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000),
        3_600_000,
    ),
    Timed.ANSWER: (
        *(25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000),
    ),
}
# Longer than every bound.
BEYOND = 2**31 - 1


@dataclass
class _Sum:
    count: int = 0
    total_ms: int = 0


class Bucket(NamedTuple):
    """How often something took longer than the bound below, up to this one."""

    kind: str
    label: str
    upto_ms: int


Counts = Mapping[Bucket, _Sum]


class Timings:
    """What one process has counted since it was taken last."""

    def __init__(self) -> None:
        self._new: dict[Bucket, _Sum] = {}

    def add(self, kind: Timed, label: str, seconds: float) -> None:
        """Counts one; a time below zero is none."""
        took_ms = max(round(seconds * 1000), 0)
        bounds = BOUNDS[kind]
        at = bisect_left(bounds, took_ms)
        upto_ms = bounds[at] if at < len(bounds) else BEYOND
        self._put(Bucket(kind, label, upto_ms), 1, took_ms)

    def take(self) -> Counts:
        """Hands over what was counted, to be kept or put back."""
        taken, self._new = self._new, {}
        return taken

    def put_back(self, taken: Counts) -> None:
        for bucket, its in taken.items():
            self._put(bucket, its.count, its.total_ms)

    def _put(self, bucket: Bucket, count: int, total_ms: int) -> None:
        its = self._new.get(bucket)
        if its is None:
            its = self._new[bucket] = _Sum()
        its.count += count
        its.total_ms += total_ms


@dataclass(frozen=True)
class Histogram:
    """All that was counted of one kind and label: how many took up to so many s."""

    kind: str
    label: str
    upto: Mapping[str, int]
    total_s: float


def read_histograms() -> list[Histogram]:
    """What all workers have counted, ever; as many rows as there are bounds."""
    counted: dict[tuple[str, str], dict[int, TimingCount]] = {}
    for row in TimingCount.objects.all():
        counted.setdefault((row.kind, row.label), {})[row.upto_ms] = row
    found = []
    for kind, label in sorted(counted):
        rows = counted[kind, label]
        bounds = sorted({*rows, *BOUNDS.get(kind, ()), BEYOND})
        sums = accumulate(rows[it].count if it in rows else 0 for it in bounds)
        upto = dict(zip((_seconds(it) for it in bounds), sums, strict=True))
        total_ms = sum(row.total_ms for row in rows.values())
        found.append(Histogram(kind, label, upto, total_ms / 1000))
    return found


def _seconds(upto_ms: int) -> str:
    return "+Inf" if upto_ms == BEYOND else str(upto_ms / 1000)


def keep(taken: Counts) -> None:
    """Adds it to the rows of all, in the caller's transaction."""
    # In one order, so that two workers cannot wait for each other in a ring.
    for bucket in sorted(taken):
        rows = TimingCount.objects.filter(
            kind=bucket.kind, label=bucket.label, upto_ms=bucket.upto_ms
        )
        more = {
            "count": F("count") + taken[bucket].count,
            "total_ms": F("total_ms") + taken[bucket].total_ms,
        }
        if not rows.update(**more):
            # Another worker may make the same row at this moment.
            TimingCount.objects.get_or_create(
                kind=bucket.kind, label=bucket.label, upto_ms=bucket.upto_ms
            )
            rows.update(**more)
