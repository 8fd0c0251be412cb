"""Processes of ours: each in a session of its own, none outlives its parent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

BASE_DIR = Path(__file__).resolve().parent.parent
_TETHER = Path(__file__).with_name("tether.py")
_LONGEST_LINE = 64 * 1024


def tethered(argv: Sequence[str], death_signal: signal.Signals) -> list[str]:
    """The command that gets `death_signal` when the thread that starts it ends.

    On Linux only; elsewhere a child stays behind when its parent is killed.
    """
    wrapper = [sys.executable, "-I", "-S", str(_TETHER)]
    return [*wrapper, str(int(death_signal)), str(os.getpid()), *argv]


def spawn(
    argv: Sequence[str],
    *,
    death_signal: signal.Signals = signal.SIGTERM,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | int | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Starts a program that ends with us and does not see the terminal's Ctrl-C.

    Call it from a thread that lasts, best the main one: the kernel takes the end of
    that thread for the end of the parent.
    """
    return subprocess.Popen(
        tethered(argv, death_signal),
        cwd=BASE_DIR,
        env=None if env is None else {**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
        pass_fds=pass_fds,
    )


def relay(process: subprocess.Popen[bytes], line: Callable[[str], None]) -> None:
    """Hands every line that the process prints to `line`, in a thread of its own."""

    def pump(stream: IO[bytes]) -> None:
        with stream:
            while raw := stream.readline(_LONGEST_LINE):
                line(raw.decode(errors="replace").rstrip())

    if process.stdout is not None:
        threading.Thread(target=pump, args=(process.stdout,), daemon=True).start()


async def exit_code(process: subprocess.Popen[bytes]) -> int:
    """Waits for the end of the process; negative codes are signals, as in `Popen`."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not ended.done():
            ended.set_result(None)

    def wait() -> None:
        process.wait()
        with contextlib.suppress(RuntimeError):  # the loop may be gone by now
            loop.call_soon_threadsafe(tell)

    threading.Thread(target=wait, daemon=True).start()
    await ended
    return process.wait()


def in_words(code: int) -> str:
    """An exit code as people say it: “exit code 3”, “SIGKILL”."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
