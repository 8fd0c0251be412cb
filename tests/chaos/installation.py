"""A whole installation of real processes in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asgi_app.valkey import PrivateValkey, free_port
from tests.chaos.database import Database
from tests.chaos.desk import RATE, Desk
from tests.chaos.program import Program

# The sandbox bears what the program's limiter promises: a quarter more in a second
# than the rate. A 429 that no knob made would show that it is not kept.
SANDBOX_RATE = RATE + RATE // 4
YOUNG = timedelta(seconds=10)
PAUSE_S = (0.01, 0.05)


class Installation(Desk):
    """Web, two workers, Redis, the database, and the sandbox that they send to."""

    def __init__(self, folder: Path, logs: Path, data: Database) -> None:
        web_port, sandbox_port = free_port(), free_port()
        super().__init__(
            folder,
            logs,
            data,
            sandbox=f"http://127.0.0.1:{sandbox_port}",
            web=f"http://127.0.0.1:{web_port}",
        )
        # While the disk is full, and after: until when it was.
        self.full_until: datetime | None = None
        self.redis = PrivateValkey(folder / "redis")
        self._env["SEND_DELAY_MIN"] = str(PAUSE_S[0])
        self._env["SEND_DELAY_MAX"] = str(PAUSE_S[1])
        state = str(logs / "sandbox.sqlite3")
        rate = ("--rate-limit", str(SANDBOX_RATE))
        self._chatapp = self.program(
            *("sandbox", "-m", "chatapp.sandbox", "--port", str(sandbox_port)),
            *("--state", state, *rate),
        )
        self.web = self.program("web", "-m", "asgi_app.web", "--port", str(web_port))
        self.workers = [
            self.program(f"worker-{number}", "-m", "tests.chaos.worker")
            for number in (1, 2)
        ]
        for program in [self._chatapp, *self.victims]:
            program.excuse = self._excuse

    @property
    def victims(self) -> list[Program]:
        return [self.web, *self.workers]

    @contextlib.asynccontextmanager
    async def running(self, say: Callable[[str], None]) -> AsyncIterator[None]:
        """Everything is up and connected, and the sandbox knows where to call back."""
        watching: list[asyncio.Task[None]] = []
        try:
            self.data.start()
            # What is started from now on is told so.
            redis_url = self.redis.start()
            self._env["REDIS_URL"] = redis_url
            for program in [self._chatapp, *self.victims]:
                program.env["REDIS_URL"] = redis_url
            self._chatapp.start()
            await self.manage("migrate", "-v", "0")
            for program in self.victims:
                program.start()
            await self.until("the sandbox answers", self.sandbox.is_up)
            await self.until("the worker has connected", self.has_lines)
            await self.until("callbacks are registered", self.is_registered)
            watching = [asyncio.create_task(p.watch(say)) for p in self.victims]
            yield
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
            for program in [*self.victims, self._chatapp]:
                program.end()
            self.redis.kill()
            self.data.stop()
            await self.sandbox.close()

    def _excuse(self, started_at: datetime) -> str:
        """A process that cannot start on a full disk says so and ends.

        The program's supervisor starts it again, as we do.
        """
        is_young = datetime.now(UTC) - started_at < YOUNG
        if is_young and self.full_until and started_at < self.full_until:
            return "the disk was full when it was started"
        return ""
