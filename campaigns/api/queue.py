"""Who works, what waits, and how late the clock runs."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router

from campaigns import queue_wording
from campaigns.api.guard import resources_of
from campaigns.api.shapes import LineName, Shape
from campaigns.queue_keys import JobQueue
from campaigns.queue_report import QueueReport
from campaigns.queue_selectors import DatabaseFacts, WaitingLine, WorkerRow

router = Router(tags=["queue"])


class WorkerShape(Shape):
    name: str
    is_alive: bool
    started_at: datetime
    beat_at: datetime
    ended: int
    failed: int

    @classmethod
    def of(cls, row: WorkerRow) -> WorkerShape:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class JobCounts(Shape):
    running: int
    waiting: int
    deferred: int

    @classmethod
    def of(cls, jobs: JobQueue) -> JobCounts:
        return cls(running=jobs.running, waiting=jobs.waiting, deferred=jobs.deferred)


class WaitingLineShape(Shape):
    line: LineName
    next_at: datetime
    late_s: float
    held_code: str

    @classmethod
    def of(cls, waiting: WaitingLine) -> WaitingLineShape:
        return cls(
            line=LineName.of(waiting.line),
            next_at=waiting.next_at,
            late_s=waiting.late.total_seconds(),
            held_code=waiting.held_code,
        )


class DatabaseShape(Shape):
    """What the database knows; the shelf holds statuses without their message."""

    workers: list[WorkerShape]
    lines: list[WaitingLineShape]
    claims: int
    claims_overdue: int
    shelf: int

    @classmethod
    def of(cls, facts: DatabaseFacts) -> DatabaseShape:
        return cls(
            workers=[WorkerShape.of(worker) for worker in facts.workers],
            lines=[WaitingLineShape.of(line) for line in facts.waiting_lines],
            claims=facts.claims,
            claims_overdue=facts.overdue_claims,
            shelf=facts.shelf.count,
        )


class QueueShape(Shape):
    """The queue as its page has it; null stands for what did not answer in time."""

    standing: str
    said: str
    is_good: bool
    late_s: float
    jobs: JobCounts | None
    database: DatabaseShape | None
    spooled_callbacks: int | None

    @classmethod
    def of(cls, report: QueueReport) -> QueueShape:
        return cls(
            standing=report.standing,
            said=queue_wording.standing(report),
            is_good=report.is_good,
            late_s=report.late.total_seconds(),
            jobs=None if report.jobs is None else JobCounts.of(report.jobs),
            database=None if report.facts is None else DatabaseShape.of(report.facts),
            spooled_callbacks=report.spooled,
        )


@router.get("", response=QueueShape, summary="The queue")
async def read_queue(request: HttpRequest) -> QueueShape:
    """Answers within seconds, whatever is away."""
    return QueueShape.of(await resources_of(request).queue.read())
