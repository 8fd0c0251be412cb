"""Which statuses on the shelf belong to which messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from asgi_app.database import Row as Fetched
from asgi_app.database import Tx, as_time
from campaigns.history import EventKind, split_tracking
from campaigns.ledger.entries import Outcome
from campaigns.ledger.evidence import Evidence
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
class Match:
    """A status on the shelf, and what it says of its message."""

    shelf_id: int
    campaign_id: int
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
    for row in rows:
        item = _ShelfItem(*row)
        claimed = by_id.get(item.message_id) or by_tracking.get(item.tracking)
        if claimed is not None:
            pieces.append(item.evidence(claimed.message_id, claimed.attempt))
            taken.append(item.pk)
    await clear(tx, taken)
    return pieces


async def find_matches(fetch: Fetch, ids: Sequence[int]) -> list[Match]:
    """Finds the messages of what is on the shelf: by message id, then by tracking."""
    if not ids:
        return []
    rows = await fetch(
        f"SELECT {_READ} FROM {SHELF} WHERE id IN ({marks(ids)}) ORDER BY id", ids
    )
    items = [_ShelfItem(*row) for row in rows]
    message_ids = sorted({item.message_id for item in items if item.message_id})
    trackings = sorted({item.tracking[0] for item in items if item.tracking[0]})
    by_id: dict[str, tuple[int, int, int]] = {}
    by_tracking: dict[str, tuple[int, int, int]] = {}
    if message_ids:
        earlier = await fetch(
            f"SELECT e.message_id, e.of_id, m.campaign_id, e.number FROM {EARLIER} e"
            f" JOIN {MESSAGES} m ON m.id = e.of_id"
            f" WHERE e.message_id IN ({marks(message_ids)})",
            message_ids,
        )
        present = await fetch(
            f"SELECT message_id, id, campaign_id, attempt FROM {MESSAGES}"
            f" WHERE message_id IN ({marks(message_ids)})",
            message_ids,
        )
        by_id = {read_text(key): tuple(at) for key, *at in (*earlier, *present)}
    if trackings:
        tracked = await fetch(
            f"SELECT tracking, id, campaign_id, attempt FROM {MESSAGES}"
            f" WHERE tracking IN ({marks(trackings)})",
            trackings,
        )
        by_tracking = {read_text(key): tuple(at) for key, *at in tracked}
    matches = []
    for item in items:
        base, attempt = item.tracking
        if found := by_id.get(item.message_id):
            pk, campaign_id, attempt = found
        elif (found := by_tracking.get(base)) and attempt <= found[2]:
            pk, campaign_id, _ = found
        else:
            continue
        matches.append(Match(item.pk, campaign_id, item.evidence(pk, attempt)))
    return matches


class _ShelfItem:
    """A row of the shelf as `_READ` reads it."""

    def __init__(self, *row: Any) -> None:
        pk, kind, kind_as_told, at, arrived_at, message_id, tracking, *more = row
        attempt, self._code, self._reason = more
        self.pk: int = pk
        self.message_id = read_text(message_id)
        self.tracking = (read_text(tracking), int(attempt))
        self._kind, self._type = EventKind(kind), kind_as_told
        self._at, self._arrived_at = as_time(at), read_time(arrived_at)

    def evidence(self, pk: int, attempt: int) -> Evidence:
        return Evidence(
            pk=pk,
            attempt=attempt,
            kind=self._kind,
            at=self._at,
            arrived_at=self._arrived_at,
            message_id=self.message_id or None,
            code=self._code,
            reason=self._reason,
            detail={"type": self._type} if self._kind == EventKind.IGNORED else {},
        )


async def clear(tx: Tx, ids: Sequence[int]) -> None:
    """Takes what was applied off the shelf."""
    if ids:
        await tx.execute(f"DELETE FROM {SHELF} WHERE id IN ({marks(ids)})", ids)
