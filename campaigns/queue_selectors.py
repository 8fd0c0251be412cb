"""What the queue page reads from the database, each with a bound."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils.dateparse import parse_datetime

from asgi_app.database import orm_now
from campaigns.clocks import account_pause, as_it_is
from campaigns.heartbeat import ALIVE_FOR, alive, dead_here
from campaigns.models import (
    Campaign,
    FailedJob,
    LineClock,
    Message,
    ShelvedStatus,
    WorkerBeat,
)
from campaigns.silence import Silence
from campaigns.silence_selectors import read_silence
from campaigns.states import MessageStatus
from campaigns.turns import due_since, runnable
from chatapp.models import Line

WORKERS_SHOWN = 50
LINES_SHOWN = 50
FAILURES_SHOWN = 20
# Beyond this it is said to be more; counting on would take as long as there is.
COUNTED = 10_000
CAMPAIGNS_LOOKED_AT = 1_000


@dataclass(frozen=True)
class WorkerRow:
    """A worker, and whether it was heard of lately."""

    name: str
    started_at: datetime
    beat_at: datetime
    silent_for: timedelta
    ended: int
    failed: int
    has_died: bool

    @property
    def is_alive(self) -> bool:
        return self.silent_for < ALIVE_FOR and not self.has_died


@dataclass(frozen=True)
class WaitingLine:
    """A line that has something to send and is not stopped; `late` may be zero.

    `next_at` is since when its next message is due, or when it will be.
    """

    line: Line
    campaign: Campaign | None
    next_at: datetime
    late: timedelta
    held_code: str
    held_reason: str


@dataclass(frozen=True)
class BoundedCount:
    """A count up to `COUNTED`, and the oldest of what it counts."""

    count: int
    oldest_at: datetime | None

    @property
    def is_more(self) -> bool:
        return self.count > COUNTED

    @property
    def shown(self) -> int:
        return min(self.count, COUNTED)


@dataclass(frozen=True)
class DatabaseFacts:
    """The database at `now`, by its own clock.

    `last_run_at` is by the name of the job, `lines` by the line's id; of claims under
    way `overdue_claims` are past their deadline.
    """

    now: datetime
    alive: int
    workers: Sequence[WorkerRow]
    waiting_lines: Sequence[WaitingLine]
    waiting_line_count: int
    stopped_line_count: int
    claims: int
    overdue_claims: int
    shelf: BoundedCount
    failures: Sequence[FailedJob]
    failure_count: int
    last_run_at: Mapping[str, datetime]
    lines: Mapping[int, Line]
    silence: Silence | None

    @property
    def late(self) -> timedelta:
        """How long the message that should have left first has been due."""
        return self.waiting_lines[0].late if self.waiting_lines else timedelta()

    @property
    def last_seen(self) -> WorkerRow | None:
        return self.workers[0] if self.workers else None


def read_facts(line_ids: Sequence[int]) -> DatabaseFacts:
    """Reads all of it, with the lines of these ids; raises the ORM's Error."""
    now = orm_now()
    beats = list(WorkerBeat.objects.order_by("-beat_at")[:WORKERS_SHOWN])
    dead = frozenset(dead_here())
    waiting = _waiting_clocks(now)
    going = waiting.filter(stopped_at=None)
    clocks = list(going.order_by(_due_at(now))[:LINES_SHOWN])
    heads = _heads([clock.line_id for clock in clocks], now)
    pause = account_pause(now)
    claims, overdue = _claims(now)
    return DatabaseFacts(
        now=now,
        silence=read_silence(now),
        alive=alive(now, dead).count(),
        workers=[_worker(beat, now, dead) for beat in beats],
        waiting_lines=[
            _line(as_it_is(clock, pause, now), heads.get(clock.line_id), now)
            for clock in clocks
        ],
        waiting_line_count=going.count(),
        stopped_line_count=waiting.filter(stopped_at__isnull=False).count(),
        claims=claims,
        overdue_claims=overdue,
        shelf=_shelf(),
        failures=list(FailedJob.objects.order_by("-pk")[:FAILURES_SHOWN]),
        failure_count=FailedJob.objects.count(),
        last_run_at=_last_runs(beats),
        lines=Line.objects.in_bulk(line_ids),
    )


