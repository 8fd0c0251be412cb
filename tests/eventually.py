"""Waiting for what another task or process does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

LOOK_S = 0.02


async def eventually(
    is_so: Callable[[], bool | Awaitable[bool]], *, within_s: float = 20.0
) -> None:
    """Returns as soon as it is so; fails when it never is."""
    for _ in range(int(within_s / LOOK_S)):
        answer = is_so()
        if answer if isinstance(answer, bool) else await answer:
            return
        await asyncio.sleep(LOOK_S)
    raise AssertionError(f"it did not come about within {within_s:g} s")
