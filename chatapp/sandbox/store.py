"""The state of a sandbox in SQLite, in memory or in a file."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    side TEXT NOT NULL,
    licence_id TEXT NOT NULL,
    messenger TEXT NOT NULL,
    phone TEXT NOT NULL,
    text TEXT NOT NULL,
    tracking TEXT,
    message_id TEXT,
    accepted INTEGER NOT NULL,
    answer TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS messages_phone ON messages (phone, seq);
CREATE INDEX IF NOT EXISTS messages_outcome ON messages (side, accepted);
CREATE INDEX IF NOT EXISTS messages_id ON messages (message_id)
    WHERE message_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS callbacks (
    seq INTEGER PRIMARY KEY,
    message_seq INTEGER,
    licence_id TEXT NOT NULL,
    messenger TEXT NOT NULL,
    event TEXT NOT NULL,
    label TEXT NOT NULL,
    item TEXT NOT NULL,
    due REAL NOT NULL,
    copies INTEGER NOT NULL,
    posted_at REAL,
    answer TEXT
);
CREATE INDEX IF NOT EXISTS callbacks_message ON callbacks (message_seq);
CREATE INDEX IF NOT EXISTS callbacks_pending ON callbacks (due)
    WHERE posted_at IS NULL;
CREATE TABLE IF NOT EXISTS callback_urls (
    licence_id TEXT NOT NULL,
    messenger TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    PRIMARY KEY (licence_id, messenger)
);
CREATE TABLE IF NOT EXISTS tokens (
    access TEXT PRIMARY KEY,
    access_end REAL NOT NULL,
    refresh TEXT NOT NULL UNIQUE,
    refresh_end REAL NOT NULL,
    email TEXT NOT NULL,
    app_id TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS issues (
    email TEXT NOT NULL,
    app_id TEXT NOT NULL,
    at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS issues_account ON issues (email, app_id, at);
"""


class Store:
    """One connection, short statements.

    Nothing waits for the disk: what was committed survives the death of the process
    (WAL), not that of the machine.
    """

    def __init__(self, path: Path | None = None) -> None:
        # Tests read the record from their own thread; sqlite3 serializes that.
        self._connection = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(SCHEMA)

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """All rows of a query, as tuples."""
        return self._connection.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> Any:
        """The first row of a query, or None."""
        return self._connection.execute(sql, values).fetchone()

    def run(self, sql: str, *values: Any) -> int:
        """Run a statement; the number of rows it changed."""
        return self._connection.execute(sql, values).rowcount

    def insert(self, sql: str, *values: Any) -> int:
        """Run an INSERT; the key of the new row."""
        key = self._connection.execute(sql, values).lastrowid
        assert key is not None
        return key

    def run_many(self, sql: str, values: Iterable[tuple[Any, ...]]) -> None:
        """Run a statement for each of ``values``."""
        self._connection.executemany(sql, values)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block's statements, or none of them."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection; no method works after that."""
        self._connection.close()
