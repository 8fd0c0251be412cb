"""When a line will have sent what waits on it, and how far off that may well be.

A line serves its campaigns one after another, so a campaign ends when the work of all
before it, and its own, is done: pauses, ChatApp's answers between them, and the delays
of "each on its own". Their means and variances add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import fmean, variance

from campaigns.pacing import Bounds, Chance, last_delay, pauses
from campaigns.states import Pacing

# An answer that took longer tells of an outage, not of ChatApp's habit.
USUAL_ANSWER_S = 10.0

# When a stretch of sending ends that begins at a moment and takes so long. Hours and
# days in which nothing leaves, and caps, lengthen it.
Hours = Callable[[datetime, timedelta], datetime]


def at_any_hour(begins_at: datetime, takes: timedelta) -> datetime:
    """The hours of a line that may send day and night."""
    return begins_at + takes


class Condition(StrEnum):
    """What has to happen now for a forecast to come true."""

    STARTED = "started"
    RESUMED = "resumed"
    LINE_GOES_ON = "line_goes_on"


@dataclass(frozen=True)
class Answers:
    """The time from a message's turn to its answer, as `count` of them show it.

    Pauses count from the answer, so this lies between any two of them.
    """

    mean_s: float = 0.0
    variance: float = 0.0
    count: int = 0

    def of(self, number: int) -> Chance:
        """That many answers; that their mean is only an estimate counts as well."""
        if not self.count:
            return Chance()
        own = number * self.variance
        shared = number**2 * self.variance / self.count
        return Chance(number * self.mean_s, own + shared)


@dataclass(frozen=True)
class Work:
    """What a campaign still has to send when its turn comes.

    For "each on its own": `last_at` where its delays have begun to count, else
    `last_delay_s` where they are drawn.
    """

    count: int
    pacing: Pacing
    last_at: datetime | None = None
    last_delay_s: float | None = None


@dataclass(frozen=True)
class LineNow:
    """A line at `now`: its next message may leave at `free_at`.

    While one `is_under_way` nobody knows when: after its answer and a new pause.
    """

    now: datetime
    free_at: datetime
    is_under_way: bool = False
    answers: Answers = Answers()


@dataclass(frozen=True)
class Pace:
    """The bounds of a delay, and how many requests may leave in a second."""

    bounds: Bounds
    rate_per_s: float


@dataclass(frozen=True)
class Forecast:
    """When a campaign begins, or goes on, and ends; 19 of 20 end within the band.

    The plan is what was said at its start.
    """

    begins_at: datetime
    ends_at: datetime
    band: timedelta
    condition: Condition | None = None
    planned_at: datetime | None = None
    planned_band: timedelta = timedelta()

    @property
    def behind(self) -> timedelta | None:
        """How far it is behind its plan, negative when ahead; None without one."""
        return None if self.planned_at is None else self.ends_at - self.planned_at


def measure(seconds: Sequence[float]) -> Answers:
    """What answers usually take, from how long some took."""
    usual = [s for s in seconds if 0 <= s <= USUAL_ANSWER_S]
    if not usual:
        return Answers()
    # One alone tells nothing of how they differ: by half of it, say.
    spread = variance(usual) if len(usual) > 1 else (usual[0] / 2) ** 2
    return Answers(fmean(usual), spread, len(usual))


def foresee(
    line: LineNow,
    before: Sequence[Work],
    own: Work,
    *,
    pace: Pace,
    hours: Hours = at_any_hour,
) -> Forecast:
    """When a campaign ends, after those `before` it on its line.

    The end is the answer to its last message.
    """
    busy = _busy(line, pace)
    for work in before:
        busy = busy.after(work).after_pause()
    begins, takes = busy.takes, busy.after(own).takes

    def at(seconds: float) -> datetime:
        return hours(line.now, timedelta(seconds=max(seconds, 0)))

    ends_at = at(takes.mean_s)
    latest, soonest = at(takes.mean_s + takes.band_s), at(takes.mean_s - takes.band_s)
    return Forecast(
        begins_at=at(begins.mean_s),
        ends_at=ends_at,
        band=max(latest - ends_at, ends_at - soonest),
    )


@dataclass(frozen=True)
class _Busy:
    """For how long a line is busy; its answers are only counted.

    They are added up last, because what is wrong with their mean is wrong with all.
    """

    line: LineNow
    pace: Pace
    chance: Chance
    answers: int = 0

    @property
    def takes(self) -> Chance:
        return self.chance + self.line.answers.of(self.answers)

    def after_pause(self) -> _Busy:
        return self._longer(pauses(1, self.pace.bounds))

    def after(self, work: Work) -> _Busy:
        """From a campaign's first message to its last answer."""
        bounds = self.pace.bounds
        fastest_s = (work.count - 1) / self.pace.rate_per_s
        if work.pacing == Pacing.ONE_AFTER_ANOTHER:
            gaps = pauses(work.count - 1, bounds)
            # Nothing is held back while an answer is waited for.
            fastest_s -= work.count * self.line.answers.mean_s
            return self._longer(gaps, fastest_s, answers=work.count)
        if work.last_at is not None:
            left_s = (work.last_at - self.line.now).total_seconds()
            return replace(self, chance=Chance(max(left_s, fastest_s)), answers=1)
        if work.last_delay_s is not None:
            return self._longer(Chance(work.last_delay_s), fastest_s, answers=1)
        return self._longer(last_delay(work.count, bounds), fastest_s, answers=1)

    def _longer(self, by: Chance, least_s: float = 0.0, *, answers: int = 0) -> _Busy:
        by = replace(by, mean_s=max(by.mean_s, least_s))
        return replace(self, chance=self.chance + by, answers=self.answers + answers)


def _busy(line: LineNow, pace: Pace) -> _Busy:
    """A line before the first message that waits on it."""
    if line.is_under_way:
        return _Busy(line, pace, pauses(1, pace.bounds), answers=1)
    wait_s = max((line.free_at - line.now).total_seconds(), 0)
    return _Busy(line, pace, Chance(wait_s))
