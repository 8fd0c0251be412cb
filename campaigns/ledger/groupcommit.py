"""Writes what many callers hand in together, and answers each when it is durable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from asgi_app.database import DatabaseAway, Deadlocked
from asgi_app.subjects import begin_anew

T = TypeVar("T")
logger = logging.getLogger(__name__)

DEADLOCK_TRIES = 5


class GroupCommit(Generic[T]):
    """While one flush is under way the next gathers; no caller waits for ever.

    With `linger_s` what is no hurry lets others join for so long, before the first.

    A flush that was chosen to give way is repeated; one that holds a bad row is
    written row by row; on anything else every caller gets the error.
    """

    def __init__(
        self,
        write: Callable[[list[T]], Awaitable[None]],
        *,
        most: int = 200,
        linger_s: float = 0.0,
    ) -> None:
        self._write = write
        self._linger_s = linger_s
        self._most = most
        self._gathered: list[tuple[T, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def submit(self, item: T, *, is_urgent: bool = True) -> None:
        """Returns when the item is committed; raises what its flush raised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gathered.append((item, done))
        if self._flusher is None:
            linger_s = 0.0 if is_urgent else self._linger_s
            self._flusher = asyncio.create_task(self._flush_all(linger_s))
        await done

    async def _flush_all(self, linger_s: float) -> None:
        begin_anew()  # it is not about what the first caller is about
        try:
            if linger_s:
                await asyncio.sleep(linger_s)
            while self._gathered:
                batch = self._gathered[: self._most]
                del self._gathered[: self._most]
                await self._flush(batch)
        finally:
            self._flusher = None
            for _, done in self._gathered:
                if not done.done():
                    done.cancel()
            self._gathered.clear()

    async def _flush(self, batch: list[tuple[T, asyncio.Future[None]]]) -> None:
        error: BaseException | None = None
        try:
            await self._write_patiently([item for item, _ in batch])
        except asyncio.CancelledError as cancelled:
            self._settle(batch, cancelled)
            raise
        except (DatabaseAway, Deadlocked) as away:
            error = away
        except Exception as bad:  # noqa: BLE001  handed to the callers that it concerns
            if len(batch) > 1:
                logger.warning("a batch of %d holds a bad row: %s", len(batch), bad)
                for entry in batch:
                    await self._flush([entry])
                return
            error = bad
        self._settle(batch, error)

    @staticmethod
    def _settle(
        batch: list[tuple[T, asyncio.Future[None]]], error: BaseException | None
    ) -> None:
        for _, done in batch:
            if done.done():  # its caller was cancelled
                continue
            if error is None:
                done.set_result(None)
            elif isinstance(error, asyncio.CancelledError):
                done.cancel()
            else:
                done.set_exception(error)

    async def _write_patiently(self, items: list[T]) -> None:
        for _ in range(DEADLOCK_TRIES - 1):
            try:
                await self._write(items)
                return
            except Deadlocked:
                await asyncio.sleep(0.01)
        await self._write(items)
