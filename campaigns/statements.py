"""Pieces of SQL that the ledger's transactions share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from asgi_app.database import Tx, as_time
from campaigns.models import Campaign, LineClock, Message
from campaigns.states import MessageStatus
from chatapp.models import Line

CAMPAIGNS = Campaign._meta.db_table
MESSAGES = Message._meta.db_table
CLOCKS = LineClock._meta.db_table
LINES = Line._meta.db_table


async def update_each(
    tx: Tx, table: str, changes: Mapping[int, Mapping[str, Any]]
) -> None:
    """Sets columns of many rows by id, in a statement for each set of columns."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for pk in sorted(changes):
        groups.setdefault(tuple(changes[pk]), []).append(pk)
    for columns, ids in groups.items():
        cases = []
        params: list[Any] = []
        for column in columns:
            whens = " ".join("WHEN %s THEN %s" for _ in ids)
            cases.append(f"{column} = CASE id {whens} END")
            for pk in ids:
                params += [pk, changes[pk][column]]
        await tx.execute(
            f"UPDATE {table} SET {', '.join(cases)} WHERE id IN ({marks(ids)})",
            [*params, *ids],
        )


async def add_to_counters(tx: Tx, campaign_id: int, delta: Mapping[str, int]) -> None:
    """Adds to the counters of a campaign, which are named as the statuses are."""
    changed = {MessageStatus(name): n for name, n in delta.items() if n}
    if changed:
        sets = ", ".join(f"{name} = {name} + %s" for name in changed)
        await tx.execute(
            f"UPDATE {CAMPAIGNS} SET {sets} WHERE id = %s",
            (*changed.values(), campaign_id),
        )


def marks(values: Iterable[Any]) -> str:
    return ", ".join("%s" for _ in values)


def read_time(value: Any) -> datetime:
    time = as_time(value)
    assert time is not None
    return time


def read_text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
