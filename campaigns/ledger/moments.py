"""What time alone does to campaigns: they start by themselves, and run out of use."""

from __future__ import annotations

from datetime import timedelta

from asgi_app.database import Door
from campaigns.history import EventKind
from campaigns.ledger.counters import Deltas
from campaigns.ledger.statements import (
    ACTIONS,
    CAMPAIGNS,
    CLOCKS,
    EVENT_COLUMNS,
    EVENTS,
    MESSAGES,
    event_row,
    insert,
    lock_campaigns,
    marks,
)
from campaigns.states import CampaignStatus, MessageStatus

# What could not start for so long waits for a click: its text may be out of date.
LATE = timedelta(hours=6)
PAUSED_LATE = "late_start"
CHUNK = 500
_ACTION_COLUMNS = ("campaign_id", "verb", "operator", "at")
_MAY_EXPIRE = (CampaignStatus.RUNNING, CampaignStatus.PAUSED)


class Moments:
    """The side of the ledger that watches the clock."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def start_scheduled(self) -> list[int]:
        """Starts what is to start by itself by now; returns the lines to ring.

        By the index (status, start_at). Of two workers one starts it.
        """
        now = await self._door.now()
        due = await self._door.fetch(
            f"SELECT id, line_id, start_at < %s FROM {CAMPAIGNS}"
            f" WHERE status = %s AND start_at <= %s AND deleted_at IS NULL"
            f" ORDER BY start_at, id",
            (now - LATE, CampaignStatus.SCHEDULED, now),
        )
        lines = []
        for campaign_id, line_id, is_late in due:
            order = CampaignStatus.PAUSED if is_late else CampaignStatus.RUNNING
            async with self._door.transaction() as tx:
                started = await tx.execute(
                    f"UPDATE {CAMPAIGNS}{self._door.by_key} SET status = %s,"
                    f" paused_because = %s, started_at = %s, woken_at = %s"
                    f" WHERE id = %s AND status = %s AND start_at <= %s",
                    (
                        order,
                        PAUSED_LATE if is_late else "",
                        now,
                        now,
                        campaign_id,
                        CampaignStatus.SCHEDULED,
                        now,
                    ),
                )
                if not started:
                    continue
                await tx.execute(
                    f"UPDATE {CLOCKS} SET next_at = %s, turn = turn + 1,"
                    f" is_resting = %s WHERE line_id = %s AND is_resting = %s",
                    (now, False, line_id, True),
                )
                verb = "late" if is_late else "started"
                action = (campaign_id, verb, "", now)
                await insert(tx, ACTIONS, _ACTION_COLUMNS, [action])
            lines.append(line_id)
        return lines

    async def expire(self) -> int:
        """Gives up what waits in campaigns past their last moment; returns how many.

        By the index (use_until).
        """
        now = await self._door.now()
        over = await self._door.fetch(
            f"SELECT id FROM {CAMPAIGNS} WHERE use_until <= %s AND waiting > 0"
            f" AND status IN ({marks(_MAY_EXPIRE)}) ORDER BY id",
            (now, *_MAY_EXPIRE),
        )
        expired = 0
        for (campaign_id,) in over:
            while gone := await self._expire_some(campaign_id):
                expired += gone
        return expired

    async def _expire_some(self, campaign_id: int) -> int:
        now = await self._door.now()
        async with self._door.transaction() as tx:
            await lock_campaigns(self._door, tx, [campaign_id])
            # Once more, now that nobody else can give it more time.
            rows = await tx.fetch(
                f"SELECT m.id, m.attempt FROM {CAMPAIGNS} c JOIN {MESSAGES} m"
                f" ON m.campaign_id = c.id AND m.status = %s"
                f" WHERE c.id = %s AND c.use_until <= %s"
                f" AND c.status IN ({marks(_MAY_EXPIRE)})"
                f" ORDER BY m.id LIMIT {CHUNK}",
                (MessageStatus.WAITING, campaign_id, now, *_MAY_EXPIRE),
            )
            if not rows:
                return 0
            ids = [pk for pk, _ in rows]
            await tx.execute(
                f"UPDATE {MESSAGES} SET status = %s WHERE id IN ({marks(ids)})",
                (MessageStatus.EXPIRED, *ids),
            )
            events = [event_row(pk, n, EventKind.EXPIRED, now) for pk, n in rows]
            await insert(tx, EVENTS, EVENT_COLUMNS, events)
            deltas = Deltas()
            for _ in ids:
                deltas.move(campaign_id, MessageStatus.WAITING, MessageStatus.EXPIRED)
            await deltas.write(tx, now)
        return len(ids)
