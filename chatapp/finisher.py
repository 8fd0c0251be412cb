"""Work that is finished even when whoever waits for it is cancelled."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from django.utils import translation

from chatapp.errors import ChatAppError

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Finisher:
    """Runs work in tasks of its own; await them under `asyncio.shield`."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        # A context of its own: a request's threads end with the request. The language
        # is all that it takes along.
        context = contextvars.Context()
        if spoken := translation.get_language():
            context.run(translation.activate, spoken)
        task = asyncio.create_task(work, context=context)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Waits for what is under way."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (exc := task.exception()):
            # Nobody may be left to hear of it.
            level = logging.DEBUG if isinstance(exc, ChatAppError) else logging.ERROR
            logger.log(level, "work in the background failed: %r", exc)
