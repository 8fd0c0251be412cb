"""Jobs that ended with an error of the program: the last ones, for the queue page."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence

from django.db import Error, transaction

from asgi_app.database import in_orm, orm_now
from asgi_app.logs import masked
from campaigns.models import FailedJob

logger = logging.getLogger(__name__)

KEPT = 100
FRAMES = 6
LONGEST_LINE = 300
LONGEST_TRACE = 4000


async def keep_failure(
    job: str, args: Sequence[object], *, worker: str, error: Exception
) -> None:
    """Keeps what ended a job; while the database is away that is in the log only."""
    called = f"{job}({', '.join(map(repr, args))})"
    try:
        await in_orm(_store, called, worker, in_text(error))
    except Error as away:
        logger.warning("the failure of %s is told by this log alone: %s", called, away)


def in_text(error: Exception) -> str:
    """The error in one line, and the end of its traceback; without secrets."""
    line = " ".join(f"{type(error).__name__}: {error}".split())
    trace = "".join(traceback.format_exception(error, limit=-FRAMES)).strip()
    # Masked before it is cut: half a secret would not be known for one.
    line, trace = masked(line)[:LONGEST_LINE], masked(trace)[-LONGEST_TRACE:]
    # No database stores half a surrogate pair.
    return f"{line}\n{trace}".encode("utf-8", "backslashreplace").decode()


def _store(job: str, worker: str, error: str) -> None:
    with transaction.atomic():
        row = FailedJob.objects.create(
            at=orm_now(), job=masked(job)[:200], worker=worker, error=error
        )
        older = FailedJob.objects.filter(pk__lt=row.pk).order_by("-pk")
        last = older.values_list("pk", flat=True)[KEPT - 1 : KEPT].first()
        if last is not None:
            FailedJob.objects.filter(pk__lte=last).delete()
