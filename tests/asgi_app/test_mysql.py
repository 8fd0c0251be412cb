"""A server of MySQL's kind that dies, and comes back."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from asgi_app.database import DatabaseAway, DatabaseError, Door
from tests.eventually import eventually
from tests.mariadb import PrivateMariaDB


@pytest.fixture
def server() -> Iterator[PrivateMariaDB]:
    if connection.vendor != "mysql":
        pytest.skip("runs beside the other tests of MariaDB")
    with tempfile.TemporaryDirectory(prefix="mariadb-") as name:
        server = PrivateMariaDB(Path(name))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def door_to(server: PrivateMariaDB) -> Door:
    from asgi_app.mysql import MysqlDoor

    return MysqlDoor(
        {
            "HOST": "127.0.0.1",
            "PORT": server.port,
            "USER": "tests",
            "PASSWORD": server.password,
            "NAME": "campaigns",
        }
    )


@pytest.fixture
async def door(server: PrivateMariaDB) -> AsyncIterator[Door]:
    door = door_to(server)
    yield door
    await door.close()


async def answers(door: Door) -> bool:
    try:
        return await door.fetch("SELECT 1") == [(1,)]
    except DatabaseAway:
        return False


async def test_a_server_that_was_restarted_is_away_and_then_there_again(
    server: PrivateMariaDB, door: Door
) -> None:
    assert await answers(door)
    under_way = asyncio.create_task(door.fetch("SELECT SLEEP(30)"))
    await asyncio.sleep(0.3)
    with pytest.raises(DatabaseAway):
        async with door.transaction() as tx:
            await tx.execute("CREATE TABLE t (id INT)")
            server.kill()
            await tx.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(DatabaseAway):
        await under_way
    # More often than the pool has connections.
    for _ in range(20):
        assert not await answers(door)
    server.launch()
    server.wait()
    await eventually(lambda: answers(door))
    assert await door.fetch("SELECT * FROM t") == []


async def test_a_server_that_was_away_at_the_start_is_found_later(
    server: PrivateMariaDB, door: Door
) -> None:
    server.kill()
    for _ in range(3):
        assert not await answers(door)
    server.launch()
    server.wait()
    await eventually(lambda: answers(door))


async def test_a_door_that_is_closed_leaves_nothing_of_what_was_cancelled(
    server: PrivateMariaDB,
) -> None:
    for number in range(40):
        door = door_to(server)
        if number % 2:
            assert await answers(door)
            # The pool connects anew under whoever takes its connection next.
            (asked,) = await asyncio.gather(
                door.fetch("KILL CONNECTION_ID()"), return_exceptions=True
            )
            assert isinstance(asked, DatabaseError)
        asking = asyncio.create_task(door.fetch("SELECT 1"))
        for _ in range(number % 20):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await door.close()
    loose = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
    assert loose == []


async def test_a_slow_connect_does_not_put_the_clock_ahead(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    import aiomysql

    create_pool = aiomysql.create_pool

    async def slowly(**options: Any) -> Any:
        await asyncio.sleep(1)
        return await create_pool(**options)

    monkeypatch.setattr(aiomysql, "create_pool", slowly)
    now = await door.now()
    ((there,),) = await door.fetch("SELECT UTC_TIMESTAMP(6)")
    # The database, asked later, cannot be behind.
    assert now.replace(tzinfo=None) <= there
