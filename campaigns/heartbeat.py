"""What a worker process says of itself, so that a page can tell whether it is there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from django.conf import settings
from django.db import Error, transaction
from django.db.models import QuerySet

from asgi_app.database import in_orm, orm_now
from campaigns.lifelines import FOLDER, Lifelines
from campaigns.models import WorkerBeat
from campaigns.timings import Counts, Timings, keep
from chatapp.calls import boottime

logger = logging.getLogger(__name__)

BEAT_EVERY_S = 10.0
# Three beats missed: a worker that was silent for so long counts as gone.
ALIVE_FOR = timedelta(seconds=30)
FORGOTTEN_AFTER = timedelta(days=1)


def dead_here() -> list[str]:
    """Workers of this machine that died and have not been succeeded yet."""
    return Lifelines(settings.VAR_DIR / FOLDER).dead()


def alive(now: datetime, dead: Iterable[str] | None = None) -> QuerySet[WorkerBeat]:
    """Workers that were seen lately, and are not known to have died since.

    `dead` are those of `dead_here`, where they have been asked for already.
    """
    # By the index worker_beat.
    seen = WorkerBeat.objects.filter(beat_at__gt=now - ALIVE_FOR, died_at=None)
    return seen.exclude(name__in=dead_here() if dead is None else dead)


class JobTally(TypedDict):
    """What `WorkerBeat.jobs` holds by the name of a job."""

    ended: int
    failed: int
    last_at: str


@dataclass
class _Runs:
    """Jobs of one name; `last` is on the clock of `boottime`."""

    ended: int = 0
    failed: int = 0
    last: float = 0.0


class Heartbeat:
    """The beat of one worker process, written in the database's own time."""

    def __init__(self, name: str, timings: Timings | None = None) -> None:
        """`name` is the one by which the history of messages knows this worker.

        What is counted in `timings` goes into the database with each beat.
        """
        self.name = name
        self._timings = timings or Timings()
        self._began = boottime()
        self._is_known = False
        self._runs: dict[str, _Runs] = {}

    def ended(self, job: str, *, failed: bool) -> None:
        """Counts a job; the next beat tells of it."""
        runs = self._runs.setdefault(job, _Runs())
        runs.ended += 1
        runs.failed += failed
        runs.last = boottime()

    async def keep_beating(self) -> None:
        """Beats for ever, also while Redis is away; a lost beat harms nothing."""
        while True:
            try:
                await self.beat()
            except Error as error:
                logger.warning("the heartbeat was not written: %s", error)
            await asyncio.sleep(BEAT_EVERY_S)

    async def beat(self) -> None:
        """Writes one beat; raises the ORM's Error while the database is away."""
        taken = self._timings.take()
        try:
            await in_orm(self._write, boottime(), taken)
        except Error:
            self._timings.put_back(taken)
            raise

    async def stop(self) -> None:
        """Takes the worker off the list: it stopped in order."""
        with contextlib.suppress(Error):
            await in_orm(self._leave, self._timings.take())

    def _leave(self, taken: Counts) -> None:
        with transaction.atomic():
            keep(taken)
            WorkerBeat.objects.filter(name=self.name).delete()

    def _write(self, at: float, taken: Counts) -> None:
        with transaction.atomic():
            keep(taken)
            now = orm_now()
            tallies = {job: _tally(runs, at, now) for job, runs in self._runs.items()}
            beat = {"beat_at": now, "died_at": None, "jobs": tallies}
            known = WorkerBeat.objects.filter(name=self.name)
            # A container that starts again has the name and the pid that it had.
            if not (self._is_known and known.update(**beat)):
                started_at = now - timedelta(seconds=at - self._began)
                WorkerBeat.objects.update_or_create(
                    name=self.name, defaults={**beat, "started_at": started_at}
                )
            # By the index worker_beat.
            long_ago = now - FORGOTTEN_AFTER
            WorkerBeat.objects.filter(beat_at__lt=long_ago).delete()
        self._is_known = True


def _tally(runs: _Runs, at: float, now: datetime) -> JobTally:
    last_at = now - timedelta(seconds=at - runs.last)
    return {
        "ended": runs.ended,
        "failed": runs.failed,
        "last_at": last_at.isoformat(),
    }
