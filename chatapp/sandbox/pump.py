"""A queue of callbacks that gives them out, in batches, when they are due."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections.abc import Awaitable, Callable


class Pump:
    """The callbacks of one line, posted one batch after another."""

    def __init__(
        self,
        post: Callable[[list[int]], Awaitable[None]],
        *,
        batch_size: int,
        batch_wait_s: float,
    ) -> None:
        self._post = post
        self._batch_size = batch_size
        self._batch_wait_s = batch_wait_s
        self._heap: list[tuple[float, int]] = []
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def add(self, due: float, seq: int) -> None:
        """Post the callback ``seq`` at ``due`` (unix seconds)."""
        heapq.heappush(self._heap, (due, seq))
        self._changed.set()

    async def close(self) -> None:
        """Stop; what is under way is abandoned."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            wait = self._heap[0][0] - time.time() if self._heap else None
            if wait is None or wait > 0:
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                continue
            if self._batch_wait_s:
                await asyncio.sleep(self._batch_wait_s)
            await self._post(self._due())

    def _due(self) -> list[int]:
        now = time.time()
        batch: list[int] = []
        while self._heap and self._heap[0][0] <= now and len(batch) < self._batch_size:
            batch.append(heapq.heappop(self._heap)[1])
        return batch
