"""What the queue page and the command tell: Redis, the database and the disk at once.

Each is asked with a limit, and the page says which of them did not answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import Error
from redis.asyncio import Redis
from redis.exceptions import RedisError

from asgi_app.database import in_orm
from campaigns.clocks import LATE
from campaigns.models import Campaign
from campaigns.queue_keys import JobQueue, QueuedJob, read_queue
from campaigns.queue_selectors import DatabaseFacts, read_facts
from campaigns.spool import Spool, SpoolUnwritable
from chatapp.models import Line

logger = logging.getLogger(__name__)

REDIS_LIMIT_S = 1.0
DATABASE_LIMIT_S = 3.0
FAR_TOO_LATE = timedelta(seconds=60)


class Standing(StrEnum):
    """What there is to say first."""

    BOTH_AWAY = "both_away"
    DATABASE_AWAY = "database_away"
    REDIS_AWAY = "redis_away"
    NO_WORKER = "no_worker"
    LATE = "late"
    NOTHING_WAITS = "nothing_waits"
    ON_TIME = "on_time"


@dataclass(frozen=True)
class JobRow:
    """A job, with the line that it is about and the campaign whose turn it is there.

    `ahead` is how long until it is due, negative when that time has passed.
    """

    job: QueuedJob
    ahead: timedelta
    line: Line | None
    campaign: Campaign | None

    @property
    def late(self) -> timedelta:
        return max(-self.ahead, timedelta())


@dataclass(frozen=True)
class QueueReport:
    """What was found; None stands for what did not answer in time."""

    jobs: JobQueue | None
    facts: DatabaseFacts | None
    spooled: int | None

    @property
    def late(self) -> timedelta:
        """How late the clock runs: the most overdue message, or job nobody took."""
        return max(
            self.facts.late if self.facts else timedelta(),
            self.jobs.late if self.jobs else timedelta(),
        )

    @property
    def standing(self) -> Standing:
        jobs, facts = self.jobs, self.facts
        if facts is None:
            return Standing.BOTH_AWAY if jobs is None else Standing.DATABASE_AWAY
        if jobs is None:
            return Standing.REDIS_AWAY
        if not facts.alive:
            return Standing.NO_WORKER
        if self.late > LATE:
            return Standing.LATE
        messages = facts.waiting_line_count or facts.claims or facts.stopped_line_count
        # What the worker does by itself is always in the queue, or about to be.
        rings = any(job.function == "deliver" for job in jobs.deferred_jobs)
        return Standing.ON_TIME if messages or rings else Standing.NOTHING_WAITS

    @property
    def is_good(self) -> bool:
        """Whether messages leave when they should, as far as could be found out."""
        return (
            self.jobs is not None
            and self.facts is not None
            and self.facts.alive > 0
            and self.late <= FAR_TOO_LATE
        )

    @property
    def running(self) -> Sequence[JobRow]:
        return self._rows(self.jobs.running_jobs if self.jobs else ())

    @property
    def waiting(self) -> Sequence[JobRow]:
        return self._rows(self.jobs.waiting_jobs if self.jobs else ())

    @property
    def deferred(self) -> Sequence[JobRow]:
        return self._rows(self.jobs.deferred_jobs if self.jobs else ())

    def _rows(self, jobs: Sequence[QueuedJob]) -> list[JobRow]:
        assert self.jobs is not None or not jobs
        lines: Mapping[int, Line] = self.facts.lines if self.facts else {}
        waiting = self.facts.waiting_lines if self.facts else ()
        heads = {item.line.pk: item.campaign for item in waiting}
        now: datetime | None = self.jobs.now if self.jobs else None
        rows = []
        for job in jobs:
            line_id = line_of(job)
            line = lines.get(line_id) if line_id is not None else None
            campaign = heads.get(line.pk) if line else None
            ahead = job.due_at - now if now else timedelta()
            rows.append(JobRow(job, ahead, line, campaign))
        return rows


class QueueWatch:
    """Reads the report; one a process, so that a hung database is asked once."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._hung: asyncio.Task[DatabaseFacts] | None = None

    async def read(self) -> QueueReport:
        """Reads what answers within its limit; never raises for what does not."""
        jobs = await self._jobs()
        facts, spooled = await asyncio.gather(self._facts(jobs), _spooled())
        return QueueReport(jobs, facts, spooled)

    async def _jobs(self) -> JobQueue | None:
        try:
            async with asyncio.timeout(REDIS_LIMIT_S):
                return await read_queue(self._redis)
        except (RedisError, OSError) as error:  # a TimeoutError is one
            logger.warning("the queue was not read: %r", error)
            return None

    async def _facts(self, jobs: JobQueue | None) -> DatabaseFacts | None:
        if self._hung is not None:
            await asyncio.wait({self._hung}, timeout=DATABASE_LIMIT_S)
            if not self._hung.done():
                return None
            self._hung = None
        # What hangs in its thread goes on there when the page has been answered, and
        # a context of its own keeps the end of the request from waiting for it.
        reading = asyncio.create_task(
            in_orm(read_facts, _line_ids(jobs)), context=Context()
        )
        reading.add_done_callback(_look_at_the_error)
        try:
            await asyncio.wait({reading}, timeout=DATABASE_LIMIT_S)
        finally:
            if not reading.done():
                self._hung = reading
        if not reading.done():
            logger.warning("the database takes too long to answer the queue page")
            return None
        if isinstance(reading.exception(), Error):
            return None
        return reading.result()


def line_of(job: QueuedJob) -> int | None:
    """The id of the line that a doorbell is about."""
    if job.function == "deliver" and job.args and isinstance(job.args[0], int):
        return job.args[0]
    return None


def _line_ids(jobs: JobQueue | None) -> list[int]:
    if jobs is None:
        return []
    shown = (*jobs.running_jobs, *jobs.waiting_jobs, *jobs.deferred_jobs)
    found = {line_of(job) for job in shown}
    # What is no id of a row would be too large for the database.
    return sorted(pk for pk in found if pk is not None and 0 < pk < 2**63)


def _look_at_the_error(reading: asyncio.Task[DatabaseFacts]) -> None:
    """Logs it also where nobody waits any more."""
    if not reading.cancelled() and (error := reading.exception()):
        logger.warning("the database did not answer the queue page: %r", error)


async def _spooled() -> int | None:
    """How many callbacks wait on this computer's disk for the database."""
    try:
        return await asyncio.to_thread(Spool(settings.SPOOL_DIR).waiting)
    except SpoolUnwritable:
        return None
