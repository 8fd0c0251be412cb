"""What leaves when, by the mean of a line's pauses and by its rules.

Pure. A line's work is walked along its open hours: so many messages until the hours
close or a cap is reached, a rest, and on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from campaigns.rules import (
    CAPS,
    HOUSE,
    NOTHING_LEFT,
    Rules,
    Tally,
    Verdict,
    Why,
    day_after,
    hour_after,
    may_send,
    warm_up_step,
)

# Steps of a walk: some weeks of hours, or a year of days; what is left then goes on as
# it went.
MOST_STEPS = 1000
# What never may leave is said to leave then.
NEVER = timedelta(days=400)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Stint:
    """A campaign's messages, `gap_s` from one leaving to the next.

    The last one's answer comes `tail_s` after it left. `zones` says how many are for
    which zone, and `not_before` when it starts; what `is_free` asks no rules.
    """

    count: int
    gap_s: float
    tail_s: float = 0.0
    zones: Mapping[str, int] = field(default_factory=dict, hash=False)
    not_before: datetime | None = None
    is_free: bool = False


@dataclass(frozen=True)
class Run:
    """Messages that leave one after another from `at` on, without a rest."""

    at: datetime
    count: int
    gap_s: float
    stint: int

    @property
    def until(self) -> datetime:
        return self.at + timedelta(seconds=self.count * self.gap_s)


@dataclass(frozen=True)
class Rest:
    """Time in which the rules let nothing out though something waits."""

    since: datetime
    until: datetime
    why: Why


@dataclass(frozen=True)
class Laid:
    """A stint with its times.

    `since` is how many messages of which stint, by place, have left since a cap was
    waited for, and `since_at` when that was: so far back chance adds up. It is the
    plan's own start where no cap was in the way.
    """

    begins_at: datetime
    ends_at: datetime
    since: Mapping[int, int]
    since_at: datetime
    is_from_start: bool


@dataclass
class Plan:
    """A line's stints laid out from `at` on, each behind a mean pause."""

    rules: Rules
    tally: Tally
    at: datetime
    pause_s: float
    runs: list[Run] = field(default_factory=list, init=False)
    rests: list[Rest] = field(default_factory=list, init=False)
    laid: list[Laid] = field(default_factory=list, init=False)
    _since: dict[int, int] = field(default_factory=dict, init=False)
    _start_at: datetime = field(init=False)
    _since_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._since_at = self._start_at = self.at

    def lay(self, stint: Stint) -> Laid:
        """Puts a stint behind what is laid out already."""
        if stint.not_before is not None:
            self.at = max(self.at, stint.not_before)
        left = dict(stint.zones) or {HOUSE: stint.count}
        begins_at: datetime | None = None
        for _ in range(MOST_STEPS):
            verdict = self._verdict(stint, left)
            if verdict.room == 0:
                self._rest(verdict)
                continue
            begins_at = begins_at or self.at
            self._send(stint, left, verdict)
            if not left:
                break
        begins_at = begins_at or self.at
        if left:
            self._go_on_likewise(stint, sum(left.values()), begins_at)
        ends_at = self.at + timedelta(seconds=stint.tail_s - stint.gap_s)
        laid = Laid(
            begins_at,
            ends_at,
            dict(self._since),
            self._since_at,
            is_from_start=self._since_at == self._start_at,
        )
        self.laid.append(laid)
        self.at = ends_at + timedelta(seconds=self.pause_s)
        return laid

    def later(self, at: datetime, by: timedelta) -> datetime:
        """A moment so much sending time after another."""
        key = HOUSE
        while by > timedelta():
            verdict = may_send(self.rules, NOTHING_LEFT, at, [key])
            if verdict.room == 0:
                at = verdict.until or at + NEVER
                continue
            until = verdict.open_until
            if until is None or at + by <= until:
                return at + by
            by -= until - at
            at = until
        return at

    def sooner(self, at: datetime, by: timedelta, *, than: datetime) -> datetime:
        """A moment so much sending time before another, not before `than`."""
        until = at
        for run in reversed(self.runs):
            since = max(run.at, than)
            if until - since >= by:
                return until - by
            by -= max(until - since, timedelta())
            if run.at <= than:
                break
            until = min(until, run.at)
        return min(max(than, self.runs[0].at), at)

    def _verdict(self, stint: Stint, left: Mapping[str, int]) -> Verdict:
        if stint.is_free:
            return Verdict(None, awake=tuple(left))
        return may_send(self.rules, self.tally, self.at, tuple(left))

    def _rest(self, verdict: Verdict) -> None:
        since, self.at = self.at, verdict.until or self.at + NEVER
        assert verdict.why is not None
        self.rests.append(Rest(since, self.at, verdict.why))
        if verdict.why in CAPS:
            # How many have left by then is no matter of chance.
            self._since, self._since_at = {}, self.at

    def _send(self, stint: Stint, left: dict[str, int], verdict: Verdict) -> None:
        """Lets leave what may without a rest; takes it from `left`."""
        keys = [key for key in left if key in verdict.awake] or list(left)
        count = sum(left[key] for key in keys)
        if verdict.room is not None:
            count = min(count, verdict.room)
        if stint.gap_s > 0 and (until := self._until(verdict, left)):
            fits = (until - self.at) / timedelta(seconds=stint.gap_s)
            count = min(count, max(math.ceil(fits), 1))
        _take(left, keys, count)
        self._note(stint, count)

    def _until(self, verdict: Verdict, left: Mapping[str, int]) -> datetime | None:
        """When the answer may be another; None for never."""
        if not self.rules.are_limiting or verdict.open_until is None:
            return None
        ends = [verdict.open_until]
        if self.rules.hour_cap is not None:
            ends.append(hour_after(self.at, self.rules.zone))
        if (
            self.rules.day_cap is not None
            or warm_up_step(self.rules, self.tally, self.at) is not None
        ):
            ends.append(day_after(self.at, self.rules.zone))
        if len(left) > 1:
            ends.append(self.at + _HOUR)  # another zone may have woken up by then
        return min(ends)

    def _note(self, stint: Stint, count: int) -> None:
        place = len(self.laid)
        run = Run(self.at, count, stint.gap_s, place)
        self.runs.append(run)
        self.tally = self.tally.after(count, self.at, self.rules.zone)
        self._since[place] = self._since.get(place, 0) + count
        self.at = run.until

    def _go_on_likewise(self, stint: Stint, left: int, since: datetime) -> None:
        """Lays out the far future at the pace that it had so far."""
        done = max(stint.count - left, 1)
        each_s = max((self.at - since).total_seconds() / done, stint.gap_s)
        place = len(self.laid)
        self.runs.append(Run(self.at, left, each_s, place))
        self._since[place] = self._since.get(place, 0) + left
        self.at += timedelta(seconds=left * each_s)


def _take(left: dict[str, int], keys: Sequence[str], count: int) -> None:
    """Takes messages from the zones that are awake, in proportion to what they have."""
    total = sum(left[key] for key in keys)
    for key in keys:
        share = min(round(count * left[key] / total) if total else 0, count)
        total -= left[key]
        count -= share
        left[key] -= share
    for key in [key for key, waiting in left.items() if waiting <= 0]:
        del left[key]
