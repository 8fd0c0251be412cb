"""Pieces of SQL that the ledger's transactions share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from asgi_app.database import Door, Tx, as_time
from campaigns.models import (
    Action,
    CallbackCount,
    Campaign,
    EarlierAttempt,
    Event,
    GoneId,
    LineClock,
    LineRules,
    Message,
    MinuteCount,
    ShelvedStatus,
    SliceMember,
    StopEntry,
    WorkerBeat,
    Writer,
)
from chatapp.models import Line

ACTIONS = Action._meta.db_table
CAMPAIGNS = Campaign._meta.db_table
MESSAGES = Message._meta.db_table
CLOCKS = LineClock._meta.db_table
LINES = Line._meta.db_table
EVENTS = Event._meta.db_table
EARLIER = EarlierAttempt._meta.db_table
GONE = GoneId._meta.db_table
SHELF = ShelvedStatus._meta.db_table
COUNTS = CallbackCount._meta.db_table
MINUTES = MinuteCount._meta.db_table
STOPS = StopEntry._meta.db_table
RULES = LineRules._meta.db_table
SLICES = SliceMember._meta.db_table
WRITERS = Writer._meta.db_table
BEATS = WorkerBeat._meta.db_table

CHUNK = 200
EVENT_COLUMNS = (
    "message_id",
    "attempt",
    "kind",
    "at",
    "arrived_at",
    "copies",
    "detail",
)


async def lock_campaigns(door: Door, tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    """Takes the campaigns' rows and returns their status by id."""
    if not ids:
        return {}
    rows = await tx.fetch(
        f"SELECT id, status FROM {CAMPAIGNS} WHERE id IN ({marks(ids)})"
        f" ORDER BY id{door.for_update}",
        sorted(ids),
    )
    return dict(rows)


async def update_each(
    tx: Tx, table: str, changes: Mapping[int, Mapping[str, Any]]
) -> None:
    """Sets columns of many rows by id, in a statement for each set of columns.

    What is the same in all rows is said once.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for pk in sorted(changes):
        groups.setdefault(tuple(changes[pk]), []).append(pk)
    for columns, ids in groups.items():
        cases = []
        params: list[Any] = []
        for column in columns:
            first = changes[ids[0]][column]
            if all(changes[pk][column] == first for pk in ids):
                cases.append(f"{column} = %s")
                params.append(first)
                continue
            whens = " ".join("WHEN %s THEN %s" for _ in ids)
            cases.append(f"{column} = CASE id {whens} END")
            for pk in ids:
                params += [pk, changes[pk][column]]
        await tx.execute(
            f"UPDATE {table} SET {', '.join(cases)} WHERE id IN ({marks(ids)})",
            [*params, *ids],
        )


async def insert(
    tx: Tx,
    table: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    ending: str = "",
) -> None:
    """Inserts rows, some hundred a statement; `ending` may be the door's insert_new."""
    values = f"({marks(columns)})"
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        await tx.execute(
            f"INSERT INTO {table} ({', '.join(columns)})"
            f" VALUES {', '.join(values for _ in chunk)}"
            f"{ending.format(columns[0])}",
            [value for row in chunk for value in row],
        )


def event_row(
    message_id: int,
    attempt: int,
    kind: str,
    at: datetime,
    *,
    arrived_at: datetime | None = None,
    detail: Mapping[str, Any] | None = None,
) -> tuple[Any, ...]:
    """A row of EVENT_COLUMNS."""
    told = json.dumps(detail or {}, ensure_ascii=False)
    return (message_id, attempt, kind, at, arrived_at or at, 1, told)


def marks(values: Iterable[Any]) -> str:
    return ", ".join("%s" for _ in values)


def read_time(value: Any) -> datetime:
    time = as_time(value)
    assert time is not None
    return time


def read_text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
