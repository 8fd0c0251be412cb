"""The shelf: statuses are written here first, then applied to their messages.

Shelving is committed before anything looks for the message, and recording a message's
id reads the shelf in its own transaction; what slips between the two is applied by the
sweep. So no order of commits loses a status.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from asgi_app.database import Door, Tx, as_time
from asgi_app.database import Row as Fetched
from campaigns.history import EventKind, split_tracking
from campaigns.ledger.counters import Deltas
from campaigns.ledger.entries import HeardStatus, Outcome
from campaigns.ledger.evidence import Evidence, apply_evidence, read_rows
from campaigns.ledger.groupcommit import GroupCommit
from campaigns.ledger.statements import (
    COUNTS,
    EARLIER,
    MESSAGES,
    SHELF,
    STOPS,
    insert,
    lock_campaigns,
    marks,
    read_text,
    read_time,
)

OURS_FOR = timedelta(hours=24)
SWEEP = 500
COLUMNS = (
    "digest",
    "licence_id",
    "messenger",
    "message_id",
    "tracking",
    "attempt",
    "phone",
    "kind",
    "type",
    "at",
    "arrived_at",
    "code",
    "reason",
    "raw",
    "is_not_ours",
)
_READ = "id, kind, type, at, arrived_at, message_id, tracking, attempt, code, reason"

Fetch = Callable[[str, Sequence[Any]], Awaitable[list[Fetched]]]


@dataclass(frozen=True, slots=True)
class Heard:
    """What one callback told: statuses, and how many events there were of each kind.

    `stop_words` are what people wrote to be left alone, by their phone.
    """

    statuses: Sequence[HeardStatus]
    counts: Mapping[str, int]
    stop_words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Match:
    shelf_id: int
    campaign_id: int
    piece: Evidence


class Shelf:
    """The callback side of the ledger."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._shelvings = GroupCommit(self._shelve)
        self._applications = GroupCommit(self._apply_lists)

    async def shelve(self, heard: Heard) -> None:
        """Returns when all of it is durable; what is there already is not doubled."""
        await self._shelvings.submit(heard)

    async def apply(self, heard: Heard) -> None:
        """Applies what was just shelved, as far as its messages are known."""
        if heard.statuses:
            await self._applications.submit([s.digest for s in heard.statuses])

    async def apply_matching(self) -> int:
        """Applies whatever on the shelf has a message by now; returns how many."""
        applied = 0
        while ids := await self._matching():
            done = await self._apply_ids(ids)
            applied += done
            if not done:
                break
        return applied

    async def file_away(self) -> int:
        """Files what has matched nothing for a day as not ours."""
        now = await self._door.now()
        async with self._door.transaction() as tx:
            return await tx.execute(
                f"UPDATE {SHELF} SET is_not_ours = %s"
                f" WHERE is_not_ours = %s AND arrived_at < %s",
                (True, False, now - OURS_FOR),
            )

    async def _shelve(self, batch: list[Heard]) -> None:
        now = await self._door.now()
        rows = [_shelf_row(s, now) for heard in batch for s in heard.statuses]
        counts: Counter[str] = Counter()
        for heard in batch:
            counts.update(heard.counts)
        async with self._door.transaction() as tx:
            await insert(tx, SHELF, COLUMNS, rows, ending=self._door.insert_new)
            await self._stop(tx, batch, now)
            for kind in sorted(counts):
                await self._count(tx, kind, counts[kind], now)

    async def _stop(self, tx: Tx, batch: list[Heard], now: datetime) -> None:
        """Puts those who asked for it on the stop list; who is there stays so."""
        said = {phone: word for one in batch for phone, word in one.stop_words.items()}
        # In one order, so that two batches cannot wait for each other in a ring.
        rows = [(phone, "", now, said[phone]) for phone in sorted(said)]
        columns = ("phone", "added_by", "added_at", "reason")
        await insert(tx, STOPS, columns, rows, ending=self._door.insert_new)

    async def _count(self, tx: Tx, kind: str, more: int, now: datetime) -> None:
        day = now.date().isoformat()
        add = (
            f"UPDATE {COUNTS} SET count = count + %s, last_at = %s"
            f" WHERE day = %s AND kind = %s"
        )
        if not await tx.execute(add, (more, now, day, kind)):
            columns = ("day", "kind", "count", "last_at")
            row = (day, kind, 0, now)
            await insert(tx, COUNTS, columns, [row], ending=self._door.insert_new)
            await tx.execute(add, (more, now, day, kind))

    async def _apply_lists(self, batch: list[list[str]]) -> None:
        digests = sorted({digest for digests in batch for digest in digests})
        for start in range(0, len(digests), SWEEP):
            chunk = digests[start : start + SWEEP]
            rows = await self._door.fetch(
                f"SELECT id FROM {SHELF} WHERE digest IN ({marks(chunk)})", chunk
            )
            await self._apply_ids([pk for (pk,) in rows])

    async def _apply_ids(self, ids: Sequence[int]) -> int:
        found = await _match(self._door.fetch, ids)
        if not found:
            return 0
        campaign_ids = sorted({match.campaign_id for match in found})
        now = await self._door.now()
        async with self._door.transaction() as tx:
            locked = await lock_campaigns(self._door, tx, campaign_ids)
            # Once more, now that nobody else changes these campaigns' messages.
            matches = [
                match
                for match in await _match(tx.fetch, ids)
                if match.campaign_id in locked
            ]
            if not matches:
                return 0
            deltas = Deltas()
            pieces = [match.piece for match in matches]
            rows = await read_rows(tx, [piece.pk for piece in pieces])
            await apply_evidence(tx, rows, pieces, deltas)
            await _clear(tx, [match.shelf_id for match in matches])
            await deltas.write(tx, now)
        return len(matches)

    async def _matching(self) -> list[int]:
        """Ids on the shelf that have a message, the oldest first."""
        found: set[int] = set()
        for table, column, condition in (
            (MESSAGES, "message_id", ""),
            (EARLIER, "message_id", ""),
            # As in `_match`; what it cannot match must not hold up the rest.
            (MESSAGES, "tracking", " AND s.attempt <= m.attempt"),
        ):
            rows = await self._door.fetch(
                f"SELECT s.id FROM {SHELF} s JOIN {table} m ON m.{column} = s.{column}"
                f" WHERE s.is_not_ours = %s AND s.{column} <> %s{condition}"
                f" ORDER BY s.id LIMIT {SWEEP}",
                (False, ""),
            )
            found.update(pk for (pk,) in rows)
        return sorted(found)[:SWEEP]


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
    await _clear(tx, taken)
    return pieces


async def _match(fetch: Fetch, ids: Sequence[int]) -> list[_Match]:
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
        matches.append(_Match(item.pk, campaign_id, item.evidence(pk, attempt)))
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


def _shelf_row(status: HeardStatus, now: datetime) -> tuple[Any, ...]:
    return (
        status.digest,
        status.licence_id,
        status.messenger,
        status.message_id,
        status.tracking,
        status.attempt,
        status.phone,
        status.kind,
        status.type,
        status.at,
        now,
        status.code,
        status.reason,
        status.raw,
        False,
    )


async def _clear(tx: Tx, ids: Sequence[int]) -> None:
    if ids:
        await tx.execute(f"DELETE FROM {SHELF} WHERE id IN ({marks(ids)})", ids)
