"""The door to MySQL and MariaDB: connections of aiomysql, kept for the next who asks.

Not aiomysql's own pool, which waits for ever where a server takes a connection and says
nothing, and lets nobody else connect meanwhile.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import aiomysql
from pymysql.constants import CLIENT

from asgi_app.database import (
    Clock,
    DatabaseAway,
    DatabaseError,
    Deadlocked,
    Params,
    Row,
    Tx,
    as_time,
)
from asgi_app.env import MYSQL_IDLE_S, MYSQL_SESSION
from asgi_app.giving_way import DEADLOCK, LOCK_WAIT
from chatapp.calls import boottime

T = TypeVar("T")

POOL_SIZE = 8
ACQUIRE_S = 5.0
CONNECT_S = 3.0
# From the first packet to the last answer before the connection can be used.
GREET_S = 10.0
# A server may have closed, unseen by us, what was idle for longer.
FRESH_S = MYSQL_IDLE_S * 2 / 3
# Longer than a wait for a row's lock, which the session below ends sooner.
STATEMENT_S = 20.0
LOCK_WAIT_S = 10
# Client errors (2000-2999), server shutting down, killed, too many connections.
AWAY = {1040, 1053, 1077, 1078, 1079, 1152, 1153, 1158, 1159, 1160, 1161, 1317, 3169}
# Closed because it was idle; a replica, or a primary that is one by now.
AWAY |= {1927, 4031, 1290, 1836}


class NoAnswer(DatabaseAway):
    """The server was silent for too long; the connection is given up."""


class MysqlDoor:
    for_update = " FOR UPDATE"
    # INSERT IGNORE would also let through what does not fit, and warn each time.
    insert_new = " ON DUPLICATE KEY UPDATE {0} = {0}"
    by_index = " FORCE INDEX ({0})"
    # MariaDB would go by the index of any other condition that seems to find few rows:
    # it takes its entry before the row, and rows that nobody asked for.
    by_key = " FORCE INDEX (PRIMARY)"

    def __init__(self, settings: Mapping[str, Any], *, size: int = POOL_SIZE) -> None:
        self._settings = settings
        self._slots = asyncio.Semaphore(size)
        # The one that was used last is taken first: the others may go stale.
        self._free: deque[aiomysql.Connection] = deque()
        self._is_closed = False
        self._clock = Clock(self._ask_time)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self._connection() as connection:
            await _bounded(connection, connection.begin())
            try:
                yield _MysqlTx(connection)
            except (asyncio.CancelledError, NoAnswer):
                connection.close()  # a statement may still be under way on it
                raise
            except BaseException:
                await _bounded(connection, connection.rollback())
                raise
            await _bounded(connection, connection.commit())

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        async with self._connection() as connection:
            return await _MysqlTx(connection).fetch(sql, params)

    async def now(self) -> datetime:
        return await self._clock.now()

    async def close(self) -> None:
        """Closes what is free now, and what is in use once it is given back."""
        self._is_closed = True
        while self._free:
            self._free.pop().close()

    async def _ask_time(self) -> tuple[datetime, float]:
        async with self._connection() as connection:
            # Not before: to connect may take a second, and the clock would be ahead.
            before = boottime()
            tx = _MysqlTx(connection)
            ((value,),) = await tx.fetch("SELECT UTC_TIMESTAMP(6)")
            read_at = (before + boottime()) / 2
        now = as_time(value)
        assert now is not None
        return now, read_at

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiomysql.Connection]:
        try:
            async with asyncio.timeout(ACQUIRE_S):
                await self._slots.acquire()
        except TimeoutError:
            raise DatabaseAway("no connection became free") from None
        try:
            with _translated():
                connection = self._kept() or await self._connect()
            try:
                with _translated():
                    yield connection
            except DatabaseAway:
                # At the same address there may be another server by now.
                connection.close()
                raise
            finally:
                self._give_back(connection)
        finally:
            self._slots.release()

    def _kept(self) -> aiomysql.Connection | None:
        """A connection that was given back and is still good."""
        while self._free:
            connection = self._free.pop()
            if _is_fresh(connection):
                return connection
            connection.close()
        return None

    def _give_back(self, connection: aiomysql.Connection) -> None:
        if connection.closed:
            return
        if self._is_closed or connection.get_transaction_status():
            connection.close()
        else:
            self._free.append(connection)

    async def _connect(self) -> aiomysql.Connection:
        connection = aiomysql.Connection(
            host=self._settings["HOST"],
            port=int(self._settings["PORT"] or 3306),
            user=self._settings["USER"],
            password=self._settings["PASSWORD"],
            db=self._settings["NAME"],
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=CONNECT_S,
            client_flag=CLIENT.FOUND_ROWS,
            init_command=(
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; "
                + MYSQL_SESSION
                + f", innodb_lock_wait_timeout = {LOCK_WAIT_S}"
                + f", wait_timeout = {MYSQL_IDLE_S}"
            ),
        )
        try:
            async with asyncio.timeout(GREET_S):
                # `aiomysql.connect` would leave its socket when it is cancelled.
                await connection._connect()
        except BaseException as error:
            connection.close()
            if isinstance(error, TimeoutError):
                raise NoAnswer(f"no greeting within {GREET_S:g} s") from None
            raise
        return connection


def _is_fresh(connection: aiomysql.Connection) -> bool:
    reader = connection._reader
    idle_s = asyncio.get_running_loop().time() - connection.last_usage
    # MySQL 8 says in a packet why it closes, so that there is more to read.
    is_open = not (reader.at_eof() or reader.eof_received or reader.exception())
    return is_open and idle_s < FRESH_S


class _translated:
    """Turns the driver's errors into ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, aiomysql.MySQLError):
            number = error.args[0] if error.args else 0
            if number in {DEADLOCK, LOCK_WAIT}:
                raise Deadlocked(str(error)) from error
            if isinstance(error, aiomysql.InterfaceError) or (
                isinstance(number, int) and (2000 <= number < 3000 or number in AWAY)
            ):
                raise DatabaseAway(str(error)) from error
            raise DatabaseError(str(error)) from error
        if isinstance(error, OSError | asyncio.IncompleteReadError):
            raise DatabaseAway(str(error)) from error


