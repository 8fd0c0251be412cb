"""`manage.py queue`: the facts of the queue page, for a shell and for monitoring."""

from __future__ import annotations

import asyncio
import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand

from asgi_app.redis import open_redis
from campaigns import queue_wording
from campaigns.failed_jobs import KEPT
from campaigns.queue_report import JobRow, QueueReport, QueueWatch
from campaigns.wording import time_span


class Command(BaseCommand):
    help = (
        "Shows who works, what waits, and how late the clock runs. Exits with 1 when "
        "no worker is alive, when the clock is more than 60 s late, or when either "
        "cannot be told."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        report = asyncio.run(_read())
        if options["json"]:
            self.stdout.write(json.dumps(_facts(report), ensure_ascii=False))
        else:
            self.stdout.write("\n".join(_lines(report)))
        if not report.is_good:
            sys.exit(1)


async def _read() -> QueueReport:
    redis = open_redis()
    try:
        return await QueueWatch(redis).read()
    finally:
        await redis.aclose(close_connection_pool=True)


def _lines(report: QueueReport) -> Iterator[str]:
    yield queue_wording.standing(report)
    facts, jobs = report.facts, report.jobs
    if facts:
        for worker in facts.workers:
            gone = "died" if worker.has_died else "silent"
            state = "alive" if worker.is_alive else gone
            seen = time_span(worker.silent_for)
            ended = f"{worker.ended} jobs ended, {worker.failed} with an error"
            yield f"worker {worker.name}: {state}, seen {seen} ago; {ended}"
    if jobs:
        yield (
            f"jobs: {jobs.running} running, {jobs.waiting} waiting,"
            f" {jobs.deferred} deferred"
        )
        for state, rows in _shown(report).items():
            for row in rows:
                at = row.job.due_at.isoformat(timespec="seconds")
                yield f"  {state}: {queue_wording.job(row)}, due {at}"
    if facts:
        for item in facts.waiting_lines:
            held = f", held back: {item.held_code}" if item.held_code else ""
            late = time_span(item.late)
            yield f"line {item.line.pk} – {item.line}: {late} late{held}"
        yield (
            f"requests under way: {facts.claims}, past their deadline:"
            f" {facts.overdue_claims}; statuses on the shelf: {facts.shelf.shown}"
            f"{' and more' if facts.shelf.is_more else ''}"
        )
        yield f"failed jobs (of the last {KEPT}): {facts.failure_count}"
        for failure in facts.failures:
            at = failure.at.isoformat(timespec="seconds")
            yield f"  {at} {failure.job}: {failure.error.partition(chr(10))[0]}"


def _facts(report: QueueReport) -> dict[str, Any]:
    facts, jobs = report.facts, report.jobs
    told: dict[str, Any] = {
        "standing": report.standing,
        "good": report.is_good,
        "late_s": round(report.late.total_seconds(), 1),
        "callbacks_on_disk": report.spooled,
        "redis": None,
        "database": None,
    }
    if jobs:
        counts = {
            "running": jobs.running,
            "waiting": jobs.waiting,
            "deferred": jobs.deferred,
        }
        shown = {
            state: [_job(row) for row in rows] for state, rows in _shown(report).items()
        }
        told["redis"] = {"counts": counts, "first": shown}
    if facts:
        told["database"] = {
            "alive": facts.alive,
            "workers": [
                {
                    "name": worker.name,
                    "alive": worker.is_alive,
                    "died": worker.has_died,
                    "started_at": _iso(worker.started_at),
                    "seen_at": _iso(worker.beat_at),
                    "ended": worker.ended,
                    "failed": worker.failed,
                }
                for worker in facts.workers
            ],
            "last_run_at": {job: _iso(at) for job, at in facts.last_run_at.items()},
            "lines": [
                {
                    "line": item.line.pk,
                    "campaign": item.campaign.pk if item.campaign else None,
                    "due_at": _iso(item.next_at),
                    "late_s": round(item.late.total_seconds(), 1),
                    "held": item.held_code,
                }
                for item in facts.waiting_lines
            ],
            "stopped_lines": facts.stopped_line_count,
            "claims": facts.claims,
            "overdue_claims": facts.overdue_claims,
            "shelf": facts.shelf.count,
            "failed_jobs": [
                {
                    "at": _iso(failure.at),
                    "job": failure.job,
                    "worker": failure.worker,
                    "error": failure.error.partition("\n")[0],
                }
                for failure in facts.failures
            ],
        }
    return told


def _shown(report: QueueReport) -> dict[str, list[JobRow]]:
    return {
        "running": list(report.running),
        "waiting": list(report.waiting),
        "deferred": list(report.deferred),
    }


def _job(row: JobRow) -> dict[str, Any]:
    job = row.job
    return {
        "id": job.id,
        "job": job.function,
        "arguments": list(job.args),
        "due_at": _iso(job.due_at),
        "tries": job.tries,
    }


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")
