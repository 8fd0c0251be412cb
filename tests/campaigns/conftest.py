from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pytest_django import Settings
from redis.asyncio import Redis

from asgi_app.valkey import PrivateValkey
from chatapp.models import Line
from tests.campaigns.browser import Site, open_site
from tests.campaigns.desk import desk

__all__ = ["desk", "site"]


@pytest.fixture
async def site(
    valkey: PrivateValkey, redis: Redis, line: Line, settings: Settings
) -> AsyncIterator[Site]:
    settings.REDIS_URL = valkey.url
    async with open_site() as site:
        yield site
