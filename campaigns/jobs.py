"""The arq functions around the loop of a line, and the doorbell that calls them."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Protocol, cast
from uuid import uuid4

from arq.connections import ArqRedis
from arq.typing import WorkerCoroutine
from django.conf import settings
from redis.exceptions import RedisError

from asgi_app.database import DatabaseAway, DatabaseError
from asgi_app.subjects import about
from campaigns import imports, uploads
from campaigns.books import keep_books
from campaigns.job_endings import Ctx, counted, in_orm_or_away
from campaigns.kept_answers import forget_old
from campaigns.ledger import Ledger
from campaigns.lifelines import Lifelines
from campaigns.lookthrough import LookThrough
from campaigns.pacing import Delays
from campaigns.removal import remove_some
from campaigns.sending import Sending
from campaigns.settling import Settling
from campaigns.spells import note_spells
from campaigns.succession import succeed
from chatapp.errors import ChatAppError

logger = logging.getLogger(__name__)

OVERDUE_S = 2.0
REMOVE_S = 8.0
LOOK_S = 12.0
# Well below the worker's `job_timeout`, whatever a batch takes.
IMPORT_SLICE_S = 60.0
# An import that has stored nothing for so long is rung again.
STANDS_STILL_S = 20.0
# SQLite has one writer, and whoever asks at once again is first again.
BREATH_S = 0.05


# Plain JSON, because a pickle in Redis would be code in the worker. What arq itself
# stores of a job that it fails is an exception: `str` makes that a text.
def serialize(job: dict[str, Any]) -> bytes:
    return json.dumps(job, default=str).encode()


def deserialize(job: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(job)
    return loaded


class WorkerResources(Protocol):
    """What the jobs find in their context under "resources"."""

    @property
    def ledger(self) -> Ledger: ...
    @property
    def sending(self) -> Sending: ...
    @property
    def settling(self) -> Settling: ...
    @property
    def lookthrough(self) -> LookThrough: ...
    @property
    def doorbell(self) -> Doorbell: ...
    @property
    def delays(self) -> Delays: ...
    @property
    def lifelines(self) -> Lifelines: ...
    @property
    def stopping(self) -> asyncio.Event: ...
    async def keep_connected(self) -> None: ...


@dataclass(frozen=True)
class Doorbell:
    """Tells the workers to look at a line; forgetting a ring harms nothing."""

    queue: ArqRedis

    async def ring(self, line_id: int, after: timedelta, *, name: str) -> bool:
        """Rings a line after a time; the same name rings once.

        Returns False while Redis is away: the sweep rings then.
        """
        try:
            await self.queue.enqueue_job(
                "deliver",
                line_id,
                _job_id=f"deliver:{line_id}:{name}",
                _defer_by=max(after, timedelta()),
            )
        except (RedisError, OSError) as error:
            logger.warning("line %s was not rung: %s", line_id, error)
            return False
        return True

    async def ring_import(self, upload_id: int, *, name: str) -> bool:
        """Has an upload imported; the same name rings once. False as in `ring`."""
        try:
            await self.queue.enqueue_job(
                "import_list", upload_id, _job_id=f"import:{upload_id}:{name}"
            )
        except (RedisError, OSError) as error:
            logger.warning("import %s was not rung: %s", upload_id, error)
            return False
        return True

    async def ring_at(
        self, line_id: int, at: datetime, now: datetime, *, own: str = ""
    ) -> bool:
        """Rings at a time, once; `own` is the id of the job that rings.

        A job that came too early, by the clock of another computer, rings for the same
        moment again: under its own id arq would drop that.
        """
        name = f"{at.timestamp() * 1000:.0f}"
        if own.startswith(f"deliver:{line_id}:{name}"):
            name = own.partition(f"{line_id}:")[2] + "+"
        return await self.ring(line_id, at - now, name=name)


def _waits_for_the_database(job: Callable[..., Awaitable[None]]) -> WorkerCoroutine:
    """Ends a job in one line while the database is away: the sweep comes again.

    Whatever is logged meanwhile is about the job's arguments.
    """
    _ctx, *ids = inspect.signature(job).parameters
    names = [name.removesuffix("_id") for name in ids]

    @wraps(job)
    async def waiting(ctx: Ctx, *args: Any) -> None:
        with about(**dict(zip(names, args, strict=False))):
            try:
                await counted(job, ctx, *args)
            except DatabaseAway as error:
                logger.warning("%s: the database is away: %s", job.__name__, error)
            except DatabaseError:
                logger.exception("%s: the database refused a statement", job.__name__)

    return cast(WorkerCoroutine, waiting)


@_waits_for_the_database
async def deliver(ctx: Ctx, line_id: int) -> None:
    """Looks at a line, does what it has to do now, and rings for what comes next."""
    resources: WorkerResources = ctx["resources"]
    again_at = await resources.sending.serve(line_id)
    if again_at is not None:
        now = await resources.ledger.now()
        own = str(ctx.get("job_id", ""))
        await resources.doorbell.ring_at(line_id, again_at, now, own=own)


@_waits_for_the_database
async def sweep(ctx: Ctx) -> None:
    """Starts and expires what its time has come for, rings lines, gives up claims."""
    resources: WorkerResources = ctx["resources"]
    ledger = resources.ledger
    now = await ledger.now()
    started = await ledger.start_scheduled()
    expired = await ledger.expire()
    if expired:
        logger.info("%d messages expired: they are of no use any more", expired)
    overdue = [due.line_id for due in await ledger.overdue(by_s=OVERDUE_S)]
    for line_id in {*started, *overdue}:
        # A name of its own: after a kill arq holds on to the old one for minutes.
        name = f"sweep:{now.timestamp() * 1000:.0f}"
        await resources.doorbell.ring(line_id, timedelta(), name=name)
    for left in await succeed(ledger, resources.lifelines, resources.delays):
        name = f"legacy:{now.timestamp() * 1000:.0f}"
        await resources.doorbell.ring(left.line_id, left.next_at - now, name=name)
    await ledger.give_up_claims()
    await ledger.apply_matching()
    await asyncio.to_thread(resources.lifelines.move)


@_waits_for_the_database
async def settle(ctx: Ctx) -> None:
    """Doubts lines, looks for unsure messages, and tidies the shelf."""
    resources: WorkerResources = ctx["resources"]
    for line_id in await resources.ledger.doubt_lines():
        with about(line=line_id):
            logger.warning("the line was stopped: hardly anything is delivered")
    found = await resources.settling.look()
    if found:
        logger.info("%d unsure messages were found in their chats", found)
    for line_id in await resources.settling.probe():
        with about(line=line_id):
            logger.info("the line goes on: ChatApp answers again")
        await resources.doorbell.ring(line_id, timedelta(), name=f"probe:{uuid4().hex}")
    await resources.ledger.file_away()


@_waits_for_the_database
async def look_through(ctx: Ctx) -> None:
    """Looks for what waits since a backup was put back, some seconds' worth a time."""
    resources: WorkerResources = ctx["resources"]
    until = time.monotonic() + LOOK_S

    def is_to_stop() -> bool:
        return resources.stopping.is_set() or time.monotonic() > until

    for line_id in await resources.lookthrough.go_on(is_to_stop):
        with about(line=line_id):
            logger.info("the line was looked through, and waits for “Go on”")


