"""The misfortunes: which there are, when a seed lets them happen, and how."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import redis

from tests.chaos.database import MariaDB, Sqlite, full_disk
from tests.chaos.installation import Installation
from tests.chaos.program import Program
from tests.chaos.shortened import CLAIM_S

Say = Callable[[str], None]
LOCK_S = 5.0
# A claim outlives an outage of the database in truth (90 s against a few); here it is
# shorter, so that outages are, too, and have time between them.
OUTAGE = 0.7
BREATH_S = 4.0


class Fault(StrEnum):
    WORKER_KILLED = "worker-killed"
    WORKER_ENDED = "worker-sigterm"
    WORKER_STOPPED = "worker-stopped"
    WEB_KILLED = "web-killed"
    REDIS_FLUSHED = "redis-flushed"
    REDIS_RESTARTED = "redis-restarted"
    DATABASE_RESTARTED = "database-restarted"
    DATABASE_LOCKED = "database-locked"
    DISK_FULL = "disk-full"
    CLOSED_BEFORE = "closed-before"
    RESET_BEFORE = "reset-before"
    CLOSED_AFTER = "closed-after"
    RESET_AFTER = "reset-after"
    ERROR_AFTER = "5xx-after"
    HUNG = "hung"
    TOO_MANY = "429"
    TOKEN_EXPIRED = "token-expired"
    TOKENS_REVOKED = "tokens-revoked"
    DOUBLED = "callbacks-doubled"
    REVERSED = "callbacks-reversed"
    EARLY = "callbacks-early"
    DROPPED = "callbacks-dropped"


# Faults of the API: the sandbox's knob, and how many requests it is for, at most.
KNOBS: dict[Fault, tuple[str, int]] = {
    Fault.CLOSED_BEFORE: ("close_before", 2),
    Fault.RESET_BEFORE: ("reset_before", 2),
    Fault.CLOSED_AFTER: ("close_after", 2),
    Fault.RESET_AFTER: ("reset_after", 2),
    Fault.ERROR_AFTER: ("error_after", 2),
    Fault.HUNG: ("hang", 2),
    Fault.TOO_MANY: ("rate_limit", 2),
    Fault.DOUBLED: ("status_doubled", 40),
    Fault.REVERSED: ("status_reversed", 40),
    Fault.EARLY: ("status_early", 40),
    Fault.DROPPED: ("status_dropped", 10),
}
ON_MARIADB = frozenset({Fault.DATABASE_RESTARTED})
ON_SQLITE = frozenset({Fault.DATABASE_LOCKED, Fault.DISK_FULL})
# What takes seconds of the run comes less often than what the sandbox does.
SLOW = frozenset(Fault) - KNOBS.keys()
# Of all faults, so many wait until everything has been sent.
LATE = 0.1
LATE_FAULTS = SLOW - {Fault.DISK_FULL}


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault that happens `after_s` seconds after a share of the sending is done."""

    fault: Fault
    share: float
    after_s: float
    away_s: float
    count: int
    pick: int
    is_crash: bool


def possible(database: str, *, disk: bool) -> list[Fault]:
    """The faults that there are on a database, `disk` if one can be filled."""
    missing = ON_SQLITE if database == MariaDB.name else ON_MARIADB
    if not disk:
        missing |= {Fault.DISK_FULL}
    return [fault for fault in Fault if fault not in missing]


def plan(seed: int, count: int, among: list[Fault]) -> list[Planned]:
    """What a seed has in store, in the order of its moments."""
    source = random.Random(seed)
    weights = [1 if fault in SLOW else 2 for fault in among]
    # Over as many seeds as there are kinds, none is left out.
    faults = [among[seed % len(among)]]
    faults += source.choices(among, weights, k=count - 1)
    planned = []
    for fault in faults:
        is_late = source.random() < LATE and fault in LATE_FAULTS
        planned.append(
            Planned(
                fault,
                share=1.0 if is_late else source.uniform(0.02, 0.9),
                after_s=source.uniform(0, 5 if is_late else 2),
                away_s=source.uniform(0, 3),
                count=source.randint(1, KNOBS.get(fault, ("", 1))[1]),
                pick=source.randrange(2),
                is_crash=source.random() < 0.5,
            )
        )
    return sorted(planned, key=lambda one: (one.share, one.after_s))


