"""When a line will have sent what waits on it, and how far off that may well be.

A line serves its campaigns one after another, so a campaign ends when the work of all
before it, and its own, is done: pauses, ChatApp's answers between them, the delays of
"each on its own", and the rests that the line's rules ask for. Their means and
variances add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import fmean, variance

from campaigns.pacing import Bounds, Chance, last_delay, pauses
from campaigns.plan import Laid, Plan, Stint
from campaigns.rules import NO_RULES, NOTHING_LEFT, Rules, Tally
from campaigns.states import Pacing

# An answer that took longer tells of an outage, not of ChatApp's habit.
USUAL_ANSWER_S = 10.0


class Condition(StrEnum):
    """What has to happen now for a forecast to come true."""

    STARTED = "started"
    RESUMED = "resumed"
    CONTINUED = "continued"
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
    # How many are for which zone, where that matters, and when it is to start.
    zones: Mapping[str, int] = field(default_factory=dict, hash=False)
    not_before: datetime | None = None
    is_trial: bool = False


@dataclass(frozen=True)
class LineNow:
    """A line at `now`: its next message may leave at `free_at`.

    While one `is_under_way` nobody knows when: after its answer and a new pause.
    """

    now: datetime
    free_at: datetime
    is_under_way: bool = False
    answers: Answers = Answers()
    rules: Rules = NO_RULES
    tally: Tally = NOTHING_LEFT


@dataclass(frozen=True)
class Pace:
    """The bounds of a delay, and how many requests may leave in a second."""

    bounds: Bounds
    rate_per_s: float


@dataclass(frozen=True)
class Forecast:
    """When a campaign begins, or goes on, and ends; 19 of 20 end within the band.

    The plan is what was said at its start; since then it was `paused` for so long.
    """

    begins_at: datetime
    ends_at: datetime
    band: timedelta
    condition: Condition | None = None
    planned_at: datetime | None = None
    planned_band: timedelta = timedelta()
    paused: timedelta = timedelta()

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
    line: LineNow, before: Sequence[Work], own: Work, *, pace: Pace
) -> Forecast:
    """When a campaign ends, after those `before` it on its line.

    The end is the answer to its last message.
    """
    plan = lay_out(line, [*before, own], pace=pace)
    laid = plan.laid[-1]
    band = timedelta(seconds=_chance(line, [*before, own], laid, pace).band_s)
    latest = plan.later(laid.ends_at, band)
    soonest = plan.sooner(laid.ends_at, band, than=laid.since_at)
    return Forecast(
        begins_at=laid.begins_at,
        ends_at=laid.ends_at,
        band=max(latest - laid.ends_at, laid.ends_at - soonest),
    )


def lay_out(line: LineNow, works: Sequence[Work], *, pace: Pace) -> Plan:
    """The works of a line one behind another, in time."""
    pause_s = pace.bounds.mean_s
    free_at = max(line.free_at, line.now)
    if line.is_under_way:
        free_at = line.now + timedelta(seconds=pause_s + line.answers.mean_s)
    if works and works[0].last_at is not None:
        free_at = line.now
    plan = Plan(line.rules, line.tally, free_at, pause_s)
    for work in works:
        plan.lay(_stint(line, work, pace))
    return plan


def _stint(line: LineNow, work: Work, pace: Pace) -> Stint:
    answer_s, least_gap_s = line.answers.mean_s, 1 / pace.rate_per_s
    if work.pacing == Pacing.ONE_AFTER_ANOTHER:
        # Nothing is held back while an answer is waited for.
        gap_s = max(pace.bounds.mean_s + answer_s, least_gap_s)
        tail_s = answer_s
    else:
        takes_s = _last_delay_s(line, work, pace)
        gap_s = max(takes_s, (work.count - 1) * least_gap_s) / work.count
        tail_s = gap_s + answer_s
    return Stint(
        work.count, gap_s, tail_s, work.zones, work.not_before, is_free=work.is_trial
    )


def _last_delay_s(line: LineNow, work: Work, pace: Pace) -> float:
    """How long after its turn the last message of "each on its own" leaves."""
    if work.last_at is not None:
        return max((work.last_at - line.now).total_seconds(), 0)
    if work.last_delay_s is not None:
        return work.last_delay_s
    return last_delay(work.count, pace.bounds).mean_s


def _chance(line: LineNow, works: Sequence[Work], laid: Laid, pace: Pace) -> Chance:
    """What may be wrong with an end: all that chance decided since the last cap."""
    gaps, answers, chance = len(laid.since) - 1, 0, Chance()
    for place, count in laid.since.items():
        work = works[place]
        if work.pacing == Pacing.ONE_AFTER_ANOTHER:
            gaps, answers = gaps + count - 1, answers + count
            continue
        answers += 1
        if work.last_at is None and work.last_delay_s is None:
            chance += last_delay(count, pace.bounds)
    if line.is_under_way and laid.is_from_start and works[0].last_at is None:
        gaps, answers = gaps + 1, answers + 1
    return chance + pauses(gaps, pace.bounds) + line.answers.of(answers)
