"""What most tests need: a real Redis, the database's door, and the sandbox ChatApp."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from django.db import connections
from hypothesis import settings as hypothesis_settings
from redis.asyncio import Redis

from asgi_app.database import Door, in_orm, open_door
from asgi_app.valkey import PrivateValkey
from campaigns.ledger import Ledger
from campaigns.pacing import Delays
from chatapp.models import Line
from chatapp.sandbox.testing import SandboxServer

# How long an example takes says something of the machine, not of the code.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _orm_as_it_was() -> Iterator[None]:
    """What `bound_orm` sets is for a process that lasts, and not for the next tests."""
    options = connections.settings["default"].get("OPTIONS", {})
    before = dict(options)
    yield
    options.clear()
    options.update(before)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateValkey]:
    server = PrivateValkey(Path(tmp_path_factory.mktemp("valkey")))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(valkey: PrivateValkey) -> AsyncIterator[Redis]:
    client = Redis.from_url(valkey.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def door(transactional_db: None) -> AsyncIterator[Door]:
    door = open_door()
    yield door
    await door.close()


@pytest.fixture
def ledger(door: Door) -> Ledger:
    return Ledger(door, worker="test")


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxServer]:
    async with SandboxServer() as server:
        yield server


@pytest.fixture
def delays() -> Delays:
    return Delays(5, 50, random.Random(7))


@pytest.fixture
async def line(transactional_db: None) -> Line:
    return await in_orm(
        Line.objects.create,
        licence_id="1001",
        messenger="grWhatsApp",
        name="Shop",
        is_chosen=True,
    )