class Misfortune:
    """Lets planned faults happen to an installation and tells of each."""

    def __init__(self, victim: Installation, say: Say) -> None:
        self._victim = victim
        self._say = say
        # What happened; knobs by their number, because one may find no request.
        self.happened: list[Fault] = []
        self._knobs: dict[int, tuple[Fault, int]] = {}
        self._of_servers = asyncio.Lock()
        self._on_redis = asyncio.Lock()

    async def strike(self, planned: Planned) -> None:
        """Does what is planned, and returns when it is over."""
        fault = planned.fault
        if fault in KNOBS:
            kind, _ = KNOBS[fault]
            # A 429 says when to come back, as the real API's does.
            fields = {"retry_after": "1"} if fault is Fault.TOO_MANY else {}
            number = await self._victim.sandbox.turn(
                kind, count=planned.count, **fields
            )
            self._knobs[number] = (fault, planned.count)
            self._say(f"{fault}: the next {planned.count} requests")
            return
        await self._ways()[fault](planned)
        self.happened.append(fault)

    async def count_knobs(self) -> None:
        """Adds the knobs that did find requests, once there are no more to come."""
        left = {
            k["id"]: k["left"] for k in (await self._victim.sandbox.state())["knobs"]
        }
        for number, (fault, count) in self._knobs.items():
            if left.get(number, 0) < count:
                self.happened.append(fault)
            else:
                self._say(f"{fault} found no request")
        self._knobs.clear()

    def _ways(self) -> dict[Fault, Callable[[Planned], Awaitable[None]]]:
        return {
            Fault.WORKER_KILLED: self._kill_worker,
            Fault.WORKER_ENDED: self._end_worker,
            Fault.WORKER_STOPPED: self._stop_worker,
            Fault.WEB_KILLED: self._kill_web,
            Fault.REDIS_FLUSHED: self._flush,
            Fault.REDIS_RESTARTED: self._restart_redis,
            Fault.DATABASE_RESTARTED: self._restart_database,
            Fault.DATABASE_LOCKED: self._lock_database,
            Fault.DISK_FULL: self._fill_disk,
            Fault.TOKEN_EXPIRED: lambda _: self._expire("access"),
            Fault.TOKENS_REVOKED: lambda _: self._expire("both"),
        }

    async def _kill_worker(self, planned: Planned) -> None:
        await self._kill(self._victim.workers[planned.pick], planned.away_s)

    async def _kill_web(self, planned: Planned) -> None:
        await self._kill(self._victim.web, planned.away_s)

    async def _kill(self, program: Program, away_s: float) -> None:
        async with program.lock:
            self._say(f"{program.name} ({program.pid}) killed, back in {away_s:.1f} s")
            program.kill()
            await asyncio.sleep(away_s)
            program.start()

    async def _end_worker(self, planned: Planned) -> None:
        program = self._victim.workers[planned.pick]
        async with program.lock:
            self._say(f"{program.name} ({program.pid}) told to stop")
            took_s = await program.terminate()
            self._say(f"{program.name} has stopped after {took_s:.1f} s")
            await asyncio.sleep(planned.away_s)
            program.start()

    async def _stop_worker(self, planned: Planned) -> None:
        program = self._victim.workers[planned.pick]
        async with program.lock:
            seconds = CLAIM_S + 0.5 + planned.away_s / 2
            self._say(f"{program.name} ({program.pid}) stands still {seconds:.1f} s")
            await program.stand_still(seconds)

    async def _flush(self, _: Planned) -> None:
        async with self._on_redis:
            self._say("Redis flushed")
            with redis.Redis.from_url(self._victim.redis.url) as client:
                await asyncio.to_thread(client.flushall)

    async def _restart_redis(self, planned: Planned) -> None:
        async with self._on_redis:
            self._say(f"Redis killed, back in {planned.away_s:.1f} s")
            self._victim.redis.kill()
            await asyncio.sleep(planned.away_s)
            self._victim.redis.restart()

    async def _restart_database(self, planned: Planned) -> None:
        data = self._victim.data
        assert isinstance(data, MariaDB)
        async with self._of_servers:
            how = "killed" if planned.is_crash else "shut down"
            away_s = planned.away_s * OUTAGE
            self._say(f"MariaDB {how}, back in {away_s:.1f} s")
            await data.restart(away_s, is_crash=planned.is_crash)
            self._say("MariaDB is back")
            await asyncio.sleep(BREATH_S)

    async def _lock_database(self, _: Planned) -> None:
        data = self._victim.data
        assert isinstance(data, Sqlite)
        async with self._of_servers:
            async with data.locked():
                self._say(f"the database's lock held for {LOCK_S:g} s")
                await asyncio.sleep(LOCK_S)
            await asyncio.sleep(BREATH_S)

    async def _fill_disk(self, planned: Planned) -> None:
        async with self._of_servers:
            seconds = 1 + planned.away_s * OUTAGE
            self._say(f"the disk full for {seconds:.1f} s")
            self._victim.full_until = datetime.now(UTC) + timedelta(seconds=seconds)
            with full_disk(self._victim.folder):
                await asyncio.sleep(seconds)
            await asyncio.sleep(BREATH_S)

    async def _expire(self, which: str) -> None:
        self._say(f"tokens expired: {which}")
        await self._victim.sandbox.expire(which)
