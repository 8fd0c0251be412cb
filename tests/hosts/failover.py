"""The primary of the database dies while campaigns are sent; its replica takes over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos import database
from tests.chaos.database import MariaDB
from tests.chaos.facts import Halt
from tests.chaos.judge import Verdict, judge
from tests.chaos.waiting import until
from tests.hosts.cluster import AFTERMATH, Cluster
from tests.hosts.replica import OF_PRIMARY, Replica

STANDBY = "standby"
OWN = 3 / 4
# So much is sent when the primary dies.
SHARE = 0.4
LAG_S = 3.0
SPREAD_S = 40.0
LOOK_S = 0.05
PATIENCE_S = 400.0
EVENTS = "SELECT COUNT(*) FROM campaigns_event"


@dataclass(frozen=True)
class Way:
    """How the replica follows, and what happens before the end."""

    is_semi_sync: bool
    # The replica's cable is cut some seconds earlier: it knows nothing of these.
    is_behind: bool
    # Whether `manage.py restored` is run before the start; docs/operations.md has when.
    with_restored: bool

    def __str__(self) -> str:
        how = "semi-synchronous" if self.is_semi_sync else "asynchronous"
        behind = f", cut off {LAG_S:g} s before" if self.is_behind else ""
        return how + behind + ("" if self.with_restored else ", without `restored`")


@dataclass
class Outcome:
    """`unknown` messages were sent, and the replica takes them for waiting."""

    verdict: Verdict
    complaints: list[str]
    unknown: int
    lost_events: int
    lost_statuses: int


class Failover:
    def __init__(
        self, folder: Path, logs: Path, way: Way, say: Callable[[str], None]
    ) -> None:
        self._cluster = Cluster(folder, logs, hosts=("host-1",), of_database=OF_PRIMARY)
        self._primary = self._cluster.data
        address = self._cluster.network.plug_in(STANDBY)
        self._replica = Replica(folder / STANDBY, STANDBY, address, self._primary)
        self._way = way
        self._say = say

    async def run(self, messages: int) -> Outcome:
        cluster, way = self._cluster, self._way
        try:
            async with cluster.running():
                self._replica.follow(is_semi_sync=way.is_semi_sync)
                await cluster.until("the replica has caught up", self._has_caught_up)
                await cluster.start_campaigns(messages, own=OWN, spread_s=SPREAD_S)
                await until(lambda: self._has_sent(messages * SHARE), every_s=LOOK_S)
                died_at = await self._lose_the_primary()
                unknown, lost_events = await self._take_over()
                complaints = await self._finish()
                case = await cluster.read_case([*cluster.halts])
                complaints += await cluster.audit()
        finally:
            self._primary.stop()
            self._replica.data.stop()
        # What was told before is told once; where it got lost, nobody tells it again.
        told = [
            one if one.posted_at > died_at.timestamp() else replace(one, answer=None)
            for one in case.told
        ]
        verdict = judge(replace(case, told=told))
        lost_statuses = judge(case).wrong - verdict.wrong
        return Outcome(verdict, complaints, unknown, lost_events, lost_statuses)

    async def _has_caught_up(self) -> bool:
        return await asyncio.to_thread(self._replica.has_tables)

    async def _has_sent(self, count: float) -> bool:
        state = await self._cluster.sandbox.state()
        return bool(state["sends"]["total"] >= count)

    async def _lose_the_primary(self) -> datetime:
        """Kills it, and then all who talked to it."""
        cluster = self._cluster
        if self._way.is_behind:
            cluster.network.cut(STANDBY)
            await asyncio.sleep(LAG_S)
        moment = datetime.now(UTC)
        self._primary.server.kill()
        cluster.kill_programs()
        cluster.network.mend(STANDBY)
        # Whoever had a message under way may have it unsure.
        cluster.halts.append(Halt("", moment, moment + AFTERMATH))
        return moment

    async def _take_over(self) -> tuple[int, int]:
        """Promotes the replica, and counts what it does not know."""
        cluster, replica = self._cluster, self._replica
        await asyncio.to_thread(replica.promote)
        accepted = {s.phone for s in await cluster.sandbox.sends() if s.accepted}
        rows = database.messages(replica.data)
        unknown = sum(row.status == "waiting" and row.phone in accepted for row in rows)
        ((known,),) = replica.data.rows(EVENTS)
        ((made,),) = _rows_of_the_dead(self._primary)
        self._say(
            f"{self._way}: of {made} events the replica lacks {made - known},"
            f" {unknown} messages that were sent are waiting there"
        )
        return unknown, made - known

    async def _finish(self) -> list[str]:
        """Goes on with the replica until everything is sent."""
        cluster = self._cluster
        cluster.point_to(self._replica.data)
        if self._way.with_restored:
            await cluster.manage("restored")
        cluster.start_programs()
        try:
            async with asyncio.timeout(PATIENCE_S):
                if self._way.with_restored:
                    await cluster.release_lines()
                    self._say("the lines were looked through, and go on")
                await until(cluster.is_over, every_s=1)
        except TimeoutError:
            return ["the campaigns do not end"]
        return []


def _rows_of_the_dead(data: MariaDB) -> list[tuple[int]]:
    """Asks a server that was killed once more, with nobody else there."""
    data.server.launch(*OF_PRIMARY)
    data.server.wait()
    try:
        return [(int(row[0]),) for row in data.rows(EVENTS)]
    finally:
        data.server.kill()
