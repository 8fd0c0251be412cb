"""The door to MySQL and MariaDB: an aiomysql pool."""

from __future__ import annotations

import asyncio
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
from asgi_app.env import MYSQL_SESSION
from chatapp.calls import boottime

T = TypeVar("T")

POOL_SIZE = 8
ACQUIRE_S = 5.0
CLOSE_S = 5.0
# Longer than a wait for a row's lock, which the session below ends sooner.
STATEMENT_S = 20.0
LOCK_WAIT_S = 10
DEADLOCK, LOCK_WAIT = 1213, 1205
# Client errors (2000-2999), server shutting down, killed, too many connections.
AWAY = {1040, 1053, 1077, 1078, 1079, 1152, 1153, 1158, 1159, 1160, 1161, 1317, 3169}


class NoAnswer(DatabaseAway):
    """The server was silent for too long; the connection is given up."""


class MysqlDoor:
    for_update = " FOR UPDATE"
    # INSERT IGNORE would also let through what does not fit, and warn each time.
    insert_new = " ON DUPLICATE KEY UPDATE {0} = {0}"
    by_index = " FORCE INDEX ({0})"

    def __init__(self, settings: Mapping[str, Any], *, size: int = POOL_SIZE) -> None:
        self._settings = settings
        self._size = size
        self._opening: asyncio.Future[aiomysql.Pool] | None = None
        # aiomysql does not wake waiters when a connection comes back closed, so the
        # pool is never let to have any.
        self._slots = asyncio.Semaphore(size)
        # Kept here, because the loop itself holds on to no task.
        self._takings: set[asyncio.Task[tuple[aiomysql.Pool, aiomysql.Connection]]] = (
            set()
        )
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
        # What nobody waits for any more must not outlive the loop.
        if self._takings:
            await asyncio.wait(self._takings, timeout=CLOSE_S)
        if self._opening is None:
            return
        try:
            pool = await self._opening
        except (aiomysql.MySQLError, OSError):
            return  # there is nothing to close
        pool.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await pool.wait_closed()
        except TimeoutError:
            pool.terminate()
            await pool.wait_closed()

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
        # Cancelled in its midst, connect() would leave its socket; so the taking goes
        # on, and the slot is its own until what it took is given back.
        taking = asyncio.create_task(self._take())
        self._takings.add(taking)
        taking.add_done_callback(self._takings.discard)
        try:
            with _translated():
                pool, connection = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(self._give_back)
            raise
        except BaseException:
            self._slots.release()
            raise
        try:
            with _translated():
                yield connection
        finally:
            try:
                pool.release(connection)
            finally:
                self._slots.release()

    async def _take(self) -> tuple[aiomysql.Pool, aiomysql.Connection]:
        pool = await self._open()
        return pool, await pool.acquire()

    def _give_back(
        self, taken: asyncio.Task[tuple[aiomysql.Pool, aiomysql.Connection]]
    ) -> None:
        """Ends a taking whose caller is gone."""
        if not taken.cancelled() and taken.exception() is None:
            pool, connection = taken.result()
            pool.release(connection)
        self._slots.release()

    async def _open(self) -> aiomysql.Pool:
        """Opens the pool once for all; a caller that is cancelled leaves it opening."""
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._connect())
        opening = self._opening
        try:
            return await asyncio.shield(opening)
        except Exception:
            if self._opening is opening:
                self._opening = None
            raise

    async def _connect(self) -> aiomysql.Pool:
        return await aiomysql.create_pool(
            minsize=self._size,
            maxsize=self._size,
            host=self._settings["HOST"],
            port=int(self._settings["PORT"] or 3306),
            user=self._settings["USER"],
            password=self._settings["PASSWORD"],
            db=self._settings["NAME"],
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=3,
            # Seconds of idleness; under any server's wait_timeout.
            pool_recycle=300,
            client_flag=CLIENT.FOUND_ROWS,
            init_command=(
                "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; "
                + MYSQL_SESSION
                + f", innodb_lock_wait_timeout = {LOCK_WAIT_S}"
            ),
        )


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
