"""The drill: machines are cut off one after the other while campaigns are sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.chaos.judge import Verdict, judge
from tests.chaos.waiting import until
from tests.hosts.cluster import (
    AHEAD_S,
    DATABASE,
    HOSTS,
    WRONG_CLOCK,
    Cluster,
    wrong_clock,
)

OWN = 1 / 2
# While so many seconds go by, all of the drill happens.
SPREAD_S = 300.0
# Answers take so long that whoever is cut off has something under way.
ANSWER_S = 0.3
BREATH_S = 15.0
# Longer than a claim's deadline, so that what was under way passes it.
HOST_AWAY_S = 120.0
LOCKED_S = 60.0
MASTER_AWAY_S = 60.0
DATABASE_AWAY_S = 45.0
BACK_WITHIN_S = 60.0
PATIENCE_S = 300.0
LOOK_S = 0.1
LATE = 30


@dataclass
class Outcome:
    """What came of a drill."""

    verdict: Verdict
    complaints: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return self.verdict.is_clean and not self.complaints


class Drill:
    """Cuts machines off, and times how long each takes to be back."""

    def __init__(self, cluster: Cluster, say: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._say = say
        self._complaints: list[str] = []

    async def run(self, messages: int) -> Outcome:
        cluster = self._cluster
        async with cluster.running():
            self._say("everything is up")
            if wrong_clock():
                self._say(f"the clock of {WRONG_CLOCK} is {AHEAD_S} s ahead")
            else:
                self._say("NOT TRIED: a wrong clock. It needs Debian's libfaketime.")
            await cluster.sandbox.turn(
                "delay", seconds=str(ANSWER_S), count=messages * 2
            )
            await cluster.start_campaigns(messages, own=OWN, spread_s=SPREAD_S)
            self._say("both campaigns have been started")
            await self._cut_off_a_worker()
            await asyncio.sleep(BREATH_S)
            await self._cut_off_in_a_transaction()
            await asyncio.sleep(BREATH_S)
            await self._cut_off_the_master()
            await asyncio.sleep(BREATH_S)
            await self._cut_off_the_database()
            try:
                async with asyncio.timeout(SPREAD_S + PATIENCE_S):
                    await until(cluster.is_over, every_s=1)
            except TimeoutError:
                self._complaints.append("the campaigns do not end")
            self._say("all is sent out, and every callback has come")
            ended = [f"{name} has ended by itself" for name in cluster.has_ended]
            case = await cluster.read_case(cluster.halts)
            self._complaints += [*ended, *await cluster.audit()]
        return Outcome(judge(case), self._complaints)

    async def _cut_off_a_worker(self) -> None:
        # No status tells of what is under way, before its deadline has passed.
        await self._cluster.sandbox.turn(
            "status_late", seconds=str(HOST_AWAY_S), count=LATE
        )
        name = await self._who_holds_claims()
        async with self._cluster.cut_off(name):
            self._say(f"{name} is cut off, with its claims, for {HOST_AWAY_S:g} s")
            await asyncio.sleep(1)
            held = await self._cluster.claims(name)
            await self._watch_sending(HOST_AWAY_S - 1)
            left = await self._cluster.claims(name)
            self._say(f"of its {held} claims {held - left} have become unsure")
            if left:
                self._complaints.append(f"{name} still holds {left} claims")
        await self._is_back([name])

    async def _cut_off_in_a_transaction(self) -> None:
        name = await self._cluster.cut_off_in_a_transaction()
        async with self._cluster.cut_off(name):
            self._say(
                f"{name} is cut off in a transaction, with a campaign's row locked,"
                f" for {LOCKED_S:g} s"
            )
            await self._watch_sending(LOCKED_S)
        await self._is_back([name])

    async def _cut_off_the_master(self) -> None:
        cluster = self._cluster
        name = cluster.valkeys.master(HOSTS[-1])
        other = next(host for host in HOSTS if host != name)
        async with cluster.cut_off(name):
            self._say(f"{name}, with Redis' master, is cut off for {MASTER_AWAY_S:g} s")
            began = time.monotonic()
            watching = asyncio.create_task(self._watch_sending(MASTER_AWAY_S))

            async def is_promoted() -> bool:
                return await asyncio.to_thread(cluster.valkeys.master, other) != name

            await self._until("a replica is promoted", is_promoted)
            promoted = await asyncio.to_thread(cluster.valkeys.master, other)
            took_s = time.monotonic() - began
            self._say(f"Redis on {promoted} is promoted after {took_s:.0f} s")
            await watching
        await self._is_back([name])

        async def follows() -> bool:
            return await asyncio.to_thread(cluster.valkeys.role, name) == "slave"

        await self._until(f"Redis on {name} follows {promoted}", follows)

    async def _cut_off_the_database(self) -> None:
        async with self._cluster.cut_off(DATABASE):
            self._say(f"the database is cut off for {DATABASE_AWAY_S:g} s")
            await asyncio.sleep(DATABASE_AWAY_S)
        await self._is_back(HOSTS)

    async def _is_back(self, names: list[str] | tuple[str, ...]) -> None:
        """Times how long after the link's return machines do all of their work."""
        self._say(f"{', '.join(names)}: linked again")
        mended, began = datetime.now(UTC), time.monotonic()

        async def one(name: str) -> None:
            async def beats() -> bool:
                return await self._cluster.has_beaten(name, mended)

            async def shows() -> bool:
                return await self._cluster.is_served(name)

            for what, is_so in (("its web answers", shows), ("its worker", beats)):
                await self._until(f"{name}: {what} is back", is_so)
                took_s = time.monotonic() - began
                self._say(f"{name}: {what} again after {took_s:.0f} s")
                if took_s > BACK_WITHIN_S:
                    self._complaints.append(f"{name}: {what} only after {took_s:.0f} s")

        await asyncio.gather(*map(one, names))

    async def _watch_sending(self, seconds: float) -> None:
        """Tells the longest time for which each campaign stood still."""
        ends_at = time.monotonic() + seconds
        seen: dict[int, int] = {}
        since: dict[int, float] = {}
        longest_s: dict[int, float] = {}
        while (now := time.monotonic()) < ends_at:
            for campaign, count in (await self._cluster.answered()).items():
                if seen.get(campaign) != count:
                    seen[campaign], since[campaign] = count, now
                stood_s = now - since[campaign]
                longest_s[campaign] = max(longest_s.get(campaign, 0), stood_s)
            await asyncio.sleep(LOOK_S)
        told = " and ".join(f"{s:.0f} s" for _, s in sorted(longest_s.items()))
        self._say(f"meanwhile the two campaigns stood still for {told} at most")

    async def _who_holds_claims(self) -> str:
        """The machine whose worker has something under way, as soon as one has."""
        while True:
            for name in HOSTS:
                if await self._cluster.claims(name):
                    return name

    async def _until(self, what: str, is_so: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await until(is_so, every_s=LOOK_S)
        except TimeoutError:
            raise RuntimeError(f"it never came about that {what}") from None
