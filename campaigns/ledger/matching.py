"""Which statuses on the shelf belong to which messages."""

from __future__ import annotations

from collections.abc import (
    Awaitable,
    Callable,
    Container,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asgi_app.database import Row as Fetched
from asgi_app.database import Tx, as_time
from campaigns.history import EventKind, split_tracking
from campaigns.ledger.entries import HeardStatus, Outcome
from campaigns.ledger.evidence import Evidence, Row, read_rows
from campaigns.ledger.statements import (
    EARLIER,
    MESSAGES,
    SHELF,
    marks,
    read_text,
    read_time,
)

_READ = "id, kind, type, at, arrived_at, message_id, tracking, attempt, code, reason"


Fetch = Callable[[str, Sequence[Any]], Awaitable[list[Fetched]]]


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """A status on the shelf; `tracking` is the row's own, `attempt` whose it was."""

    pk: int
    kind: EventKind
    type: str
    at: datetime | None
    arrived_at: datetime
    message_id: str
    tracking: str
    attempt: int
    code: str
    reason: str

    def evidence(self, pk: int, attempt: int) -> Evidence:
        return Evidence(
            pk=pk,
            attempt=attempt,
            kind=self.kind,
            at=self.at,
            arrived_at=self.arrived_at,
            message_id=self.message_id or None,
            code=self.code,
            reason=self.reason,
            detail={"type": self.type} if self.kind == EventKind.IGNORED else {},
        )


@dataclass(frozen=True, slots=True)
class Match:
    """A status on the shelf, and what it says of its message."""

    shelf_id: int
    piece: Evidence


async def take_from_shelf(tx: Tx, outcomes: Iterable[Outcome]) -> list[Evidence]:
    """Takes off the shelf what belongs to messages that are recorded just now."""
    told = list(outcomes)
    if not told:
        return []
    by_id = {o.message_id: o.claimed for o in told if o.message_id}
    by_tracking = {split_tracking(o.claimed.tracking): o.claimed for o in told}
    trackings = sorted({base for base, _ in by_tracking})
    where = f"tracking IN ({marks(trackings)})"
    if by_id:
        where += f" OR message_id IN ({marks(by_id)})"
    rows = await tx.fetch(
        f"SELECT {_READ} FROM {SHELF} WHERE ({where}) AND is_not_ours = %s ORDER BY id",
        (*trackings, *sorted(by_id), False),
    )
    pieces, taken = [], []
    for item in map(_item, rows):
        claimed = by_id.get(item.message_id)
        claimed = claimed or by_tracking.get((item.tracking, item.attempt))
        if claimed is not None:
            pieces.append(item.evidence(claimed.message_id, claimed.attempt))
            taken.append(item.pk)
    await clear(tx, taken)
    return pieces


async def read_items(fetch: Fetch, ids: Sequence[int]) -> list[ShelfItem]:
    """What is on the shelf of these."""
    rows = await fetch(
        f"SELECT {_READ} FROM {SHELF} WHERE id IN ({marks(ids)}) ORDER BY id", ids
    )
    return [_item(row) for row in rows]


async def items_told(tx: Tx, told: Mapping[str, HeardStatus]) -> list[ShelfItem]:
    """What is on the shelf still of statuses that were just heard, by their digest."""
    rows = await tx.fetch(
        f"SELECT digest, id, arrived_at FROM {SHELF}"
        f" WHERE digest IN ({marks(told)}) ORDER BY id",
        list(told),
    )
    return [
        ShelfItem(
            pk=pk,
            kind=EventKind(told[digest].kind),
            type=told[digest].type,
            at=told[digest].at,
            arrived_at=read_time(arrived_at),
            message_id=told[digest].message_id,
            tracking=told[digest].tracking,
            attempt=told[digest].attempt,
            code=told[digest].code,
            reason=told[digest].reason,
        )
        for digest, pk, arrived_at in rows
    ]


async def campaigns_of(
    fetch: Fetch, items: Iterable[ShelfItem | HeardStatus]
) -> list[int]:
    """The campaigns of these statuses' messages, by id; more than that is not read."""
    told = list(items)
    message_ids = sorted({item.message_id for item in told if item.message_id})
    trackings = sorted({item.tracking for item in told if item.tracking})
    found: set[int] = set()
    for column, values in (("message_id", message_ids), ("tracking", trackings)):
        if values:
            rows = await fetch(
                f"SELECT DISTINCT campaign_id FROM {MESSAGES}"
                f" WHERE {column} IN ({marks(values)})",
                values,
            )
            found.update(pk for (pk,) in rows)
    if message_ids:
        rows = await fetch(
            f"SELECT DISTINCT m.campaign_id FROM {EARLIER} e"
            f" JOIN {MESSAGES} m ON m.id = e.of_id"
            f" WHERE e.message_id IN ({marks(message_ids)})",
            message_ids,
        )
        found.update(pk for (pk,) in rows)
    return sorted(found)


async def find_matches(
    tx: Tx, items: Sequence[ShelfItem], campaigns: Container[int]
) -> tuple[list[Match], dict[int, Row]]:
    """Finds the messages of what is on the shelf: by message id, then by tracking.

    Only in these campaigns, whose rows are held. Returns the messages too, by id.
    """
    message_ids = sorted({item.message_id for item in items if item.message_id})
    by_id: dict[str, tuple[int, int]] = {}
    rows: dict[int, Row] = {}
    if message_ids:
        earlier = await tx.fetch(
            f"SELECT message_id, of_id, number FROM {EARLIER}"
            f" WHERE message_id IN ({marks(message_ids)})",
            message_ids,
        )
        by_id = {read_text(told): (of, number) for told, of, number in earlier}
        rows = await read_rows(tx, [of for _, of, _ in earlier])
        present = await read_rows(tx, message_ids, by="message_id")
        rows |= present
        by_id |= {
            row.message_id or "": (pk, row.attempt) for pk, row in present.items()
        }
    left = {i.tracking for i in items if i.tracking and i.message_id not in by_id}
    by_tracking: dict[str, Row] = {}
    if left:
        tracked = await tx.fetch(
            f"SELECT tracking, id FROM {MESSAGES} WHERE tracking IN ({marks(left)})",
            sorted(left),
        )
        found = await read_rows(tx, [pk for _, pk in tracked])
        rows |= found
        by_tracking = {read_text(told): found[pk] for told, pk in tracked}
    matches = []
    for item in items:
        if item.message_id in by_id:
            pk, attempt = by_id[item.message_id]
        elif (row := by_tracking.get(item.tracking)) and item.attempt <= row.attempt:
            pk, attempt = row.pk, item.attempt
        else:
            continue
        if rows[pk].campaign_id in campaigns:
            matches.append(Match(item.pk, item.evidence(pk, attempt)))
    return matches, rows


async def clear(tx: Tx, ids: Sequence[int]) -> None:
    """Takes what was applied off the shelf."""
    if ids:
        await tx.execute(f"DELETE FROM {SHELF} WHERE id IN ({marks(ids)})", ids)


def _item(row: Fetched) -> ShelfItem:
    pk, kind, type_, at, arrived_at, message_id, tracking, attempt, code, reason = row
    return ShelfItem(
        pk=pk,
        kind=EventKind(kind),
        type=type_,
        at=as_time(at),
        arrived_at=read_time(arrived_at),
        message_id=read_text(message_id),
        tracking=read_text(tracking),
        attempt=int(attempt),
        code=code,
        reason=reason,
    )
