"""From a callback's bytes to the shelf; over the spool while the database is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db.models import Max, Sum

from asgi_app.database import DatabaseAway, Deadlocked
from campaigns.hearing import heard
from campaigns.ledger import Ledger
from campaigns.ledger.shelf import Heard
from campaigns.models import CallbackCount
from campaigns.spool import Spool
from chatapp.events import (
    BadCallback,
    parse,
)

logger = logging.getLogger(__name__)

# ChatApp's patience is not known; a database that hangs must not use it up.
SHELVE_S = 5.0
# For so long after a failure callbacks go to the spool without a try.
AWAY_S = 2.0
# Once the oldest try has taken so long, those that come go to the spool: waiting
# with it they would use up the server's connections.
SUSPICIOUS_S = 1.0
CLOSE_S = 10.0
DRAIN_EVERY_S = 1.0
DRAIN_BATCH = 100


class Intake:
    """Takes callbacks: each is durable before `take` returns."""

    def __init__(self, ledger: Ledger, spool: Spool, *, refused: Spool) -> None:
        """`refused` keeps for a look what was spooled and cannot be stored."""
        self._ledger = ledger
        self._spool = spool
        self._refused = refused
        self._under_way: set[asyncio.Task[None]] = set()
        # When each shelving under way began, the oldest first.
        self._shelvings: dict[object, float] = {}
        self._away_until = 0.0
        self._complaint = ""

    async def take(self, body: bytes) -> None:
        """Shelves or spools a callback, whatever becomes of the caller.

        Raises BadCallback, or SpoolUnwritable when it could be stored nowhere.
        """
        told = self._read(body)
        if told is None or told.statuses or told.counts:
            await asyncio.shield(self._go_on(self._keep(body, told)))

    async def keep_draining(self) -> None:
        """Hands on what was spooled, for ever; each process drains its own."""
        while True:
            await asyncio.sleep(DRAIN_EVERY_S)
            try:
                drained = await self.drain()
            except Exception as error:  # noqa: BLE001  it must go on whatever happens
                self._complain(f"the spool is not drained: {_named(error)}")
                continue
            self._complaint = ""
            if drained:
                logger.info("%d callbacks came out of the spool", drained)

    async def drain(self) -> int:
        """Hands on what was spooled and returns how many; raises while it cannot."""
        return await self._spool.drain(self._take_back, most=DRAIN_BATCH)

    async def close(self) -> None:
        """Sees through what is under way, within a bound."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                # What was shelved goes on to be applied in a task of its own.
                while self._under_way:
                    await asyncio.wait(self._under_way)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        self._spool.close()
        self._refused.close()

    def _read(self, body: bytes) -> Heard | None:
        """None for what we fail at: it goes to the spool, not to nobody."""
        try:
            return heard(parse(body))
        except BadCallback:
            raise
        except Exception as error:  # noqa: BLE001
            logger.error("a callback was not understood: %s", type(error).__name__)
            return None

    async def _keep(self, body: bytes, told: Heard | None) -> None:
        if told is not None and self._seems_there() and await self._shelve(told):
            self._go_on(self._apply(told))
        else:
            await asyncio.to_thread(self._spool.append, body)

    def _seems_there(self) -> bool:
        """Whether to try the database: after a failure only one at a time does."""
        now = time.monotonic()
        if now < self._away_until:
            return False
        oldest = next(iter(self._shelvings.values()), now)
        return not self._shelvings or (
            not self._away_until and now - oldest < SUSPICIOUS_S
        )

    async def _shelve(self, told: Heard) -> bool:
        this = object()
        began = self._shelvings[this] = time.monotonic()
        try:
            async with asyncio.timeout(SHELVE_S):
                await self._ledger.shelve(told)
        except Exception as error:  # noqa: BLE001  the spool takes what nobody foresaw
            if began >= self._away_until:
                logger.warning("callbacks go to the spool: %s", _named(error))
            if isinstance(error, DatabaseAway | TimeoutError):
                self._away_until = time.monotonic() + AWAY_S
            return False
        finally:
            del self._shelvings[this]
        self._away_until = 0.0
        return True

    async def _take_back(self, bodies: list[bytes]) -> None:
        """Shelves what comes out of the spool; what cannot be stored is set aside."""
        ended = await asyncio.gather(
            *(self._shelve_spooled(body) for body in bodies), return_exceptions=True
        )
        failed = {
            body: error
            for body, error in zip(bodies, ended, strict=True)
            if isinstance(error, Exception)
        }
        for error in failed.values():
            # Where nothing at all can be stored, it is the database's fault.
            if isinstance(error, DatabaseAway | Deadlocked) or len(failed) == len(
                set(bodies)
            ):
                raise error
        self._away_until = 0.0
        for body, error in failed.items():
            await asyncio.to_thread(self._refused.append, body)
            logger.error("a spooled callback is set aside: %s", _named(error))
        told = [one for one in ended if isinstance(one, Heard)]
        await asyncio.gather(*(self._apply(one) for one in told))

    async def _shelve_spooled(self, body: bytes) -> Heard | None:
        try:
            told = heard(parse(body))
        except BadCallback as error:
            logger.warning("a spooled callback is left out: %s", error.reason)
            return None
        await self._ledger.shelve(told)
        return told

    async def _apply(self, told: Heard) -> None:
        """Applies what is shelved; the sweep does it where this fails."""
        try:
            await self._ledger.apply(told)
        except Exception as error:  # noqa: BLE001
            logger.warning("shelved statuses are applied later: %s", _named(error))

    def _go_on(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    def _complain(self, text: str) -> None:
        """Once, not every second of an outage."""
        if text != self._complaint:
            self._complaint = text
            logger.warning("%s", text)


def counted(kind: str) -> tuple[int, datetime | None]:
    """How many events of a kind were heard of, and when the last was."""
    found = CallbackCount.objects.filter(kind=kind).aggregate(
        count=Sum("count"), last_at=Max("last_at")
    )
    return found["count"] or 0, found["last_at"]


def _named(error: Exception) -> str:
    # Some, such as a TimeoutError, have no text.
    return f"{type(error).__name__} {error}".strip()
