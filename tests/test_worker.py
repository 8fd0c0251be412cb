from __future__ import annotations

import asyncio
import copy
import inspect
import os
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from arq.worker import Worker
from pytest_django import Settings

import worker
from asgi_app.database import in_orm
from asgi_app.resources import open_resources
from asgi_app.valkey import PrivateValkey
from campaigns import heartbeat
from campaigns.jobs import count_books, keep_connected, keep_diary, settle, sweep
from campaigns.models import WorkerBeat
from campaigns.queue_wording import CRONS
from chatapp.models import Line
from chatapp.sandbox.licences import GR_LICENCE_ID
from chatapp.sandbox.testing import SandboxServer
from tests.campaigns import lists
from tests.eventually import eventually

pytestmark = pytest.mark.usefixtures("redis")


@pytest.fixture(autouse=True)
def outside(settings: Settings, valkey: PrivateValkey, sandbox: SandboxServer) -> None:
    settings.REDIS_URL = valkey.url
    settings.CHATAPP_BASE_URL = sandbox.url
    settings.SEND_DELAY_MIN, settings.SEND_DELAY_MAX = 0, 0.1


@pytest.fixture
async def campaign_line(line: Line) -> Line:
    line.licence_id = str(GR_LICENCE_ID)
    await in_orm(line.save)
    return line


def test_every_setting_is_one_that_arq_reads() -> None:
    # arq drops what it does not know, and what a class inherits, without a word.
    known = set(inspect.signature(Worker).parameters)
    ours = {n for n in vars(worker.WorkerSettings) if not n.startswith("__")}
    assert ours <= known
    assert {"functions", "cron_jobs", "job_serializer", "keep_result"} <= ours


def test_the_queue_page_knows_what_the_worker_does_by_itself() -> None:
    every = {name: lasting for name, (_, lasting) in CRONS.items()}
    assert every == {
        cron.name.removeprefix("cron:"): timedelta(
            seconds=60 / (len(cron.second) if isinstance(cron.second, set) else 1)
        )
        for cron in worker.WorkerSettings.cron_jobs
    }


async def test_it_is_on_the_list_of_workers_until_it_stops(
    campaign_line: Line, sandbox: SandboxServer
) -> None:
    async with open_resources() as resources:
        working = asyncio.create_task(worker.serve(resources))

        async def is_there() -> bool:
            return await in_orm(WorkerBeat.objects.exists)

        await eventually(is_there)
        beat = await in_orm(WorkerBeat.objects.get)
        assert beat.name == resources.worker_name
        assert beat.name.startswith(f"{socket.gethostname()}:{os.getpid()}:")
        resources.stopping.set()
        await working
    assert not await in_orm(WorkerBeat.objects.exists)


async def test_its_beats_tell_of_its_jobs(
    campaign_line: Line, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_EVERY_S", 0.1)
    async with open_resources() as resources:
        working = asyncio.create_task(worker.serve(resources))

        async def are_told() -> bool:
            beat = await in_orm(WorkerBeat.objects.first)
            return beat is not None and "sweep" in beat.jobs

        await eventually(are_told)
        resources.stopping.set()
        await working


async def test_it_sends_a_campaign_from_the_start_to_the_end(
    campaign_line: Line, sandbox: SandboxServer
) -> None:
    campaign = await in_orm(lists.running, campaign_line, 10)
    async with open_resources() as resources:
        stopping = resources.stopping
        working = asyncio.create_task(worker.serve(resources))
        await eventually(lambda: len(sandbox.record.accepted()) == 10)
        stopping.set()
        await working
    assert await in_orm(lists.counts, campaign) == {"accepted": 10}
    phones = [send.phone for send in sandbox.record.sends()]
    assert len(set(phones)) == len(phones) == 10


async def test_it_goes_on_by_itself_when_redis_was_wiped(
    campaign_line: Line, sandbox: SandboxServer
) -> None:
    campaign = await in_orm(lists.running, campaign_line, 12)
    async with open_resources() as resources:
        working = asyncio.create_task(worker.serve(resources))
        await eventually(lambda: len(sandbox.record.accepted()) >= 3)
        await resources.redis.flushall()
        await eventually(lambda: len(sandbox.record.accepted()) == 12, within_s=30)
        resources.stopping.set()
        await working
    assert await in_orm(lists.counts, campaign) == {"accepted": 12}
    assert len(sandbox.record.sends()) == 12


async def test_it_comes_back_when_redis_does(
    campaign_line: Line, sandbox: SandboxServer, valkey: PrivateValkey
) -> None:
    campaign = await in_orm(lists.running, campaign_line, 12)
    async with open_resources() as resources:
        working = asyncio.create_task(worker.serve(resources))
        await eventually(lambda: len(sandbox.record.accepted()) >= 3)
        valkey.restart()
        await eventually(lambda: len(sandbox.record.accepted()) == 12, within_s=40)
        assert not working.done()
        resources.stopping.set()
        await working
    assert await in_orm(lists.counts, campaign) == {"accepted": 12}
    assert len(sandbox.record.sends()) == 12


async def test_it_waits_for_as_long_as_redis_is_away(
    campaign_line: Line,
    sandbox: SandboxServer,
    valkey: PrivateValkey,
    caplog: pytest.LogCaptureFixture,
) -> None:
    campaign = await in_orm(lists.running, campaign_line, 6)
    async with open_resources() as resources:
        working = asyncio.create_task(worker.serve(resources))
        await eventually(lambda: len(sandbox.record.accepted()) >= 2)
        valkey.kill()
        try:
            # Twice: it found Redis away, and looked again in vain.
            await eventually(
                lambda: working.done() or caplog.text.count("looking again") >= 2
            )
            assert not working.done()
        finally:
            valkey.restart()
        await eventually(lambda: len(sandbox.record.accepted()) == 6, within_s=40)
        resources.stopping.set()
        await working
    assert await in_orm(lists.counts, campaign) == {"accepted": 6}
    assert len(sandbox.record.sends()) == 6


async def test_told_to_stop_it_finishes_what_is_under_way(
    campaign_line: Line, sandbox: SandboxServer
) -> None:
    campaign = await in_orm(lists.running, campaign_line, 5)
    sandbox.knobs.set("delay", seconds=1.0)
    async with open_resources() as resources:
        working = asyncio.create_task(worker.serve(resources))
        await eventually(lambda: len(sandbox.record.sends()) == 1)
        resources.stopping.set()
        await working
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, "waiting": 4}


@pytest.mark.parametrize(
    ("job", "every_s"),
    [
        (sweep, 5),
        (settle, 15),
        (count_books, 60),
        (keep_diary, 60),
        (keep_connected, 60),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_mends_runs_all_the_while_and_not_only_at_the_start(
    job: object, every_s: int
) -> None:
    ours = [c for c in worker.WorkerSettings.cron_jobs if c.coroutine is job]
    (cron,) = map(copy.copy, ours)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    for _ in range(20):
        cron.calculate_next(at)
        assert cron.next_run is not None
        assert cron.next_run - at <= timedelta(seconds=every_s + 1)
        at = cron.next_run


async def test_told_to_stop_between_two_tries_it_gives_the_message_back(
    campaign_line: Line, sandbox: SandboxServer
) -> None:
    campaign = await in_orm(lists.running, campaign_line, 1)
    sandbox.knobs.set("rate_limit", retry_after="40")
    async with open_resources() as resources:
        working = asyncio.create_task(worker.serve(resources))
        await eventually(lambda: bool(sandbox.record.sends()))
        resources.stopping.set()
        asked = time.monotonic()
        await working
        assert time.monotonic() - asked < 25
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}
