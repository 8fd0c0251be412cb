"""Whether statuses come as they should: the silence clock of the callbacks.

Pure. It tells a callback that is broken from people who do not read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# As long as little is known: a message is sent, delivered and read.
USUAL_PER_MESSAGE = 2.5
# Fewer messages tell nothing of what is usual.
ENOUGH = 20
# What was sent in this time says how many statuses are to come now.
PACE_OVER = timedelta(minutes=30)
LEAST_PACE = timedelta(minutes=2)
# How many expected intervals of silence are remarkable, and how long at least.
AMBER, RED = 5, 15
AMBER_LEAST, RED_LEAST = timedelta(minutes=3), timedelta(minutes=10)
# Of what was delivered hours ago so few are read where nobody looks.
READ_SHARE = 0.1


class Tone(StrEnum):
    CALM = "calm"
    AMBER = "amber"
    RED = "red"


class Cause(StrEnum):
    """What the silence most probably means."""

    NONE = "none"
    BROKEN = "broken"  # nothing comes at all
    NOT_SUBSCRIBED = "not_subscribed"  # callbacks come, statuses do not
    NOT_READ = "not_read"  # deliveries are told, people do not read


@dataclass(frozen=True)
class Facts:
    """What is known at `now`; counts are of the last day but for `sent_lately`.

    `sent_lately` were taken in PACE_OVER, the first `sent_for` ago. `unanswered_since`
    is when the first message left that no status of any followed; `status_at` and
    `callback_at` are when a status, and any other callback, came last.
    """

    now: datetime
    sent_lately: int
    sent_for: timedelta
    unanswered_since: datetime | None
    sent: int
    heard: int
    delivered: int
    read: int
    status_at: datetime | None
    callback_at: datetime | None


@dataclass(frozen=True)
class Silence:
    """For how long no status came, and how often one is to be expected."""

    tone: Tone
    cause: Cause
    lasts: timedelta
    has_heard: bool
    every: timedelta


def look(facts: Facts) -> Silence | None:
    """None while no statuses are to be expected."""
    if not facts.sent_lately:
        return None
    per_message = USUAL_PER_MESSAGE
    if facts.sent >= ENOUGH and facts.heard:
        per_message = max(facts.heard / facts.sent, 0.5)
    pace_over = min(max(facts.sent_for, LEAST_PACE), PACE_OVER)
    every = pace_over / (facts.sent_lately * per_message)
    heard_at = facts.status_at
    # After the last message there may be nothing more to tell.
    begun_at = facts.unanswered_since or facts.now
    lasts = max(facts.now - begun_at, timedelta())
    tone = Tone.CALM
    if lasts > max(AMBER * every, AMBER_LEAST):
        tone = Tone.AMBER
    if lasts > max(RED * every, RED_LEAST):
        tone = Tone.RED
    shown = facts.now - heard_at if heard_at else lasts
    return Silence(tone, _cause(facts, tone), shown, heard_at is not None, every)


def _cause(facts: Facts, tone: Tone) -> Cause:
    if tone == Tone.CALM:
        arrived = facts.delivered + facts.read
        nobody_reads = arrived >= ENOUGH and facts.read < READ_SHARE * arrived
        return Cause.NOT_READ if nobody_reads else Cause.NONE
    heard_at, any_at = facts.status_at, facts.callback_at
    if any_at is not None and (heard_at is None or any_at > heard_at):
        assert facts.unanswered_since is not None
        is_fresh = any_at > facts.unanswered_since + AMBER_LEAST
        return Cause.NOT_SUBSCRIBED if is_fresh else Cause.BROKEN
    return Cause.BROKEN
