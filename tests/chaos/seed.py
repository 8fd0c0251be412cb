"""One seed: send, let faults happen, wait until all is settled, and judge."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from campaigns.spool import Spool
from tests.chaos import database
from tests.chaos.database import Away, Database
from tests.chaos.desk import RATE
from tests.chaos.faults import Fault, Misfortune, Planned, plan
from tests.chaos.installation import Installation
from tests.chaos.judge import Verdict, judge
from tests.chaos.waiting import until

LOOK_S = 0.2
# One campaign on each line: a moment of its own for each of three messages in four.
OWN = 3 / 4
# A fault for so many messages.
FAULT_PER = 50
# What the program may need beyond the time that the rate allows.
PATIENCE_S = 180.0


@dataclass
class Outcome:
    """What came of a seed."""

    seed: int
    messages: int
    verdict: Verdict
    happened: Counter[Fault]
    complaints: list[str] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def is_clean(self) -> bool:
        return self.verdict.is_clean and not self.complaints

    @property
    def line(self) -> str:
        v = self.verdict
        return (
            f"chaos seed={self.seed} faults={self.happened.total()}"
            f" messages={self.messages} lost={v.lost} doubled={v.doubled}"
            f" wrong={v.wrong} unsure={v.unsure} settled={v.settled}"
        )


class Log:
    """What happened when, in a file and, if asked for, on the screen."""

    def __init__(self, path: Path, *, verbose: bool) -> None:
        self._path = path
        self._verbose = verbose
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        line = f"  {time.monotonic() - self._began:6.1f} s  {text}"
        with self._path.open("a") as file:
            file.write(line + "\n")
        if self._verbose:
            print(line, flush=True)

    @property
    def passed_s(self) -> float:
        return time.monotonic() - self._began


async def run(
    seed: int,
    messages: int,
    among: list[Fault],
    installation: Installation,
    log: Log,
) -> Outcome:
    """Runs a seed on an installation that is not up yet. Raises RuntimeError."""
    planned = plan(seed, max(messages // FAULT_PER, 6), among)
    async with installation.running(log):
        log("everything is up")
        misfortune = Misfortune(installation, log)
        # The line's rate lets them all leave in this time, if nothing goes wrong.
        await installation.start_campaigns(messages, own=OWN, spread_s=messages / RATE)
        log("both campaigns have been started")
        complaints: list[str] = []
        try:
            async with asyncio.timeout(messages / RATE + PATIENCE_S):
                await _send_and_settle(installation, messages, planned, misfortune, log)
        except TimeoutError:
            complaints.append(f"stuck: {await _state(installation)}")
        case = await installation.read_case(
            [halt for worker in installation.workers for halt in worker.halts]
        )
        complaints += await installation.audit()
        await misfortune.count_knobs()
        for program in installation.victims:
            complaints += program.complaints
    outcome = Outcome(
        seed,
        messages,
        judge(case),
        Counter(misfortune.happened),
        complaints,
        log.passed_s,
    )
    if len(case.rows) != messages:
        outcome.complaints.append(f"{len(case.rows)} rows for {messages} messages")
    for finding in [*outcome.complaints, *outcome.verdict.findings]:
        log(finding)
    v = outcome.verdict
    log(
        f"unsure {v.unsure} of {v.bound} that may be, {v.overlooked} of them to the end"
        f" though accepted; {len(case.told)} callbacks"
    )
    log(outcome.line)
    return outcome


async def _send_and_settle(
    installation: Installation,
    messages: int,
    planned: list[Planned],
    misfortune: Misfortune,
    log: Log,
) -> None:
    shares = _Shares()

    async def is_sent_out() -> bool:
        sent = (await installation.sandbox.state())["sends"]["total"]
        # What never left is missing there; the end is known from the database.
        await shares.reach(min(sent / messages, 0.99))
        return await _is_sent_out(installation)

    async with asyncio.TaskGroup() as group:
        for one in planned:
            group.create_task(_strike_at(shares, one, misfortune))
        await until(is_sent_out, every_s=LOOK_S)
        log("all is sent out")
        await shares.reach(1.0)
    await until(lambda: _is_settled(installation), every_s=LOOK_S)
    log("all is settled")


class _Shares:
    """How much of the sending is done, for those who wait for it."""

    def __init__(self) -> None:
        self._share = 0.0
        self._grown = asyncio.Condition()

    async def reach(self, share: float) -> None:
        async with self._grown:
            self._share = max(self._share, share)
            self._grown.notify_all()

    async def wait_for(self, share: float) -> None:
        async with self._grown:
            await self._grown.wait_for(lambda: self._share >= share)


async def _strike_at(shares: _Shares, one: Planned, misfortune: Misfortune) -> None:
    await shares.wait_for(one.share)
    await asyncio.sleep(one.after_s)
    await misfortune.strike(one)


async def _is_sent_out(installation: Installation) -> bool:
    ((waiting, claimed, _),) = await _rows(installation.data, database.OPEN_COUNT)
    return not (waiting or claimed)


async def _is_settled(installation: Installation) -> bool:
    """Nothing is open, nobody will look again, and no status is on its way."""
    ((waiting, claimed, looks),) = await _rows(installation.data, database.OPEN_COUNT)
    ((shelved,),) = await _rows(installation.data, database.ON_SHELF)
    pending = (await installation.sandbox.state())["callbacksPending"]
    spooled = Spool(installation.folder / "spool").waiting()
    return not (waiting or claimed or looks or shelved or pending or spooled)


async def _state(installation: Installation) -> str:
    """What a seed that does not end is stuck at, in a line."""
    try:
        open_, (shelved,), *_ = (
            *await _rows(installation.data, database.OPEN_COUNT),
            *await _rows(installation.data, database.ON_SHELF),
        )
        clocks = await _rows(installation.data, database.CLOCKS)
    except Away as error:
        return f"the database is away: {error}"
    state = await installation.sandbox.state()
    waiting, claimed, looks = open_
    return (
        f"waiting {waiting}, claimed {claimed}, to be looked for {looks},"
        f" on the shelf {shelved}, callbacks pending {state['callbacksPending']},"
        f" spooled {Spool(installation.folder / 'spool').waiting()},"
        f" knobs {state['knobs']}, clocks {clocks}"
    )


async def _rows(data: Database, sql: str) -> list[Sequence[Any]]:
    return await asyncio.to_thread(data.rows, sql)
