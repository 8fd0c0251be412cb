"""The databases of chaos: each can be read, and each fails in ways of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from tests.chaos.facts import Event, Row
from tests.mariadb import PrivateMariaDB

OPEN_COUNT = (
    "SELECT COALESCE(SUM(status='waiting'), 0), COALESCE(SUM(status='claimed'), 0),"
    " COALESCE(SUM(status='unsure' AND look_at IS NOT NULL), 0)"
    " FROM campaigns_message"
)
ON_SHELF = "SELECT COUNT(*) FROM campaigns_shelvedstatus"
MESSAGES = "SELECT id, phone, tracking, status, message_id FROM campaigns_message"
EVENTS = "SELECT message_id, kind, at, detail FROM campaigns_event ORDER BY id"
LINES = "SELECT licence_id, messenger, id FROM chatapp_line"
CLOCKS = "SELECT * FROM campaigns_lineclock"


class Away(Exception):
    """The database cannot be read just now."""


class Database(Protocol):
    name: str
    url: str

    def start(self) -> None: ...
    def stop(self) -> None: ...

    def rows(self, sql: str) -> list[Sequence[Any]]:
        """Reads beside the program. Raises Away."""
        ...


class MariaDB:
    """A private server, which can be killed and started again."""

    name = "mariadb"

    def __init__(self, server: PrivateMariaDB, *options: str) -> None:
        self.server = server
        self._options = options
        self.url = server.url

    def start(self) -> None:
        self.server.start(*self._options)

    def stop(self) -> None:
        self.server.stop()

    def rows(self, sql: str) -> list[Sequence[Any]]:
        import MySQLdb  # the extra `mysql`, which SQLite does without

        try:
            with closing(self.connected()) as connection:
                cursor = connection.cursor()
                cursor.execute(sql)
                return list(cursor.fetchall())
        except MySQLdb.Error as error:
            raise Away(str(error)) from error

    def connected(self) -> Any:
        """A connection of MySQLdb's, for who closes it."""
        import MySQLdb

        return MySQLdb.connect(
            host=self.server.host,
            port=self.server.port,
            user="tests",
            password=self.server.password,
            database="campaigns",
            connect_timeout=3,
            read_timeout=10,
        )

    async def restart(self, after_s: float, *, is_crash: bool) -> None:
        """Takes the server away for a while; its port and data stay."""
        await asyncio.to_thread(self.server.kill if is_crash else self.server.stop)
        try:
            await asyncio.sleep(after_s)
        finally:
            self.server.launch()
        await asyncio.to_thread(self.server.wait)


class Sqlite:
    """A file in the installation's folder."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._path = folder / "campaigns.sqlite3"
        self.url = f"sqlite:///{self._path}"

    def start(self) -> None:
        """The program makes the file."""

    def stop(self) -> None:
        """Nothing runs."""

    def rows(self, sql: str) -> list[Sequence[Any]]:
        try:
            with closing(sqlite3.connect(self._path, timeout=10)) as connection:
                connection.execute("PRAGMA query_only=ON")
                return list(connection.execute(sql))
        except sqlite3.OperationalError as error:
            raise Away(str(error)) from error

    @contextlib.asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Holds the one writer's lock, as a program that hangs would."""
        connection = sqlite3.connect(
            self._path, timeout=30, isolation_level=None, check_same_thread=False
        )
        with closing(connection):
            await asyncio.to_thread(connection.execute, "BEGIN IMMEDIATE")
            try:
                yield
            finally:
                connection.execute("ROLLBACK")


@contextlib.contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Fills the file system of a folder to its last byte, and frees it again."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            size = 1024 * 1024
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2
        yield
    finally:
        filler.unlink(missing_ok=True)


def messages(database: Database) -> list[Row]:
    return [
        Row(pk, phone.lstrip("+"), _text(tracking), status, _text(message_id) or None)
        for pk, phone, tracking, status, message_id in database.rows(MESSAGES)
    ]


def events(database: Database) -> list[Event]:
    """The histories of all messages, in the order in which they were written."""
    found = []
    for pk, kind, at, detail in database.rows(EVENTS):
        told = json.loads(detail) if detail else {}
        worker, code = told.get("worker", ""), told.get("code", "")
        found.append(Event(pk, kind, _time(at), worker, code))
    return found


def lines(database: Database) -> dict[tuple[str, str], int]:
    """The program's own numbers of its lines."""
    return {(str(lic), str(mes)): pk for lic, mes, pk in database.rows(LINES)}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def _time(value: Any) -> datetime:
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return at.replace(tzinfo=UTC)
