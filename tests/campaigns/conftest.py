from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings
from redis.asyncio import Redis

from asgi_app.database import in_orm, orm_now
from asgi_app.valkey import PrivateValkey
from campaigns.models import WorkerBeat
from chatapp.models import Line
from tests.campaigns.browser import Site, open_site
from tests.campaigns.desk import desk

__all__ = ["desk", "site", "worker"]


@pytest.fixture
async def site(
    valkey: PrivateValkey, redis: Redis, line: Line, settings: Settings
) -> AsyncIterator[Site]:
    settings.REDIS_URL = valkey.url
    async with open_site() as site:
        yield site


@pytest.fixture
async def worker(transactional_db: None) -> WorkerBeat:
    """A worker that was seen just now."""

    def beat() -> WorkerBeat:
        now = orm_now()
        return WorkerBeat.objects.create(name="w1", started_at=now, beat_at=now)

    return await in_orm(beat)
