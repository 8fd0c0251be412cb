"""What stands outside an installation and works with it: an operator, and a judge."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from asgi_app.children import BASE_DIR
from tests.chaos import database
from tests.chaos.database import Database
from tests.chaos.facts import Halt
from tests.chaos.judge import Case
from tests.chaos.program import Program
from tests.chaos.sandbox import Sandbox
from tests.chaos.waiting import until

RATE = 50
START_LIMIT_S = 40.0
LOOK_S = 0.5
LINES = (("50001", "grWhatsApp"), ("50002", "caWhatsApp"))


class Desk:
    """The settings of an installation, its `manage.py`, its campaigns, its books."""

    def __init__(
        self, folder: Path, logs: Path, data: Database, *, sandbox: str, web: str
    ) -> None:
        """`sandbox` and `web` are the addresses at which the two find each other."""
        self.folder = folder
        self.logs = logs
        self.data = data
        self.sandbox = Sandbox(sandbox)
        self._secret = secrets.token_urlsafe(24)
        self._web_url = web
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
            "CHATAPP_BASE_URL": sandbox,
            "CHATAPP_EMAIL": self._account["email"],
            "CHATAPP_PASSWORD": self._account["password"],
            "CHATAPP_APP_ID": self._account["appId"],
            "CHATAPP_RATE_LIMIT": str(RATE),
            "PUBLIC_URL": web,
            "WEBHOOK_SECRET": self._secret,
        }

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

    async def start_campaigns(
        self, messages: int, *, own: float, spread_s: float
    ) -> None:
        """Starts one campaign on each line; a share of `own` leaves within a time.

        The rest leaves one after another.
        """
        phones = [f"+7900{number:07d}" for number in range(messages)]
        first = round(messages * own)
        await asyncio.gather(
            self._start_campaign(
                LINES[0], "each_on_its_own", phones[:first], (0, spread_s)
            ),
            self._start_campaign(LINES[1], "one_after_another", phones[first:], (0, 0)),
        )

    async def read_case(self, halts: Sequence[Halt]) -> Case:
        """Everything that the judge wants to know."""
        data = self.data
        return Case(
            sends=await self.sandbox.sends(),
            told=await self.sandbox.told(),
            rows=await asyncio.to_thread(database.messages, data),
            events=await asyncio.to_thread(database.events, data),
            halts=halts,
        )

    async def audit(self) -> list[str]:
        """What the program itself finds wrong with its books."""
        try:
            await self.manage("campaign", "audit")
        except RuntimeError as error:
            return [f"audit: {line}" for line in str(error).splitlines()]
        return []

    async def _start_campaign(
        self,
        line: tuple[str, str],
        pacing: str,
        phones: Sequence[str],
        delays_s: tuple[float, float],
    ) -> None:
        """Creates and starts a campaign as a script would."""
        listed = self.logs / f"{pacing}.txt"
        listed.write_text("\n".join(phones))
        number = database.lines(self.data)[line]
        await self.manage(
            *("campaign", "create", "--start"),
            *("--line", str(number), "--pacing", pacing),
            *("--text", f"Chaos, {pacing}", "--phones", str(listed)),
            SEND_DELAY_MIN=str(delays_s[0]),
            SEND_DELAY_MAX=str(delays_s[1]),
        )

    def program(
        self, name: str, *argv: str, inside: Sequence[str] = (), **env: str
    ) -> Program:
        """A process of the program; `inside` is what it is started by."""
        log = self.logs / f"{name}.log"
        return Program(name, list(argv), {**self._env, **env}, log, inside=inside)

    async def has_lines(self) -> bool:
        return set(LINES) <= database.lines(self.data).keys()

    async def is_registered(self) -> bool:
        """Registers the callback by hand, which does no harm where it is already."""
        url = f"{self._web_url}/webhooks/chatapp/{self._secret}/"
        token = await self.sandbox.log_in(self._account)
        done = [await self.sandbox.register(line, url, token) for line in LINES]
        return all(done)

    async def until(self, what: str, is_so: Callable[[], Awaitable[bool]]) -> None:
        """Waits for a start that takes seconds. Raises RuntimeError."""
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await until(is_so, every_s=LOOK_S)
        except TimeoutError:
            text = f"it never came about that {what}; see {self.logs}"
            raise RuntimeError(text) from None
