"""From a callback's bytes to the shelf; over the spool while the database is away."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections import Counter
from collections.abc import Coroutine
from typing import Any

from asgi_app.database import DatabaseAway, DatabaseError
from campaigns.history import EventKind, split_tracking
from campaigns.ledger import Ledger
from campaigns.ledger.entries import HeardStatus
from campaigns.ledger.shelf import Heard
from campaigns.spool import Spool, SpoolUnwritable
from chatapp.events import (
    BadCallback,
    Callback,
    MessageEvent,
    StatusEvent,
    StatusKind,
    parse,
)

logger = logging.getLogger(__name__)

# ChatApp's patience is not known; a database that hangs must not use it up.
SHELVE_S = 5.0
# For so long after a failure callbacks go to the spool without a try.
AWAY_S = 2.0
DRAIN_EVERY_S = 1.0
DRAIN_BATCH = 100
OUR_TRACKING = re.compile(r"[0-9a-f]{24}(-[0-9]{1,4})?")
# The count's names come from the sender; others than these are counted together.
COUNTED = frozenset({"chatTag", "chatConversation", "selftest"})
KINDS = {
    StatusKind.SENT: EventKind.SENT,
    StatusKind.DELIVERED: EventKind.DELIVERED,
    StatusKind.READ: EventKind.READ,
    StatusKind.FAILED: EventKind.FAILED,
    None: EventKind.IGNORED,
}


class Intake:
    """Takes callbacks: each is durable before `take` returns."""

    def __init__(self, ledger: Ledger, spool: Spool) -> None:
        self._ledger = ledger
        self._spool = spool
        self._under_way: set[asyncio.Task[None]] = set()
        self._away_until = 0.0

    async def take(self, body: bytes) -> None:
        """Shelves or spools a callback, whatever becomes of the caller.

        Raises BadCallback, or SpoolUnwritable when it could be stored nowhere.
        """
        callback = parse(body)
        await asyncio.shield(self._go_on(self._keep(body, heard(callback))))

    async def keep_draining(self) -> None:
        """Hands on what was spooled, for ever; each process drains its own."""
        while True:
            await asyncio.sleep(DRAIN_EVERY_S)
            try:
                drained = await self._spool.drain(self._shelve_all, most=DRAIN_BATCH)
            except DatabaseError:
                continue
            except SpoolUnwritable as error:
                logger.error("the spool cannot be drained: %s", error)
                continue
            if drained:
                logger.info("%d callbacks came out of the spool", drained)

    async def close(self) -> None:
        """Sees through what is under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._spool.close()

    async def _keep(self, body: bytes, told: Heard) -> None:
        if time.monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(SHELVE_S):
                    await self._ledger.shelve(told)
            except (DatabaseError, TimeoutError) as error:
                self._away_until = time.monotonic() + AWAY_S
                logger.warning("a callback goes to the spool: %s", error)
            else:
                self._go_on(self._apply(told))
                return
        await asyncio.to_thread(self._spool.append, body)

    async def _shelve_all(self, bodies: list[bytes]) -> None:
        told = []
        for body in bodies:
            try:
                told.append(heard(parse(body)))
            except BadCallback as error:
                logger.warning("a spooled callback is left out: %s", error.reason)
        await asyncio.gather(*(self._ledger.shelve(one) for one in told))
        for one in told:
            await self._apply(one)

    async def _apply(self, told: Heard) -> None:
        """Applies what is shelved; the sweep does it where this fails."""
        try:
            await self._ledger.apply(told)
        except DatabaseAway as error:
            logger.info("shelved statuses are applied later: %s", error)
        except Exception:
            logger.exception("shelved statuses were not applied")

    def _go_on(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task


def heard(callback: Callback) -> Heard:
    """What a callback tells of messages, and how many events of each kind it had."""
    statuses = [_status(event) for event in callback.statuses]
    counts: Counter[str] = Counter()
    if callback.statuses:
        counts["status"] = len(callback.statuses)
    for message in callback.messages:
        counts["message_out" if message.side == "out" else "message_in"] += 1
        if message.side == "out" and OUR_TRACKING.fullmatch(message.tracking):
            statuses.append(_echo(message))
    for name, count in callback.ignored.items():
        counts[name if name in COUNTED else "other"] += count
    if callback.bad:
        counts["bad"] = callback.bad
    return Heard(statuses, counts)


def _status(event: StatusEvent) -> HeardStatus:
    base, attempt = split_tracking(event.tracking)
    return HeardStatus(
        digest=_digest(event, event.type.lower()),
        kind=KINDS[event.kind],
        type=event.type,
        message_id=event.message_id,
        tracking=base,
        attempt=attempt,
        at=event.happened_at,
        licence_id=event.licence_id,
        messenger=event.messenger,
        phone=event.phone[:20],
        code=event.error_code,
        reason=event.error_text,
        raw=event.raw,
    )


def _echo(event: MessageEvent) -> HeardStatus:
    base, attempt = split_tracking(event.tracking)
    return HeardStatus(
        digest=_digest(event, "echo"),
        kind=EventKind.ECHOED,
        type="message",
        message_id=event.message_id,
        tracking=base,
        attempt=attempt,
        at=event.happened_at,
        licence_id=event.licence_id,
        messenger=event.messenger,
        phone=event.phone[:20],
    )


def _digest(event: StatusEvent | MessageEvent, kind: str) -> str:
    """The same for the same event told again."""
    parts = (event.message_id, event.tracking, kind, str(event.happened_at))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
