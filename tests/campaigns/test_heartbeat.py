from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError
from pytest_django import Settings

from asgi_app.database import in_orm, orm_now
from campaigns import heartbeat
from campaigns.heartbeat import Heartbeat
from campaigns.ledger import Ledger
from campaigns.lifelines import FOLDER, Lifelines
from campaigns.models import WorkerBeat
from campaigns.pacing import Delays
from campaigns.succession import succeed
from tests.campaigns.browser import Site, words
from tests.campaigns.test_lifelines import other
from tests.eventually import eventually, stand_still

pytestmark = pytest.mark.usefixtures("transactional_db")


async def row(name: str = "host:1") -> WorkerBeat:
    return await in_orm(WorkerBeat.objects.get, name=name)


async def test_a_beat_tells_when_the_worker_started_and_was_seen() -> None:
    beat = Heartbeat("host:1")
    before = await in_orm(orm_now)
    await beat.beat()
    first = await row()
    assert before - timedelta(seconds=1) < first.started_at <= first.beat_at
    await beat.beat()
    second = await row()
    assert second.beat_at > first.beat_at
    assert second.started_at == first.started_at


async def test_a_start_under_the_same_name_is_a_start() -> None:
    await Heartbeat("host:1").beat()
    old = await in_orm(orm_now) - timedelta(hours=2)
    await in_orm(WorkerBeat.objects.update, started_at=old, jobs={"sweep": {}})
    await Heartbeat("host:1").beat()
    assert (await row()).started_at > old + timedelta(hours=1)
    assert (await row()).jobs == {}


async def test_a_row_that_was_taken_away_comes_back() -> None:
    beat = Heartbeat("host:1")
    await beat.beat()
    await in_orm(WorkerBeat.objects.all().delete)
    await beat.beat()
    assert (await row()).name == "host:1"


async def test_a_beat_tells_of_the_jobs_that_ended() -> None:
    beat = Heartbeat("host:1")
    beat.ended("sweep", failed=False)
    beat.ended("sweep", failed=True)
    beat.ended("settle", failed=False)
    await beat.beat()
    told = (await row()).jobs
    assert {job: (t["ended"], t["failed"]) for job, t in told.items()} == {
        "sweep": (2, 1),
        "settle": (1, 0),
    }
    last_at = datetime.fromisoformat(told["sweep"]["last_at"])
    assert abs((await row()).beat_at - last_at) < timedelta(seconds=5)


async def test_a_worker_that_is_silent_for_a_day_is_forgotten() -> None:
    now = await in_orm(orm_now)
    for name, hours in (("gone:1", 25), ("silent:1", 23)):
        at = now - timedelta(hours=hours)
        await in_orm(WorkerBeat.objects.create, name=name, started_at=at, beat_at=at)
    await Heartbeat("host:1").beat()
    names = await in_orm(lambda: set(WorkerBeat.objects.values_list("name", flat=True)))
    assert names == {"host:1", "silent:1"}


async def test_it_beats_on_after_the_database_was_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_EVERY_S", 0.02)
    tries = 0

    def now() -> datetime:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise OperationalError("gone away")
        return orm_now()

    monkeypatch.setattr(heartbeat, "orm_now", now)
    beating = asyncio.create_task(Heartbeat("host:1").keep_beating())

    async def is_there() -> bool:
        return await in_orm(WorkerBeat.objects.exists)

    await eventually(is_there)
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    assert caplog.text.count("the heartbeat was not written") == 2


async def test_a_stop_in_order_takes_its_own_row_alone() -> None:
    await Heartbeat("other:1").beat()
    beat = Heartbeat("host:1")
    await beat.beat()
    await beat.stop()
    assert await in_orm(lambda: WorkerBeat.objects.get().name) == "other:1"


async def test_a_killed_worker_is_dead_at_once_and_stays_so_once_it_is_buried(
    ledger: Ledger, delays: Delays, settings: Settings, tmp_path: Path, site: Site
) -> None:
    settings.VAR_DIR = tmp_path

    async def alive() -> int:
        now = await in_orm(orm_now)
        return await in_orm(lambda: heartbeat.alive(now).count())

    folder = tmp_path / FOLDER
    with other(folder) as process:
        await Heartbeat("other").beat()
        await Heartbeat("host:1").beat()
        assert await alive() == 2
        stand_still(process)
        assert await alive() == 2, "who is only slow may still send"
        process.kill()
        process.wait()
        assert await alive() == 1
        page = await site.get("/queue/")
        assert "1 worker alive" in words(page) and " died " in words(page)
    await succeed(ledger, Lifelines(folder), delays)
    assert list(folder.iterdir()) == []
    assert await alive() == 1
    assert (await row("other")).died_at is not None
    assert " died " in words(await site.get("/queue/"))


async def test_who_beats_again_has_not_died() -> None:
    beat = Heartbeat("host:1")
    await beat.beat()
    await in_orm(lambda: WorkerBeat.objects.update(died_at=orm_now()))
    await beat.beat()
    assert (await row()).died_at is None