class _MysqlTx:
    def __init__(self, connection: aiomysql.Connection) -> None:
        self._connection = connection

    async def execute(self, sql: str, params: Params = ()) -> int:
        async with self._connection.cursor() as cursor:
            work = cursor.execute(_filled(self._connection, sql, params))
            return int(await _bounded(self._connection, work))

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        async with self._connection.cursor() as cursor:
            work = cursor.execute(_filled(self._connection, sql, params))
            await _bounded(self._connection, work)
            return list(await cursor.fetchall())


async def _bounded(connection: aiomysql.Connection, work: Awaitable[T]) -> T:
    """Waits for the server, but not for ever: a network may swallow its answer."""
    try:
        async with asyncio.timeout(STATEMENT_S):
            return await work
    except TimeoutError:
        connection.close()
        raise NoAnswer(f"no answer within {STATEMENT_S:g} s") from None


def _filled(connection: aiomysql.Connection, sql: str, params: Params) -> str:
    """The statement with its values in it.

    The driver's own way takes three times as long, and values are a third of what a
    status costs. Numbers and text are what there is most of; the rest is left to it.
    """
    if not params:
        return sql
    escape = connection.escape_string
    quoted = []
    for value in params:
        kind = type(value)
        if kind is str:
            quoted.append(f"'{escape(value)}'")
        elif kind is int:
            quoted.append(str(value))
        elif value is None:
            quoted.append("NULL")
        elif kind is datetime:
            at = value.astimezone(UTC).replace(tzinfo=None)
            quoted.append(f"'{at}'")
        else:
            quoted.append(connection.escape(value))
    return sql % tuple(quoted)
