"""What somebody reads who has a copy of Redis, or of the database."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from django.conf import settings as django_settings
from django.db import connection
from pytest_django import Settings
from redis.asyncio import Redis

import worker
from asgi_app import middleware
from asgi_app.asgi import Application
from asgi_app.database import in_orm
from asgi_app.resources import open_resources
from asgi_app.valkey import PrivateValkey
from campaigns.models import Campaign
from chatapp import accounts
from chatapp.models import Line
from chatapp.sandbox.licences import GR_LICENCE_ID
from chatapp.sandbox.server import serving
from chatapp.sandbox.testing import SandboxServer
from tests.campaigns import lists
from tests.eventually import eventually

WEBHOOK_SECRET = "callbacks-come-here-0123456789"
JOB = b"arq:job:"
GUESS = "a-password-that-was-nearly-right"
READERS = {
    b"string": lambda redis, key: redis.get(key),
    b"list": lambda redis, key: redis.lrange(key, 0, -1),
    b"set": lambda redis, key: redis.smembers(key),
    b"zset": lambda redis, key: redis.zrange(key, 0, -1, withscores=True),
    b"hash": lambda redis, key: redis.hgetall(key),
    b"stream": lambda redis, key: redis.xrange(key),
    b"none": lambda redis, key: redis.get(key),  # over since it was listed
}


async def dump_redis(redis: Redis) -> dict[bytes, Any]:
    kinds = {key: await redis.type(key) for key in await redis.keys("*")}
    return {key: await READERS[kind](redis, key) for key, kind in kinds.items()}


def dump_database() -> dict[str, list[str]]:
    """Every cell of every table."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            cells = (cell for row in cursor.fetchall() for cell in row)
            found[table] = [
                repr(bytes(cell) if isinstance(cell, memoryview) else cell)
                for cell in cells
            ]
    return found


def spellings(secret: str) -> list[str]:
    """In clear, and what is as good as that."""
    raw = secret.encode()
    return [secret, raw.hex(), base64.b64encode(raw).decode().rstrip("=")[:-1]]


def told(secrets: set[str], copy: object) -> list[str]:
    text = repr(copy)
    return [one for one in secrets if any(form in text for form in spellings(one))]


@pytest.fixture
def outside(
    settings: Settings,
    valkey: PrivateValkey,
    redis: Redis,
    sandbox: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.REDIS_URL = valkey.url
    settings.CHATAPP_BASE_URL = sandbox.url
    settings.WEBHOOK_SECRET = [WEBHOOK_SECRET]
    settings.SEND_DELAY_MIN, settings.SEND_DELAY_MAX = 0, 0.05
    monkeypatch.setattr(middleware, "WRONG_PASSWORD_WAIT_S", 0.01)


@pytest.mark.usefixtures("outside")
async def test_a_copy_of_redis_or_of_the_database_gives_no_key(
    line: Line, redis: Redis, sandbox: SandboxServer, settings: Settings
) -> None:
    """Copies made all the while that a campaign is sent, over a renewal of tokens."""
    line.licence_id = str(GR_LICENCE_ID)
    await in_orm(line.save)
    campaign = await in_orm(lists.running, line, 30)
    secrets = {
        *(GUESS, WEBHOOK_SECRET, django_settings.SECRET_KEY),
        *django_settings.BASIC_AUTH_USERS.values(),
        django_settings.CHATAPP_PASSWORD,
    }
    assert all(len(secret) > 8 for secret in secrets)
    copies: list[object] = []
    jobs: dict[bytes, bytes] = {}
    is_renewed: list[bool] = []
    async with serving(Application()) as url, open_resources() as resources:
        settings.PUBLIC_URL = url
        working = asyncio.create_task(worker.serve(resources))
        async with httpx.AsyncClient(base_url=url) as http:
            for password in (GUESS, *django_settings.BASIC_AUTH_USERS.values()):
                await http.get("/", auth=("anna", password))
                await http.get("/", auth=("boris", password))
            await http.post(f"/webhooks/chatapp/{WEBHOOK_SECRET}/", content=b"{}")

        async def is_sent() -> bool:
            copy = await dump_redis(redis)
            copies.append(copy)
            jobs.update({k: v for k, v in copy.items() if v and k.startswith(JOB)})
            stored = (await in_orm(accounts.read)).pair
            secrets.update({stored.access, stored.refresh} if stored else ())
            sent = len(sandbox.record.accepted())
            if sent > 10 and not is_renewed:
                # The API takes no token of before any more.
                sandbox.app.tokens.expire()
                is_renewed.append(True)
            return sent == 30

        await eventually(is_sent, within_s=30)
        copies.append(await in_orm(dump_database))
        resources.stopping.set()
        await working
    assert await in_orm(Campaign.objects.filter(pk=campaign.pk).exists)
    assert len(secrets) > 5 + 2, "no token was renewed"
    assert jobs and len(copies) > 3
    assert not told(secrets, copies)
    for job in jobs.values():
        assert isinstance(json.loads(job), dict)


def test_a_secret_in_a_copy_is_found() -> None:
    """What the other rests on."""
    for form in spellings("a-token-of-chatapp"):
        assert told({"a-token-of-chatapp"}, {b"k": [f"x{form}y".encode()]})
    assert not told({"a-token-of-chatapp"}, {b"k": b"a-token"})
