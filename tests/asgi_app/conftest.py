from __future__ import annotations

import os
import runpy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from django.core.handlers.asgi import ASGIHandler
from pytest_django.fixtures import Settings
from redis.asyncio import Redis

from asgi_app import middleware
from tests.asgi_app.door import Browser
from tests.asgi_app.reading import BASE_DIR, NAMES, Read


@pytest.fixture
def site(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ROOT_URLCONF = "tests.asgi_app.door"
    # The site's own pages for errors link to pages that are not here.
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "APP_DIRS": False}]
    settings.ALLOWED_HOSTS = ["localhost", "testserver"]
    settings.BASIC_AUTH_USERS = {"anna": "correct: horse", "борис": "pässword"}
    monkeypatch.setattr(middleware, "WRONG_PASSWORD_WAIT_S", 0.02)


@pytest.fixture
def browser(site: None, redis: Redis) -> Browser:
    """Clients of one process, which has the Redis of the tests."""
    handler = ASGIHandler()
    held: dict[str, Redis] = {"redis": redis}

    async def process(scope: Any, receive: Any, send: Any) -> None:
        resources = SimpleNamespace(**held)
        await handler({**scope, "state": {"resources": resources}}, receive, send)

    @asynccontextmanager
    async def opened(
        address: str = "203.0.113.5", redis: Redis = redis
    ) -> AsyncIterator[httpx.AsyncClient]:
        held["redis"] = redis
        transport = httpx.ASGITransport(
            process, raise_app_exceptions=False, client=(address, 4711)
        )
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost"
        ) as client:
            yield client

    return opened


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Reads the settings anew from nothing but the values given."""
    for name in [*NAMES, "REDIS_IS_EMBEDDED"]:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("ENV_FILE", os.devnull)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))

    def read(**given: str) -> dict[str, Any]:
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        return runpy.run_path(str(BASE_DIR / "asgi_app" / "settings.py"))

    return read
