"""Waiting for what other processes do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.chaos.database import Away


async def until(is_so: Callable[[], Awaitable[bool]], *, every_s: float) -> None:
    """Returns once it is so; a database that is away leaves it open."""
    while True:
        try:
            if await is_so():
                return
        except Away:
            pass
        await asyncio.sleep(every_s)
