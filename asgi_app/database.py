"""The ledger's door to the database: short transactions, awaited.

On MySQL it is an aiomysql pool; on the embedded SQLite a connection of Django's in a
thread of its own. Statements use `%s`, times are aware datetimes in UTC.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, Protocol, TypeVar

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from asgi_app.env import MYSQL_IDLE_S, MYSQL_SESSION
from chatapp.calls import boottime

P = ParamSpec("P")
T = TypeVar("T")
Row = tuple[Any, ...]
Params = Sequence[Any]

# A cable that is cut tells nobody: without a limit a thread would wait for hours.
ORM_WAIT_S = 30
# Shorter than that: who waits for a row is told so, and not that nobody answers.
ORM_LOCK_WAIT_S = 20


class DatabaseError(Exception):
    """The database refused or lost a statement; nothing of it is stored."""


class DatabaseAway(DatabaseError):
    """The database cannot be reached now; trying again later may help."""


class Deadlocked(DatabaseError):
    """The transaction was chosen to give way; repeat it whole."""


class Tx(Protocol):
    """A transaction under way."""

    async def execute(self, sql: str, params: Params = ()) -> int:
        """Runs a statement and returns how many rows it matched."""
        ...

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]: ...


class Door(Protocol):
    for_update: str  # ends a SELECT that locks its rows
    # Ends an INSERT that leaves alone what is there already; {0} is one of its columns.
    insert_new: str
    # Behind a table and its alias: that it is read by an index, whose name is {0}.
    by_index: str
    # Behind a table that is updated by its key: that nothing else is gone by.
    by_key: str

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """Commits at the end of the block, rolls back on any exception.

        Raises DatabaseAway, Deadlocked or DatabaseError.
        """
        ...

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]: ...

    async def now(self) -> datetime:
        """The database's own time; the one clock of the program."""
        ...

    async def close(self) -> None: ...


async def in_orm(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a synchronous function that uses the ORM in a thread.

    Outside a request the thread and its connection are its own, because all of a
    worker's jobs would otherwise share one.
    """

    def in_thread() -> T:
        try:
            return function(*args, **kwargs)
        finally:
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:
                    connection.close()

    async with ThreadSensitiveContext():
        return await sync_to_async(in_thread)()


def bound_orm() -> None:
    """Bounds how long the ORM of this process and a server wait for each other.

    Not that of commands, which may change a table for minutes.
    """
    database = connections.settings["default"]
    if database["ENGINE"].endswith("mysql"):
        database["OPTIONS"] |= {
            "read_timeout": ORM_WAIT_S,
            "write_timeout": ORM_WAIT_S,
            "init_command": f"{MYSQL_SESSION}, wait_timeout = {MYSQL_IDLE_S}"
            f", innodb_lock_wait_timeout = {ORM_LOCK_WAIT_S}",
        }


def orm_now() -> datetime:
    """The database's own time, asked through the ORM's connection."""
    connection = connections["default"]
    if connection.vendor != "mysql":
        return datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute("SELECT UTC_TIMESTAMP(6)")
        now = as_time(cursor.fetchone()[0])
    assert now is not None
    return now


def as_time(value: Any) -> datetime | None:
    """Reads a time as either database gives it."""
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC)  # type: ignore[no-any-return]


class Clock:
    """The database's time without a question each time.

    It is asked for once in a while; between, and while the database is away, this
    computer's own clock carries it on. `ask` returns the time with the moment, on
    `boottime`, at which it was so.
    """

    RECHECK_S = 30.0

    def __init__(self, ask: Callable[[], Awaitable[tuple[datetime, float]]]) -> None:
        self._ask = ask
        self._read_at = float("-inf")
        self._then = datetime.min.replace(tzinfo=UTC)

    async def now(self) -> datetime:
        passed = boottime() - self._read_at
        if passed > self.RECHECK_S:
            try:
                self._then, self._read_at = await self._ask()
            except DatabaseAway:
                if self._read_at < 0:
                    raise
                return self._then + timedelta(seconds=passed)
            passed = boottime() - self._read_at
        return self._then + timedelta(seconds=passed)


class SqliteDoor:
    """One writer a process, because SQLite has one writer a file."""

    for_update = ""  # BEGIN IMMEDIATE has locked all of it already
    insert_new = " ON CONFLICT DO NOTHING"
    by_index = " INDEXED BY {0}"
    by_key = ""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._free = asyncio.Lock()
        self._connection: BaseDatabaseWrapper | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self._free:
            # All of it is inside: what is cancelled goes on in the thread, and a
            # transaction that nobody ends would hold the file for ever.
            try:
                await self._run("BEGIN IMMEDIATE")
                yield _SqliteTx(self._run)
                await self._run("COMMIT")
            except BaseException:
                await asyncio.shield(self._run("ROLLBACK"))
                raise

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        async with self._free:
            return (await self._run(sql, params))[1]

    async def now(self) -> datetime:
        return datetime.now(UTC)

    async def close(self) -> None:
        def close() -> None:
            if self._connection is not None:
                self._connection.close()

        await asyncio.get_running_loop().run_in_executor(self._thread, close)
        self._thread.shutdown()

    def _run(
        self, sql: str, params: Params = ()
    ) -> asyncio.Future[tuple[int, list[Row]]]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._thread, self._execute, sql, params)

    def _execute(self, sql: str, params: Params) -> tuple[int, list[Row]]:
        if self._connection is None:
            self._connection = connections.create_connection("default")
        adapted = [
            str(value.astimezone(UTC).replace(tzinfo=None))
            if isinstance(value, datetime)
            else value
            for value in params
        ]
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, adapted)
                rows = list(cursor.fetchall()) if cursor.description else []
                return cursor.rowcount, rows
        except Error as error:
            # "no transaction is active": the failed statement has ended it already
            if sql == "ROLLBACK":
                return 0, []
            if isinstance(error.__cause__, sqlite3.OperationalError):
                raise DatabaseAway(str(error)) from error
            raise DatabaseError(str(error)) from error


class _SqliteTx:
    def __init__(self, run: Callable[..., Any]) -> None:
        self._run = run

    async def execute(self, sql: str, params: Params = ()) -> int:
        count, _ = await self._run(sql, params)
        return int(count)

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        _, rows = await self._run(sql, params)
        return list(rows)


def open_door() -> Door:
    """Opens the door to Django's default database; nothing is connected yet."""
    settings = connections["default"].settings_dict
    if settings["ENGINE"].endswith("sqlite3"):
        return SqliteDoor()
    # Its drivers are the extra `mysql`, which the embedded default does without.
    from asgi_app.mysql import MysqlDoor

    return MysqlDoor(settings)
