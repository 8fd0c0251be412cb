"""A server of MySQL's kind that dies, and comes back."""

from __future__ import annotations

import asyncio
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, connections

from asgi_app import database
from asgi_app.database import DatabaseAway, DatabaseError, Door
from asgi_app.env import MYSQL_IDLE_S
from tests.eventually import eventually, stand_still
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


def address_of(server: PrivateMariaDB) -> dict[str, Any]:
    return {
        "HOST": server.host,
        "PORT": server.port,
        "USER": "tests",
        "PASSWORD": server.password,
        "NAME": "campaigns",
    }


def door_to(server: PrivateMariaDB) -> Door:
    from asgi_app.mysql import MysqlDoor

    return MysqlDoor(address_of(server))


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

    connect = aiomysql.Connection._connect

    async def slowly(connection: Any) -> None:
        await asyncio.sleep(1)
        await connect(connection)

    monkeypatch.setattr(aiomysql.Connection, "_connect", slowly)
    now = await door.now()
    ((there,),) = await door.fetch("SELECT UTC_TIMESTAMP(6)")
    # The database, asked later, cannot be behind.
    assert now.replace(tzinfo=None) <= there


async def test_a_server_that_takes_connections_and_says_nothing_is_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mysql = pytest.importorskip("asgi_app.mysql")
    monkeypatch.setattr(mysql, "GREET_S", 0.3)
    where = {"HOST": "127.0.0.1", "USER": "u", "PASSWORD": "p", "NAME": "n"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        door = mysql.MysqlDoor({**where, "PORT": silent.getsockname()[1]})
        async with asyncio.timeout(5):
            asked = await asyncio.gather(
                *(door.fetch("SELECT 1") for _ in range(20)), return_exceptions=True
            )
        assert {type(error) for error in asked} == {mysql.NoAnswer}
        await door.close()


async def test_who_is_cut_off_in_a_transaction_does_not_hold_its_rows_for_long(
    server: PrivateMariaDB, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asgi_app import mysql

    async with door.transaction() as tx:
        await tx.execute("CREATE TABLE t (id INT PRIMARY KEY, n INT)")
        await tx.execute("INSERT INTO t VALUES (1, 0)")
    monkeypatch.setattr(mysql, "MYSQL_IDLE_S", 1)
    cut_off = door_to(server)
    with pytest.raises(DatabaseAway):
        async with cut_off.transaction() as lost:
            await lost.execute("UPDATE t SET n = 1 WHERE id = 1")
            async with door.transaction() as tx:
                await tx.execute("UPDATE t SET n = n + 2 WHERE id = 1")
    assert await door.fetch("SELECT n FROM t") == [(2,)]
    assert await answers(cut_off)
    await cut_off.close()


async def test_a_server_that_only_reads_is_away_and_is_asked_anew(
    server: PrivateMariaDB, door: Door
) -> None:
    from asgi_app.mysql import MysqlDoor

    await door.fetch("CREATE TABLE t (id INT)")
    await door.fetch("CREATE USER 'program'@'%' IDENTIFIED BY 'secret'")
    await door.fetch("GRANT SELECT, INSERT ON campaigns.* TO 'program'@'%'")
    program = {"USER": "program", "PASSWORD": "secret"}
    ours = MysqlDoor(address_of(server) | program, size=1)
    ((before,),) = await ours.fetch("SELECT CONNECTION_ID()")
    await door.fetch("SET GLOBAL read_only = 1")
    with pytest.raises(DatabaseAway):
        async with ours.transaction() as tx:
            await tx.execute("INSERT INTO t VALUES (1)")
    ((after,),) = await ours.fetch("SELECT CONNECTION_ID()")
    assert after != before
    await ours.close()


@pytest.mark.django_db
def test_the_orm_of_a_process_that_lasts_gives_up_a_server_that_stands_still(
    server: PrivateMariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = connections.settings["default"]
    monkeypatch.setitem(ours, "OPTIONS", dict(ours["OPTIONS"]))
    monkeypatch.setattr(database, "ORM_WAIT_S", 1)
    database.bound_orm()
    orm = type(connections["default"])({**ours, **address_of(server)})
    try:
        with orm.cursor() as cursor:
            cursor.execute("SELECT @@wait_timeout, @@innodb_lock_wait_timeout")
            assert cursor.fetchone() == (MYSQL_IDLE_S, database.ORM_LOCK_WAIT_S)
            stand_still(server.process)
            with pytest.raises(OperationalError):
                cursor.execute("SELECT 1")
    finally:
        server.process.send_signal(signal.SIGCONT)
        orm.close()
