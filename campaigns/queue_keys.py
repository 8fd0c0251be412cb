"""The job queue as it lies in Redis, read from arq's own keys with a bounded effort.

`arq:queue` is a sorted set of job ids by the millisecond at which each is due; a job
stays in it while it runs. `arq:in-progress:<id>` says that one runs, `arq:retry:<id>`
counts its tries, `arq:job:<id>` is what it is to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis

QUEUE = "arq:queue"
JOB = "arq:job:"
IN_PROGRESS = "arq:in-progress:"
RETRY = "arq:retry:"
HEALTH = "arq:queue:health-check"

SHOWN = 50
# A worker reads the due jobs in this order too: what runs is among the first.
LOOKED_AT = 200
# A job of ours has some 80 bytes; of what somebody else put there no more is read.
LONGEST_BODY = 1024
LONGEST_ID = 200
LAST_MS = 253_402_300_799_000  # the end of the year 9999

_HEALTH = re.compile(
    rb"j_complete=(?P<done>\d+) j_failed=(?P<failed>\d+) j_retried=(?P<again>\d+)"
)


@dataclass(frozen=True)
class QueuedJob:
    """A job: the name of its function, and its arguments where they could be read."""

    id: str
    function: str
    args: Sequence[object]
    due_at: datetime
    tries: int


@dataclass(frozen=True)
class ReportOfArq:
    """What the worker that reported last has counted since it began."""

    done: int
    failed: int
    again: int


@dataclass(frozen=True)
class JobQueue:
    """The queue at `now`, by the clock of Redis.

    The lists hold the first `SHOWN` of each; the counts are of all, but for `running`,
    which counts among the first `LOOKED_AT` that are due.
    """

    now: datetime
    running: int
    waiting: int
    deferred: int
    running_jobs: Sequence[QueuedJob]
    waiting_jobs: Sequence[QueuedJob]
    deferred_jobs: Sequence[QueuedJob]
    report: ReportOfArq | None

    @property
    def late(self) -> timedelta:
        """How long the first of the jobs that nobody has taken has been due."""
        if not self.waiting_jobs:
            return timedelta()
        return max(self.now - self.waiting_jobs[0].due_at, timedelta())


async def read_queue(redis: Redis) -> JobQueue:
    """Reads the queue in four round trips, whatever it holds; raises RedisError."""
    seconds, micros = await redis.time()
    now_ms = seconds * 1000 + micros // 1000
    pipe = redis.pipeline(transaction=False)
    pipe.zcard(QUEUE)
    pipe.zcount(QUEUE, "-inf", now_ms)
    pipe.zrangebyscore(QUEUE, "-inf", now_ms, 0, LOOKED_AT, withscores=True)
    pipe.zrangebyscore(QUEUE, f"({now_ms}", "+inf", 0, SHOWN, withscores=True)
    pipe.getrange(HEALTH, 0, LONGEST_BODY)
    total, due_count, due, deferred, health = await pipe.execute()
    taken = await _taken(redis, [job for job, _ in due])
    running = [(job, score) for job, score in due if job in taken]
    waiting = [(job, score) for job, score in due if job not in taken]
    shown = [running[:SHOWN], waiting[:SHOWN], deferred]
    read = await _read(redis, {job: score for some in shown for job, score in some})
    lists = [[read[job] for job, _ in some] for some in shown]
    return JobQueue(
        now=datetime.fromtimestamp(now_ms / 1000, UTC),
        running=len(running),
        waiting=max(due_count - len(running), len(waiting)),
        deferred=max(total - due_count, 0),
        running_jobs=lists[0],
        waiting_jobs=lists[1],
        deferred_jobs=lists[2],
        report=_report(health),
    )


async def _taken(redis: Redis, ids: Sequence[bytes]) -> set[bytes]:
    """Those of the jobs that a worker has begun."""
    if not ids:
        return set()
    values = await redis.mget([IN_PROGRESS.encode() + job for job in ids])
    return {job for job, value in zip(ids, values, strict=True) if value is not None}


async def _read(redis: Redis, due: Mapping[bytes, float]) -> dict[bytes, QueuedJob]:
    if not due:
        return {}
    pipe = redis.pipeline(transaction=False)
    pipe.mget([RETRY.encode() + job for job in due])
    for job in due:
        pipe.getrange(JOB.encode() + job, 0, LONGEST_BODY)
    tries, *bodies = await pipe.execute()
    return {
        job: _job(job, score, body, tried)
        for (job, score), tried, body in zip(due.items(), tries, bodies, strict=True)
    }


def _job(job: bytes, score: float, body: bytes, tried: bytes | None) -> QueuedJob:
    name = job.decode(errors="replace")[:LONGEST_ID]
    function, args = _called(body)
    return QueuedJob(
        id=name,
        # What is gone or too long to be read is told by its id: "cron:sweep:17…".
        function=function or name.rstrip("0123456789").rstrip(":"),
        args=args,
        due_at=_time(score),
        tries=int(tried) if tried and tried.isdigit() else 0,
    )


def _time(ms: float) -> datetime:
    return datetime.fromtimestamp(min(max(ms, 0), LAST_MS) / 1000, UTC)


def _called(body: bytes) -> tuple[str, Sequence[object]]:
    """The function and the arguments that a job's body names."""
    try:
        read: Any = json.loads(body)
    except ValueError:
        return "", ()
    if not isinstance(read, dict):
        return "", ()
    function, args = read.get("f"), read.get("a")
    return (
        function if isinstance(function, str) else "",
        args if isinstance(args, list) else (),
    )


def _report(health: bytes) -> ReportOfArq | None:
    found = _HEALTH.search(health)
    if found is None:
        return None
    return ReportOfArq(*(int(found[name]) for name in ("done", "failed", "again")))
