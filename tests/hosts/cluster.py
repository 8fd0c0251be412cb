"""An installation on several machines: web and worker on each, one database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx

from tests.chaos import database
from tests.chaos.database import MariaDB
from tests.chaos.desk import LOOK_S, RATE, Desk
from tests.chaos.facts import Halt
from tests.chaos.program import Program
from tests.chaos.waiting import until
from tests.hosts.balancer import Balancer
from tests.hosts.network import HUB, Network, inside
from tests.hosts.valkeys import Valkeys
from tests.mariadb import PrivateMariaDB

HOSTS = ("host-1", "host-2", "host-3")
DATABASE, CHATAPP = "database", "chatapp"
WEB_PORT, SANDBOX_PORT = 8000, 8080
WRONG_CLOCK = "host-2"
AHEAD_S = 90
PAUSE_S = (0.2, 0.6)
# Claims that began before the link was mended may end for so long.
AFTERMATH = timedelta(seconds=90)
BEATS = "SELECT MAX(beat_at) FROM campaigns_workerbeat WHERE name LIKE '{}:%'"
WHO_WAITS = (
    "SELECT SUBSTRING_INDEX(p.host, ':', 1) FROM information_schema.innodb_trx t"
    " JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id"
    " WHERE t.trx_state = 'LOCK WAIT' ORDER BY t.trx_wait_started"
)
ANSWERED = (
    "SELECT campaign_id, COUNT(answered_at) FROM campaigns_message GROUP BY campaign_id"
)
CLAIMS = (
    "SELECT COUNT(*) FROM campaigns_message"
    " WHERE status = 'claimed' AND claimed_by LIKE '{}:%'"
)


def wrong_clock() -> dict[str, str]:
    """The environment of a machine whose clock is ahead; empty where it cannot be."""
    found = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if found is None:
        return {}
    return {
        "LD_PRELOAD": str(found),
        "FAKETIME": f"+{AHEAD_S}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


class Cluster(Desk):
    """Machines with all of the program and of Redis, one of the database."""

    data: MariaDB

    def __init__(
        self,
        folder: Path,
        logs: Path,
        *,
        hosts: Sequence[str] = HOSTS,
        of_database: Sequence[str] = (),
    ) -> None:
        """`of_database` are options of its server."""
        self.network = Network()
        self._addresses = {name: self.network.plug_in(name) for name in hosts}
        stored_at = self.network.plug_in(DATABASE)
        (folder / DATABASE).mkdir()
        super().__init__(
            folder,
            logs,
            MariaDB(
                PrivateMariaDB(
                    folder / DATABASE, host=stored_at, inside=inside(DATABASE)
                ),
                *of_database,
            ),
            sandbox=f"http://{self.network.plug_in(CHATAPP)}:{SANDBOX_PORT}",
            web=f"http://{HUB}:{WEB_PORT}",
        )
        self.valkeys = Valkeys(folder, self._addresses)
        self.halts: list[Halt] = []
        self._env |= {
            "REDIS_SENTINEL": self.valkeys.setting,
            "SEND_DELAY_MIN": str(PAUSE_S[0]),
            "SEND_DELAY_MAX": str(PAUSE_S[1]),
            # No line of ours is new.
            "WARM_UP": "0",
            "ALLOWED_HOSTS": "*",
        }
        self._chatapp = self.program(
            *("sandbox", "-m", "chatapp.sandbox"),
            *("--host", "0.0.0.0", "--port", str(SANDBOX_PORT)),
            *("--state", str(folder / "sandbox.sqlite3")),
            *("--rate-limit", str(RATE * 2)),
            inside=inside(CHATAPP),
        )
        self._programs: list[Program] = []
        for name in hosts:
            place = {"VAR_DIR": str(folder / name)}
            if name == WRONG_CLOCK:
                place |= wrong_clock()
            (folder / name).mkdir()
            web = ("-m", "asgi_app.web", "--host", "0.0.0.0", "--port", str(WEB_PORT))
            self._programs += [
                self.program(f"web-{name}", *web, inside=inside(name), **place),
                self.program(
                    # Each worker has the number 1, as in a container.
                    f"worker-{name}",
                    "worker.py",
                    inside=inside(name, own_pids=True),
                    **place,
                ),
            ]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything is up and connected, and callbacks reach any web that is there."""
        try:
            self.data.start()
            self.valkeys.start()
            self._chatapp.start()
            await self.manage("migrate", "-v", "0")
            for program in self._programs:
                program.start()
            webs = [(address, WEB_PORT) for address in self._addresses.values()]
            async with Balancer(webs).serving(HUB, WEB_PORT):
                await self.until("the sandbox answers", self.sandbox.is_up)
                await self.until("a worker has connected", self.has_lines)
                await self.until("callbacks are registered", self.is_registered)
                yield
        finally:
            for program in [*self._programs, self._chatapp]:
                program.end()
            self.valkeys.end()
            self.data.stop()
            await self.sandbox.close()
            self.network.close()

    @contextlib.asynccontextmanager
    async def cut_off(self, name: str) -> AsyncIterator[None]:
        """Cuts a machine off, if it is not yet, for as long as the block lasts."""
        moment = datetime.now(UTC)
        self.network.cut(name)
        try:
            yield
        finally:
            self.network.mend(name)
            # A machine that all need cuts off all.
            worker = f"{name}:" if name in self._addresses else ""
            self.halts.append(Halt(worker, moment, datetime.now(UTC) + AFTERMATH))

    async def cut_off_in_a_transaction(self) -> str:
        """Cuts a machine off whose worker then holds a campaign's row; says which.

        The worker is made to wait for the row, so that the cut cannot come too late.
        """
        with closing(self.data.connected()) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT id FROM campaigns_campaign FOR UPDATE")
            cursor.fetchall()
            while True:
                found = await asyncio.to_thread(self.data.rows, WHO_WAITS)
                for (address,) in found:
                    for name in self._addresses:
                        if self._addresses[name] == address:
                            self.network.cut(name)
                            return name
                await asyncio.sleep(LOOK_S)

    def kill_programs(self) -> None:
        """Ends all webs and workers in the middle of what they do."""
        for program in self._programs:
            program.kill()

    def point_to(self, data: MariaDB) -> None:
        """From the next start on the database is another."""
        self.data = data
        self._env["DATABASE_URL"] = data.url
        for program in self._programs:
            program.env["DATABASE_URL"] = data.url

    def start_programs(self) -> None:
        for program in self._programs:
            program.start()

    async def is_over(self) -> bool:
        """Nothing is open, and no status is on its way."""
        ((waiting, claimed, _),) = await asyncio.to_thread(
            self.data.rows, database.OPEN_COUNT
        )
        ((shelved,),) = await asyncio.to_thread(self.data.rows, database.ON_SHELF)
        pending = (await self.sandbox.state())["callbacksPending"]
        return not (waiting or claimed or shelved or pending)

    async def release_lines(self) -> None:
        """Presses “Go on” on every line, as soon as that can be."""
        for number in database.lines(self.data).values():
            await until(partial(self._release, number), every_s=1)

    async def _release(self, line: int) -> bool:
        return await asyncio.to_thread(self._has_released, line)

    def _has_released(self, line: int) -> bool:
        address = next(iter(self._addresses.values()))
        url = f"http://{address}:{WEB_PORT}/api/lines/{line}/release"
        try:
            answer = httpx.post(
                url, json={}, auth=self._operator, timeout=5, trust_env=False
            )
        except httpx.HTTPError:
            return False
        return answer.is_success

    @property
    def _operator(self) -> tuple[str, str]:
        user, _, password = self._env["BASIC_AUTH_USERS"].partition(":")
        return user, password

    async def claims(self, name: str) -> int:
        """How many messages the worker of a machine holds just now."""
        ((count,),) = await asyncio.to_thread(self.data.rows, CLAIMS.format(name))
        return int(count)

    async def answered(self) -> dict[int, int]:
        """How many messages of each campaign ChatApp has answered."""
        return dict(await asyncio.to_thread(self.data.rows, ANSWERED))  # type: ignore[arg-type]

    async def has_beaten(self, name: str, since: datetime) -> bool:
        """Whether the worker of a machine has said since then that it lives."""
        ((at,),) = await asyncio.to_thread(self.data.rows, BEATS.format(name))
        return at is not None and at.replace(tzinfo=UTC) > since

    async def is_served(self, name: str) -> bool:
        """Whether the web of a machine shows its pages, which read the database."""
        return await asyncio.to_thread(self._shows_pages, name)

    def _shows_pages(self, name: str) -> bool:
        url = f"http://{self._addresses[name]}:{WEB_PORT}/"
        try:
            answer = httpx.get(url, auth=self._operator, timeout=5, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.is_success

    @property
    def has_ended(self) -> list[str]:
        """The processes that have ended though nobody has told them to."""
        return [p.name for p in self._programs if p.process.poll() is not None]
