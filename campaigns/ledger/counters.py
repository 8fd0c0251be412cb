"""What a transaction changes in the counts of campaigns, written with its rows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from asgi_app.database import Tx
from campaigns.ledger.statements import CAMPAIGNS, MINUTES, insert
from campaigns.states import TAKEN, MessageStatus

MINUTE_COLUMNS = ("campaign_id", "kind", "minute", "count")
_ARRIVED = frozenset({MessageStatus.DELIVERED, MessageStatus.READ})


class Deltas:
    """By campaign, how many messages each status gains or loses, and what they did."""

    def __init__(self) -> None:
        self._gains: dict[int, Counter[str]] = {}
        self._steps: dict[int, Counter[str]] = {}

    def hear(self, campaign_id: int) -> None:
        """Notes that a status came that was not known."""
        self._steps.setdefault(campaign_id, Counter())["heard"] += 1

    def move(self, campaign_id: int, was: MessageStatus, now: MessageStatus) -> None:
        """Notes that a message went from one status to another."""
        if was == now:
            return
        gains = self._gains.setdefault(campaign_id, Counter())
        gains[was] -= 1
        gains[now] += 1
        self._steps.setdefault(campaign_id, Counter()).update(_steps(was, now))

    async def write(self, tx: Tx, now: datetime) -> None:
        """Adds it all to the counters; the campaigns' rows are held."""
        for campaign_id in sorted(self._gains):
            gains = {n: c for n, c in self._gains[campaign_id].items() if c}
            if gains:
                # In quotes that both databases read: `read` is a word of MySQL's.
                sets = ", ".join(f"`{name}` = `{name}` + %s" for name in gains)
                await tx.execute(
                    f"UPDATE {CAMPAIGNS} SET {sets} WHERE id = %s",
                    (*gains.values(), campaign_id),
                )
        minute = now.replace(second=0, microsecond=0)
        for campaign_id in sorted(self._steps):
            for kind, count in sorted(self._steps[campaign_id].items()):
                await _count(tx, campaign_id, kind, minute, count)


def _steps(was: MessageStatus, now: MessageStatus) -> list[str]:
    """What the counts by the minute say of a move: `MinuteCount.kind`.

    What failed had left before; delivered after all, it does not leave a second time.
    """
    steps = []
    if now in TAKEN and was not in TAKEN and was != MessageStatus.FAILED:
        steps.append("sent")
    if now in _ARRIVED and was not in _ARRIVED:
        steps.append("delivered")
    if now == MessageStatus.FAILED:
        steps.append("failed")
    return steps


async def _count(
    tx: Tx, campaign_id: int, kind: str, minute: datetime, more: int
) -> None:
    """Only who holds the campaign's row comes here, so nobody inserts in between."""
    counted = await tx.execute(
        f"UPDATE {MINUTES} SET count = count + %s"
        f" WHERE campaign_id = %s AND kind = %s AND minute = %s",
        (more, campaign_id, kind, minute),
    )
    if not counted:
        await insert(tx, MINUTES, MINUTE_COLUMNS, [(campaign_id, kind, minute, more)])