@_waits_for_the_database
async def count_books(ctx: Ctx) -> None:
    """Counts the books of campaigns that may have changed."""
    await in_orm_or_away(keep_books)


@_waits_for_the_database
async def keep_diary(ctx: Ctx) -> None:
    """Writes down what every line does, or why it sends nothing."""
    await in_orm_or_away(note_spells)


@_waits_for_the_database
async def remove_deleted(ctx: Ctx) -> None:
    """Removes the rows of deleted campaigns, some seconds' worth a time.

    And what was kept of the answers to programs for long enough.
    """
    ends_at = time.monotonic() + REMOVE_S
    await in_orm_or_away(forget_old)
    while await in_orm_or_away(remove_some):
        if time.monotonic() > ends_at:
            break
        await asyncio.sleep(BREATH_S)


@_waits_for_the_database
async def import_list(ctx: Ctx, upload_id: int) -> None:
    """Goes on with an import for a while, and rings for the rest of it."""
    resources: WorkerResources = ctx["resources"]
    until = time.monotonic() + IMPORT_SLICE_S

    def is_to_stop() -> bool:
        return resources.stopping.is_set() or time.monotonic() > until

    has_ended = await in_orm_or_away(
        imports.go_on,
        upload_id=upload_id,
        delays=resources.delays,
        region=settings.PHONE_REGION,
        is_to_stop=is_to_stop,
    )
    if not has_ended:
        await resources.doorbell.ring_import(upload_id, name=uuid4().hex)


@_waits_for_the_database
async def look_after_imports(ctx: Ctx) -> None:
    """Rings imports that stand still, and forgets what was never saved."""
    resources: WorkerResources = ctx["resources"]
    now = await resources.ledger.now()
    since = now - timedelta(seconds=STANDS_STILL_S)
    standing = await in_orm_or_away(uploads.standing_still, since=since)
    await in_orm_or_away(uploads.forget_unsaved, now=now)
    for upload_id in standing:
        name = f"sweep:{now.timestamp() * 1000:.0f}"
        await resources.doorbell.ring_import(upload_id, name=name)


@_waits_for_the_database
async def keep_connected(ctx: Ctx) -> None:
    """Refreshes the tokens ahead of their end, and makes the first connection."""
    resources: WorkerResources = ctx["resources"]
    try:
        await resources.keep_connected()
    except ChatAppError as error:
        logger.warning("not connected to ChatApp: %s", error)
