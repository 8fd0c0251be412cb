"""The queue page while Redis or the database is away, or hangs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from django.db import OperationalError
from pytest_django import Settings
from redis.asyncio import Redis

from asgi_app.database import in_orm
from campaigns import queue_report
from campaigns.queue_selectors import DatabaseFacts, read_facts
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, open_site, words
from tests.campaigns.test_queue_views import PAGE, ring, seen

NOWHERE = "redis://127.0.0.1:9/0"


@pytest.fixture
async def without_redis(
    transactional_db: None, settings: Settings
) -> AsyncIterator[Site]:
    settings.REDIS_URL = NOWHERE
    async with open_site() as site:
        yield site


async def test_while_redis_is_away_it_says_so_and_shows_the_rest(
    without_redis: Site, line: Line
) -> None:
    await seen()
    await in_orm(lists.running, line, 2)
    answer = await without_redis.get(PAGE)
    said = words(answer)
    assert answer.status_code == 200
    assert "Redis does not answer: nothing new leaves now." in said
    assert "1 worker alive" in said
    assert "Shop" in said


async def test_a_redis_that_hangs_holds_no_page(
    transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_report, "REDIS_LIMIT_S", 0.1)

    async def silent(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while await reader.read(1024):
            pass
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings.REDIS_URL = f"redis://127.0.0.1:{port}/0"
    async with open_site() as site:
        before = time.monotonic()
        said = words(await site.get(PAGE))
        # The sign-in asks Redis too, and gives up after a second.
        assert time.monotonic() - before < 3
    server.close()
    await server.wait_closed()
    assert "Redis does not answer" in said


async def test_while_the_database_is_away_it_says_so_and_shows_the_rest(
    site: Site, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(line_ids: Sequence[int]) -> DatabaseFacts:
        raise OperationalError("gone away")

    monkeypatch.setattr(queue_report, "read_facts", away)
    await ring(redis, 7, 30)
    answer = await site.get(PAGE)
    said = words(answer)
    assert answer.status_code == 200
    assert "The database does not answer" in said
    assert "look at line 7" in said


async def test_an_error_of_the_page_is_not_taken_for_the_database(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(line_ids: Sequence[int]) -> DatabaseFacts:
        raise ZeroDivisionError

    monkeypatch.setattr(queue_report, "read_facts", broken)
    assert (await site.get(PAGE)).status_code == 500


async def test_while_both_are_away_it_says_so(
    without_redis: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(line_ids: Sequence[int]) -> DatabaseFacts:
        raise OperationalError("gone away")

    monkeypatch.setattr(queue_report, "read_facts", away)
    said = words(await without_redis.get(PAGE))
    assert "Neither the database nor Redis answers" in said


async def test_a_database_that_hangs_is_asked_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_report, "DATABASE_LIMIT_S", 0.1)
    asked, goes_on = [], threading.Event()

    def hanging(line_ids: Sequence[int]) -> DatabaseFacts:
        asked.append(line_ids)
        goes_on.wait(10)
        return read_facts(line_ids)

    monkeypatch.setattr(queue_report, "read_facts", hanging)
    for _ in range(3):
        assert "The database does not answer" in words(await site.get(PAGE))
    assert len(asked) == 1
    monkeypatch.setattr(queue_report, "DATABASE_LIMIT_S", 5)
    goes_on.set()
    assert "No worker is there" in words(await site.get(PAGE))
    assert len(asked) == 2


async def test_pages_at_the_same_time_do_not_take_each_other_for_an_outage(
    site: Site,
) -> None:
    await seen()
    answers = await asyncio.gather(*(site.get(PAGE) for _ in range(5)))
    assert all("The worker is there." in words(answer) for answer in answers)
