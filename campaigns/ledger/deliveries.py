"""Looks at what was delivered of what ChatApp took, and stops a line that fails."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, timedelta

from asgi_app.database import Door, as_time
from campaigns.collapse import (
    MOST_BEFORE,
    OLD_ENOUGH,
    RECENT,
    Evidence,
    judge,
)
from campaigns.ledger.brake import DELIVERY_COLLAPSED
from campaigns.ledger.statements import (
    CAMPAIGNS,
    CLOCKS,
    MESSAGES,
    MINUTES,
    marks,
    read_time,
)
from campaigns.states import TAKEN, MessageStatus

# A line that has sent nothing for so long needs no brake.
LATELY = timedelta(hours=6)
# In how many of a line's campaigns the messages are looked for.
LOOKED_IN = 5
_DELIVERED = frozenset({MessageStatus.DELIVERED, MessageStatus.READ})
_STATUSES = sorted(TAKEN)
# Statuses are counted by the minute.
_A_MINUTE = timedelta(minutes=1)


class Deliveries:
    """The side of the ledger that doubts a line whose messages do not arrive."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def doubt_lines(self) -> list[int]:
        """Stops the lines whose deliveries have collapsed; returns them."""
        now = await self._door.now()
        lines = await self._door.fetch(
            f"SELECT k.line_id, k.judged_from FROM {CLOCKS} k"
            f" WHERE k.stopped_at IS NULL AND EXISTS (SELECT 1 FROM {CAMPAIGNS} c"
            f" WHERE c.line_id = k.line_id AND c.served_at > %s)",
            (now - LATELY,),
        )
        stopped = []
        for line_id, judged_from in lines:
            evidence = await self._judge_line(line_id, as_time(judged_from), now)
            if evidence and await self._stop_line(line_id, evidence, now):
                stopped.append(line_id)
        return stopped

    async def _judge_line(
        self, line_id: int, judged_from: datetime | None, now: datetime
    ) -> Evidence | None:
        sent = await self._sent(line_id, now)
        if not sent:
            return None
        heard = await self._heard(sent[-1][0], now)
        # While nothing was heard at all, it is not the line that is to be doubted.
        fair = [(at, arrived) for at, arrived in sent if arrived or _falls(at, heard)]
        recent = fair[:RECENT]
        # What was judged before somebody let the line go on is not judged again.
        if judged_from is not None and recent and recent[-1][0] <= judged_from:
            return None
        delivered = [arrived for _, arrived in fair]
        return judge(delivered[:RECENT], delivered[RECENT:])

    async def _sent(self, line_id: int, now: datetime) -> list[tuple[datetime, bool]]:
        """When the line's last messages were taken, and whether they arrived.

        By the index (campaign, answered_at); newest first.
        """
        campaigns = await self._door.fetch(
            f"SELECT id FROM {CAMPAIGNS} WHERE line_id = %s AND served_at IS NOT NULL"
            f" ORDER BY served_at DESC LIMIT {LOOKED_IN}",
            (line_id,),
        )
        most = RECENT + MOST_BEFORE
        found: list[tuple[datetime, bool]] = []
        for (campaign_id,) in campaigns:
            # A failed status means that it was taken, and did not arrive.
            rows = await self._door.fetch(
                f"SELECT answered_at, status FROM {MESSAGES}"
                f" WHERE campaign_id = %s AND answered_at <= %s"
                f" AND (status IN ({marks(_STATUSES)}) OR failed_at IS NOT NULL)"
                f" ORDER BY answered_at DESC LIMIT {most}",
                (campaign_id, now - OLD_ENOUGH, *_STATUSES),
            )
            found += [(read_time(at), status in _DELIVERED) for at, status in rows]
        return sorted(found, reverse=True)[:most]

    async def _heard(self, since: datetime, now: datetime) -> list[datetime]:
        """The minutes since then in which a status of any message came, in order.

        By the index (campaign, kind, minute), of the campaigns served lately.
        """
        rows = await self._door.fetch(
            f"SELECT DISTINCT n.minute FROM {CAMPAIGNS} c CROSS JOIN {MINUTES} n"
            f" ON n.campaign_id = c.id AND n.kind = %s AND n.minute >= %s"
            f" WHERE c.served_at > %s ORDER BY n.minute",
            ("heard", since - _A_MINUTE, now - LATELY - OLD_ENOUGH),
        )
        return [read_time(minute) for (minute,) in rows]

    async def _stop_line(self, line_id: int, evidence: Evidence, now: datetime) -> bool:
        async with self._door.transaction() as tx:
            stopped = await tx.execute(
                f"UPDATE {CLOCKS} SET stopped_at = %s, stopped_code = %s,"
                f" stopped_reason = %s, turn = turn + 1"
                f" WHERE line_id = %s AND stopped_at IS NULL",
                (now, DELIVERY_COLLAPSED, evidence.write(), line_id),
            )
        return bool(stopped)


def _falls(at: datetime, heard: Sequence[datetime]) -> bool:
    """Whether a status came in the time in which this message's was to be told."""
    place = bisect_left(heard, at - _A_MINUTE)
    return place < len(heard) and heard[place] <= at + OLD_ENOUGH
