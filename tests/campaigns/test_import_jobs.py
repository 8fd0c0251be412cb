from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import OperationalError
from pytest_django import Settings
from redis.asyncio import Redis

from asgi_app.database import in_orm, orm_now
from asgi_app.redis import open_redis
from asgi_app.valkey import PrivateValkey
from campaigns import imports, jobs
from campaigns.jobs import Doorbell, import_list, look_after_imports
from campaigns.ledger import Ledger
from campaigns.models import Campaign, Upload
from campaigns.pacing import Delays
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import rings
from tests.campaigns.test_imports import importing


@dataclass
class Resources:
    ledger: Ledger
    doorbell: Doorbell
    delays: Delays = field(default_factory=lambda: Delays(0, 0, random.Random(1)))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@pytest.fixture
async def resources(
    ledger: Ledger, valkey: PrivateValkey, redis: Redis, settings: Settings
) -> AsyncIterator[Resources]:
    settings.REDIS_URL = valkey.url
    queue = open_redis()
    yield Resources(ledger, Doorbell(queue))
    await queue.aclose(close_connection_pool=True)


async def upload_of(campaign: Campaign) -> Upload:
    return await in_orm(Upload.objects.get, campaign=campaign)


async def test_the_worker_imports_a_list(resources: Resources, line: Line) -> None:
    campaign = await in_orm(importing, line)
    await import_list({"resources": resources}, (await upload_of(campaign)).pk)
    assert await in_orm(lists.counts, campaign) == {"waiting": 86}


async def test_a_long_import_rings_for_the_rest_of_it(
    resources: Resources, line: Line, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "IMPORT_SLICE_S", -1)
    monkeypatch.setattr(imports, "BATCH", 10)
    campaign = await in_orm(importing, line)
    upload = await upload_of(campaign)
    await import_list({"resources": resources}, upload.pk)
    assert (await upload_of(campaign)).rows_done == 11
    (ring,) = await rings(redis)
    assert ring.startswith(f"import:{upload.pk}:")


async def test_an_import_that_stands_still_is_rung_under_a_new_name(
    resources: Resources, line: Line, redis: Redis
) -> None:
    campaign = await in_orm(importing, line)
    upload = await upload_of(campaign)
    await look_after_imports({"resources": resources})
    assert await rings(redis) == []
    long_ago = await in_orm(orm_now) - timedelta(minutes=1)
    await in_orm(Upload.objects.update, touched_at=long_ago)
    await look_after_imports({"resources": resources})
    (ring,) = await rings(redis)
    assert ring.startswith(f"import:{upload.pk}:sweep:")


async def test_while_the_database_is_away_an_import_ends_quietly(
    resources: Resources,
    line: Line,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = await in_orm(importing, line)
    upload = await upload_of(campaign)

    def away(**_: object) -> bool:
        raise OperationalError("gone")

    monkeypatch.setattr(imports, "go_on", away)
    await import_list({"resources": resources}, upload.pk)
    assert "the database is away" in caplog.text
    assert (await upload_of(campaign)).errors == 0


async def test_ringing_for_an_import_without_redis_is_no_error(
    settings: Settings,
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9"
    redis = open_redis()
    assert not await Doorbell(redis).ring_import(7, name="new")
    await redis.aclose(close_connection_pool=True)
