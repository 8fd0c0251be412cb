"""A process of the program's, which may be killed, stopped and started again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from asgi_app import children
from tests.chaos.facts import Halt

# More than the worker's own bound for what is under way with shortened times.
FINISH_LIMIT_S = 40.0
# The program's supervisor, too, starts again what ended by itself.
RESTART_AFTER_S = 1.0


class Program:
    """One process at a time; `halts` and `complaints` tell what became of them."""

    def __init__(
        self,
        name: str,
        argv: list[str],
        env: dict[str, str],
        log: Path,
        *,
        inside: Sequence[str] = (),
    ) -> None:
        """`inside` is a command that starts it somewhere else than here."""
        self.name = name
        # What it is started with, the next time.
        self.env = env
        self.halts: list[Halt] = []
        self.complaints: list[str] = []
        # One misfortune at a time.
        self.lock = asyncio.Lock()
        # Says why an end by itself is no fault of the program's, or "".
        self.excuse: Callable[[datetime], str] = lambda started_at: ""
        self._started_at = datetime.now(UTC)
        self._argv = [*inside, sys.executable, *argv]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def as_worker(self) -> str:
        """What is in the name of a worker that this process is."""
        return f":{self.pid}:"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.name} has not been started"
        return self._process

    def start(self) -> None:
        """Call it from the main thread: the process ends with the thread."""
        self._started_at = datetime.now(UTC)
        with self._log.open("ab") as output:
            self._process = children.spawn(
                self._argv, env=self.env, output=output, death_signal=signal.SIGKILL
            )

    def kill(self) -> None:
        """As the kernel does when memory runs out."""
        moment = datetime.now(UTC)
        self.process.kill()
        self.process.wait()
        self.halts.append(Halt(self.as_worker, moment, datetime.now(UTC)))

    async def terminate(self) -> float:
        """Asks it to stop and returns the seconds that it took."""
        began = asyncio.get_running_loop().time()
        self.process.terminate()
        try:
            code = await asyncio.to_thread(self.process.wait, FINISH_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.complaints.append(f"{self.name} did not end within {FINISH_LIMIT_S} s")
            self.kill()
        else:
            if code not in {0, -signal.SIGTERM}:
                self.complaints.append(f"{self.name} ended with {code} on SIGTERM")
        return asyncio.get_running_loop().time() - began

    async def stand_still(self, seconds: float) -> None:
        """Stops it in the middle of what it does, and lets it go on."""
        moment = datetime.now(UTC)
        os.kill(self.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.process.send_signal(signal.SIGCONT)
            self.halts.append(Halt(self.as_worker, moment, datetime.now(UTC)))

    async def watch(self, say: Callable[[str], None]) -> None:
        """Complains when it ends by itself, and starts it again; for ever."""
        while True:
            await asyncio.sleep(0.2)
            async with self.lock:
                code = self.process.poll()
                if code is None:
                    continue
                told = f"{self.name} ended by itself: {children.in_words(code)}"
                if why := self.excuse(self._started_at):
                    say(f"{told}, because {why}")
                else:
                    self.complaints.append(told)
                await asyncio.sleep(RESTART_AFTER_S)
                self.start()

    def end(self) -> None:
        """Ends it for good."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
