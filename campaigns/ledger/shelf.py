"""The shelf: statuses are written here first, then applied to their messages.

Shelving is committed before anything looks for the message, and recording a message's
id reads the shelf in its own transaction; what slips between the two is applied by the
sweep. So no order of commits loses a status.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from asgi_app.database import Door, Tx
from asgi_app.subjects import about
from campaigns.ledger.counters import Deltas
from campaigns.ledger.entries import HeardStatus, Wrote
from campaigns.ledger.evidence import apply_evidence
from campaigns.ledger.gone import without_gone
from campaigns.ledger.groupcommit import GroupCommit
from campaigns.ledger.matching import (
    ShelfItem,
    campaigns_of,
    clear,
    find_matches,
    items_told,
    read_items,
)
from campaigns.ledger.statements import (
    COUNTS,
    EARLIER,
    MESSAGES,
    SHELF,
    STOPS,
    insert,
    lock_campaigns,
)
from campaigns.ledger.writers import note_writers

logger = logging.getLogger(__name__)

OURS_FOR = timedelta(hours=24)
SWEEP = 1000
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


@dataclass(frozen=True, slots=True)
class Heard:
    """What one callback told: statuses, and how many events there were of each kind.

    `stop_words` are what people wrote to be left alone, by their phone; `wrote` is who
    wrote at all.
    """

    statuses: Sequence[HeardStatus]
    counts: Mapping[str, int]
    stop_words: Mapping[str, str] = field(default_factory=dict)
    wrote: Sequence[Wrote] = ()


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
            await self._applications.submit(heard.statuses)

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
        statuses = [s for heard in batch for s in heard.statuses]
        counts: Counter[str] = Counter()
        for heard in batch:
            counts.update(heard.counts)
        async with self._door.transaction() as tx:
            kept = await without_gone(tx, statuses)
            rows = [_shelf_row(status, now) for status in kept]
            await insert(tx, SHELF, COLUMNS, rows, ending=self._door.insert_new)
            await self._stop(tx, batch, now)
            wrote = [one for heard in batch for one in heard.wrote]
            await note_writers(self._door, tx, wrote, now)
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

    async def _apply_lists(self, batch: list[Sequence[HeardStatus]]) -> None:
        told = {status.digest: status for statuses in batch for status in statuses}
        # In one order, as the shelf's unique index has them.
        digests = sorted(told)
        for start in range(0, len(digests), SWEEP):
            chunk = {digest: told[digest] for digest in digests[start : start + SWEEP]}
            await self._apply(chunk.values(), partial(items_told, told=chunk))

    async def _apply_ids(self, ids: Sequence[int]) -> int:
        items = await read_items(self._door.fetch, ids)
        found = await self._apply(items, lambda tx: read_items(tx.fetch, ids))
        for campaign_id, count in found.items():
            with about(campaign=campaign_id):
                logger.info("%d statuses found their message on the shelf", count)
        return found.total()

    async def _apply(
        self,
        told: Iterable[ShelfItem | HeardStatus],
        read: Callable[[Tx], Awaitable[list[ShelfItem]]],
    ) -> Counter[int]:
        """Applies what `read` still finds on the shelf of what was told.

        Returns how many statuses that was of each campaign.
        """
        campaign_ids = await campaigns_of(self._door.fetch, told)
        if not campaign_ids:
            return Counter()
        now = await self._door.now()
        async with self._door.transaction() as tx:
            locked = await lock_campaigns(self._door, tx, campaign_ids)
            # Only now: nobody else changes these campaigns' messages any more.
            matches, rows = await find_matches(tx, await read(tx), locked)
            if not matches:
                return Counter()
            deltas = Deltas()
            pieces = [match.piece for match in matches]
            await apply_evidence(tx, rows, pieces, deltas)
            await clear(tx, [match.shelf_id for match in matches])
            await deltas.write(tx, now)
        return Counter(rows[match.piece.pk].campaign_id for match in matches)

    async def _matching(self) -> list[int]:
        """Ids on the shelf that have a message, the oldest first."""
        found: set[int] = set()
        for table, column, condition in (
            (MESSAGES, "message_id", ""),
            (EARLIER, "message_id", ""),
            # As in `find_matches`; what it cannot match must not hold up the rest.
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
