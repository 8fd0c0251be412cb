"""Waiting for what another task or process does."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

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


def stand_still(process: subprocess.Popen[Any]) -> None:
    """Stops a child of ours; returns once all of its threads have stopped."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
