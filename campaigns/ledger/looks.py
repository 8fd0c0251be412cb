"""Unsure messages that are looked for in the chat's history."""

from __future__ import annotations

from datetime import timedelta

from asgi_app.database import Door
from campaigns.history import EventKind, join_tracking
from campaigns.ledger.counters import Deltas
from campaigns.ledger.entries import UnsureMessage
from campaigns.ledger.evidence import Evidence, apply_evidence, read_rows
from campaigns.ledger.statements import (
    CAMPAIGNS,
    EVENT_COLUMNS,
    EVENTS,
    LINES,
    MESSAGES,
    event_row,
    insert,
    lock_campaigns,
    read_text,
)
from campaigns.states import MessageStatus

# A minute after it became unsure, and again fifteen minutes after it did.
LOOKS = 2
SECOND_LOOK_AFTER = timedelta(minutes=14)


class Looks:
    """The history side of the ledger."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def to_look_for(self, most: int) -> list[UnsureMessage]:
        """Unsure messages whose time to be looked for has come."""
        now = await self._door.now()
        rows = await self._door.fetch(
            f"SELECT m.id, m.campaign_id, l.licence_id, l.messenger, m.phone,"
            f" m.tracking, m.attempt, m.looks FROM {CAMPAIGNS} c"
            # CROSS: or SQLite would begin with all messages that there are.
            f" CROSS JOIN {MESSAGES} m ON m.campaign_id = c.id AND m.status = %s"
            f" JOIN {LINES} l ON l.id = c.line_id"
            f" WHERE c.unsure > 0 AND m.look_at <= %s"
            f" ORDER BY m.look_at LIMIT {int(most)}",
            (MessageStatus.UNSURE, now),
        )
        return [
            UnsureMessage(
                message_id=pk,
                campaign_id=campaign_id,
                licence_id=licence_id,
                messenger=messenger,
                phone=phone,
                tracking=join_tracking(read_text(tracking), attempt),
                attempt=attempt,
                looks=looks,
            )
            for (
                pk,
                campaign_id,
                licence_id,
                messenger,
                phone,
                tracking,
                attempt,
                looks,
            ) in rows
        ]

    async def found(self, unsure: UnsureMessage, message_id: str) -> None:
        """Settles an unsure message that stands in the chat's history."""
        now = await self._door.now()
        async with self._door.transaction() as tx:
            await lock_campaigns(self._door, tx, [unsure.campaign_id])
            rows = await read_rows(tx, [unsure.message_id])
            if not rows:
                return
            piece = Evidence(
                pk=unsure.message_id,
                attempt=unsure.attempt,
                kind=EventKind.FOUND,
                at=now,
                arrived_at=now,
                message_id=message_id,
            )
            deltas = Deltas()
            await apply_evidence(tx, rows, [piece], deltas)
            await deltas.write(tx, now)

    async def not_found(self, unsure: UnsureMessage) -> None:
        """Notes a look in vain, and when to look again, if at all."""
        now = await self._door.now()
        looks = unsure.looks + 1
        look_at = now + SECOND_LOOK_AFTER if looks < LOOKS else None
        async with self._door.transaction() as tx:
            await lock_campaigns(self._door, tx, [unsure.campaign_id])
            noted = await tx.execute(
                f"UPDATE {MESSAGES} SET looks = %s, look_at = %s"
                f" WHERE id = %s AND status = %s AND attempt = %s",
                (
                    looks,
                    look_at,
                    unsure.message_id,
                    MessageStatus.UNSURE,
                    unsure.attempt,
                ),
            )
            if noted:
                event = event_row(
                    unsure.message_id, unsure.attempt, EventKind.LOOKED, now
                )
                await insert(tx, EVENTS, EVENT_COLUMNS, [event])

    async def look_later(self, unsure: UnsureMessage, after: timedelta) -> None:
        """Puts a look off, because ChatApp could not be asked."""
        now = await self._door.now()
        async with self._door.transaction() as tx:
            await tx.execute(
                f"UPDATE {MESSAGES} SET look_at = %s WHERE id = %s AND status = %s",
                (now + after, unsure.message_id, MessageStatus.UNSURE),
            )