def _waiting_clocks(now: datetime) -> QuerySet[LineClock]:
    """Clocks of lines with something to send.

    There are few lines; of each the index campaign_head finds the campaigns.
    """
    has_some = Exists(_running_of(OuterRef("line"), now))
    return LineClock.objects.filter(has_some).select_related("line")


def _due_at(now: datetime) -> Greatest:
    """What `due_since` tells, in SQL."""
    head = _first(_running_of(OuterRef("line"), now))
    woken_at = Subquery(head.values("woken_at"))
    return Greatest("next_at", Coalesce(woken_at, "next_at"))


def _line(clock: LineClock, head: Campaign | None, now: datetime) -> WaitingLine:
    due_at = due_since(clock, head) if head else clock.next_at
    return WaitingLine(
        line=clock.line,
        campaign=head,
        next_at=due_at,
        late=max(now - due_at, timedelta()),
        held_code=clock.held_code,
        held_reason=clock.held_reason,
    )


def _heads(line_ids: Sequence[int], now: datetime) -> dict[int, Campaign]:
    """By the line's id the campaign whose turn it is there."""
    running = _running_of(OuterRef("pk"), now)
    head_id = Subquery(_first(running).values("pk"))
    lines = Line.objects.filter(pk__in=line_ids).annotate(head_id=head_id)
    by_line = dict(lines.values_list("pk", "head_id"))
    campaigns = Campaign.objects.in_bulk([pk for pk in by_line.values() if pk])
    return {line: campaigns[pk] for line, pk in by_line.items() if pk in campaigns}


def _running_of(line: OuterRef, now: datetime) -> QuerySet[Campaign]:
    """What a line has to send; not what waits for a click, or to expire."""
    of_use = Q(use_until=None) | Q(use_until__gt=now)
    return runnable().filter(of_use, line=line)


def _first(running: QuerySet[Campaign]) -> QuerySet[Campaign]:
    return running.order_by("started_at", "pk")[:1]


def _claims(now: datetime) -> tuple[int, int]:
    """Claims under way, and how many of them are past their deadline."""
    # By the index campaign_claimed; claims are as few as requests under way.
    open_ones = Campaign.objects.filter(claimed__gt=0).order_by("claimed")
    under_way = dict(open_ones.values_list("pk", "claimed")[:CAMPAIGNS_LOOKED_AT])
    if not under_way:
        return 0, 0
    # By the index message_due.
    overdue = Message.objects.filter(
        campaign__in=under_way, status=MessageStatus.CLAIMED, claim_deadline__lt=now
    )
    return sum(under_way.values()), overdue.count()


def _shelf() -> BoundedCount:
    # By the index shelf_by_age.
    shelf = ShelvedStatus.objects.filter(is_not_ours=False).order_by("arrived_at")
    oldest = shelf.values_list("arrived_at", flat=True).first()
    return BoundedCount(shelf[: COUNTED + 1].count(), oldest)


def _worker(beat: WorkerBeat, now: datetime, dead: Container[str]) -> WorkerRow:
    return WorkerRow(
        name=beat.name,
        started_at=beat.started_at,
        beat_at=beat.beat_at,
        silent_for=max(now - beat.beat_at, timedelta()),
        ended=sum(tally["ended"] for tally in beat.jobs.values()),
        failed=sum(tally["failed"] for tally in beat.jobs.values()),
        has_died=beat.died_at is not None or beat.name in dead,
    )


def _last_runs(beats: Sequence[WorkerBeat]) -> dict[str, datetime]:
    """When each job ended last, on whichever worker."""
    found: dict[str, datetime] = {}
    for beat in beats:
        for job, tally in beat.jobs.items():
            at = parse_datetime(tally["last_at"])
            if at is not None and (job not in found or at > found[job]):
                found[job] = at
    return found
