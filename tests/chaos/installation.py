"""A whole installation of real processes in a folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asgi_app.children import BASE_DIR
from asgi_app.valkey import PrivateValkey, free_port
from tests.chaos import database
from tests.chaos.database import Database
from tests.chaos.program import Program
from tests.chaos.sandbox import Sandbox
from tests.chaos.waiting import until

# The sandbox bears what the program's limiter promises: a quarter more in a second
# than the rate. A 429 that no knob made would show that it is not kept.
RATE = 50
SANDBOX_RATE = RATE + RATE // 4
START_LIMIT_S = 40.0
LOOK_S = 0.5
YOUNG = timedelta(seconds=10)
LINES = (("50001", "grWhatsApp"), ("50002", "caWhatsApp"))
PAUSE_S = (0.01, 0.05)


class Installation:
    """Web, two workers, Redis, the database, and the sandbox that they send to."""

    def __init__(self, folder: Path, logs: Path, data: Database) -> None:
        self.folder = folder
        self.logs = logs
        self.data = data
        # While the disk is full, and after: until when it was.
        self.full_until: datetime | None = None
        self.redis = PrivateValkey(folder / "redis")
        web_port, sandbox_port = free_port(), free_port()
        self.sandbox = Sandbox(f"http://127.0.0.1:{sandbox_port}")
        self._secret = secrets.token_urlsafe(24)
        self._web_url = f"http://127.0.0.1:{web_port}"
        self._account = {
            "email": "chaos@tests.invalid",
            "password": secrets.token_urlsafe(12),
            "appId": "app_chaos_1",
        }
        self._env = {
            "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(folder),
            "SPOOL_DIR": "",
            "BASIC_AUTH_USERS": f"chaos:{secrets.token_urlsafe(12)}",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DATABASE_URL": data.url,
            "CHATAPP_BASE_URL": f"http://127.0.0.1:{sandbox_port}",
            "CHATAPP_EMAIL": self._account["email"],
            "CHATAPP_PASSWORD": self._account["password"],
            "CHATAPP_APP_ID": self._account["appId"],
            "CHATAPP_RATE_LIMIT": str(RATE),
            "PUBLIC_URL": self._web_url,
            "WEBHOOK_SECRET": self._secret,
            "SEND_DELAY_MIN": str(PAUSE_S[0]),
            "SEND_DELAY_MAX": str(PAUSE_S[1]),
        }
        state = str(logs / "sandbox.sqlite3")
        rate = ("--rate-limit", str(SANDBOX_RATE))
        self._chatapp = self._program(
            *("sandbox", "-m", "chatapp.sandbox", "--port", str(sandbox_port)),
            *("--state", state, *rate),
        )
        self.web = self._program("web", "-m", "asgi_app.web", "--port", str(web_port))
        self.workers = [
            self._program(f"worker-{number}", "-m", "tests.chaos.worker")
            for number in (1, 2)
        ]

    @property
    def victims(self) -> list[Program]:
        return [self.web, *self.workers]

    @contextlib.asynccontextmanager
    async def running(self, say: Callable[[str], None]) -> AsyncIterator[None]:
        """Everything is up and connected, and the sandbox knows where to call back."""
        watching: list[asyncio.Task[None]] = []
        try:
            self.data.start()
            self._env["REDIS_URL"] = self.redis.start()
            self._chatapp.start()
            await self.manage("migrate", "-v", "0")
            for program in self.victims:
                program.start()
            await self._until("the sandbox answers", self.sandbox.is_up)
            await self._until("the worker has connected", self._has_lines)
            await self._until("callbacks are registered", self._is_registered)
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

    async def manage(self, *argv: str, **env: str) -> str:
        """Runs `manage.py` and returns what it said. Raises RuntimeError."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "manage.py", *argv],
            cwd=BASE_DIR,
            env={**os.environ, **self._env, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {argv[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    async def start_campaign(
        self,
        line: tuple[str, str],
        pacing: str,
        phones: Sequence[str],
        delays_s: tuple[float, float],
    ) -> int:
        """Creates and starts a campaign as a script would; returns its number."""
        listed = self.logs / f"{pacing}.txt"
        listed.write_text("\n".join(phones))
        number = database.lines(self.data)[line]
        told = await self.manage(
            *("campaign", "create", "--start", "--json"),
            *("--line", str(number), "--pacing", pacing),
            *("--text", f"Chaos, {pacing}", "--phones", str(listed)),
            SEND_DELAY_MIN=str(delays_s[0]),
            SEND_DELAY_MAX=str(delays_s[1]),
        )
        return int(json.loads(told)["id"])

    def _program(self, name: str, *argv: str) -> Program:
        program = Program(name, list(argv), self._env, self.logs / f"{name}.log")
        program.excuse = self._excuse
        return program

    def _excuse(self, started_at: datetime) -> str:
        """A process that cannot start on a full disk says so and ends.

        The program's supervisor starts it again, as we do.
        """
        is_young = datetime.now(UTC) - started_at < YOUNG
        if is_young and self.full_until and started_at < self.full_until:
            return "the disk was full when it was started"
        return ""

    async def _has_lines(self) -> bool:
        return set(LINES) <= database.lines(self.data).keys()

    async def _is_registered(self) -> bool:
        """Registers the callback by hand, which does no harm where it is already."""
        url = f"{self._web_url}/webhooks/chatapp/{self._secret}/"
        token = await self.sandbox.log_in(self._account)
        done = [await self.sandbox.register(line, url, token) for line in LINES]
        return all(done)

    async def _until(self, what: str, is_so: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await until(is_so, every_s=LOOK_S)
        except TimeoutError:
            text = f"it never came about that {what}; see {self.logs}"
            raise RuntimeError(text) from None
