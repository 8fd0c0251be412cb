"""The state of the queue, and what its jobs do, in the words that people read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from campaigns.heartbeat import ALIVE_FOR
from campaigns.queue_report import JobRow, QueueReport, Standing, line_of
from campaigns.wording import time_span

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# What the worker does by itself, by the name of the job, and how often.
CRONS: Mapping[str, tuple[StrOrPromise, timedelta]] = {
    "sweep": (
        lazy("rings late lines, gives up old claims, applies shelved statuses"),
        timedelta(seconds=5),
    ),
    "settle": (
        lazy("looks for unsure messages, tries stopped lines, tidies the shelf"),
        timedelta(seconds=15),
    ),
    "look_through": (
        lazy("looks in the chats for what waits, after a backup was put back"),
        timedelta(seconds=15),
    ),
    "look_after_imports": (
        lazy("rings imports that stand still, forgets files that were never saved"),
        timedelta(seconds=15),
    ),
    "remove_deleted": (
        lazy("removes the rows of deleted campaigns"),
        timedelta(seconds=15),
    ),
    "count_books": (
        lazy("counts the books from the rows"),
        timedelta(seconds=60),
    ),
    "keep_diary": (
        lazy("writes down what every line does, or why it sends nothing"),
        timedelta(seconds=60),
    ),
    "keep_connected": (
        lazy("keeps the tokens of ChatApp alive"),
        timedelta(seconds=60),
    ),
}


def standing(report: QueueReport) -> str:
    """What there is to say first, in a sentence or two."""
    match report.standing:
        case Standing.BOTH_AWAY:
            return _("Neither the database nor Redis answers: nothing leaves now.")
        case Standing.DATABASE_AWAY:
            return _(
                "The database does not answer: nothing leaves now, and callbacks are "
                "kept on the disk. What follows is what Redis knows."
            )
        case Standing.REDIS_AWAY:
            return _(
                "Redis does not answer: nothing new leaves now. Callbacks and pages "
                "work, nothing is lost, and sending goes on by itself when it is back."
            )
        case Standing.NO_WORKER:
            return _no_worker(report)
        case Standing.LATE:
            return _("The clock runs %(time)s late: what is due has not left yet.") % {
                "time": time_span(report.late)
            }
        case Standing.NOTHING_WAITS:
            return _("Nothing waits.") + " " + _workers(report)
        case Standing.ON_TIME:
            return _("Everything is on time.") + " " + _workers(report)


def job(row: JobRow) -> str:
    """What a job does, without the line's name: "look at a line", "sweep: …"."""
    function = row.job.function
    name = function.removeprefix("cron:")
    if name in CRONS:
        return f"{name}: {CRONS[name][0]}"
    line_id = line_of(row.job)
    if line_id is None:
        return function
    if row.line is None:
        return _("look at line %(id)d") % {"id": line_id}
    return _("look at line %(id)d – %(line)s") % {"id": line_id, "line": row.line}


def _workers(report: QueueReport) -> str:
    alive = report.facts.alive if report.facts else 0
    return ngettext(
        "The worker is there.", "The %(count)d workers are there.", alive
    ) % {"count": alive}


def _no_worker(report: QueueReport) -> str:
    last = report.facts.last_seen if report.facts else None
    if last is None:
        return _("No worker is there: nothing leaves until one is started.")
    return _(
        "No worker has been seen for %(time)s: nothing leaves until one is there again."
    ) % {"time": time_span(last.silent_for)}


@dataclass(frozen=True)
class CronRow:
    """Something that the worker does by itself, and when it did so last."""

    name: str
    words: StrOrPromise
    every: timedelta
    last_at: datetime | None
    ago: timedelta | None

    @property
    def is_late(self) -> bool:
        """Whether it should have run since; beats tell of it ten seconds later."""
        return self.ago is None or self.ago > self.every + ALIVE_FOR


def crons(report: QueueReport) -> list[CronRow]:
    """What the worker does by itself; none while the database is away."""
    facts = report.facts
    if facts is None:
        return []
    rows = []
    for name, (words, every) in CRONS.items():
        last_at = facts.last_run_at.get(name)
        ago = max(facts.now - last_at, timedelta()) if last_at else None
        rows.append(CronRow(name, words, every, last_at, ago))
    return rows
