"""The brake of a line: outcomes of one kind in a row stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from asgi_app.database import Door, Tx
from campaigns.ledger.entries import Outcome
from campaigns.ledger.statements import CLOCKS, marks, read_time
from campaigns.states import MessageStatus

UNSURE_IN_A_ROW = "unsure_in_a_row"
REFUSED_IN_A_ROW = "refused_in_a_row"
DELIVERY_COLLAPSED = "delivery_collapsed"
MOST_REFUSALS = 10
MOST_UNSURE = 3
# Refusals that speak of the person, never of the line.
OF_THE_PERSON = frozenset({"not_on_whatsapp"})
# After unsure ones the line goes on by itself once ChatApp answers; the first look is
# after this, each further one after twice as long.
PROBE_AFTER_S = 60.0
MOST_DOUBLINGS = 6


class Brake:
    """The stopping side of the ledger."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def lines_to_probe(self) -> list[int]:
        """Lines stopped after unsure messages whose time to be tried has come."""
        now = await self._door.now()
        rows = await self._door.fetch(
            f"SELECT line_id, stopped_at, stops FROM {CLOCKS} WHERE stopped_code = %s",
            (UNSURE_IN_A_ROW,),
        )
        return [
            line_id
            for line_id, stopped_at, stops in rows
            if now - read_time(stopped_at) > _probe_after(stops)
        ]

    async def release(self, line_id: int) -> bool:
        """Lets a line that was stopped after unsure messages go on.

        Its clock stays as it is, so that a long stop is seen as one.
        """
        async with self._door.transaction() as tx:
            released = await tx.execute(
                f"UPDATE {CLOCKS} SET stopped_at = NULL, stopped_code = %s,"
                f" stopped_reason = %s, unsures = 0, turn = turn + 1"
                f" WHERE line_id = %s AND stopped_code = %s",
                ("", "", line_id, UNSURE_IN_A_ROW),
            )
        return bool(released)


def _probe_after(stops: int) -> timedelta:
    doublings = min(max(stops - 1, 0), MOST_DOUBLINGS)
    return timedelta(seconds=PROBE_AFTER_S * 2**doublings)


@dataclass(frozen=True)
class _Streak:
    """Outcomes of one kind in a row on a line, and the stop that they lead to."""

    refusals: int
    refusal_code: str
    unsures: int
    stops: int
    stopped_code: str = ""
    stopped_reason: str = ""

    def after(self, outcome: Outcome) -> _Streak:
        if outcome.status == MessageStatus.ACCEPTED:
            if not (self.refusals or self.unsures or self.stops or self.refusal_code):
                return self
            return replace(self, refusals=0, refusal_code="", unsures=0, stops=0)
        if outcome.status == MessageStatus.UNSURE:
            unsures = self.unsures + 1
            streak = replace(self, refusals=0, refusal_code="", unsures=unsures)
            if unsures >= MOST_UNSURE:
                return streak._stopped(UNSURE_IN_A_ROW, outcome)
            return streak
        if outcome.status != MessageStatus.FAILED or outcome.code in OF_THE_PERSON:
            return self
        same = outcome.code == self.refusal_code
        refusals = self.refusals + 1 if same else 1
        streak = replace(self, refusals=refusals, refusal_code=outcome.code, unsures=0)
        if refusals >= MOST_REFUSALS:
            return streak._stopped(REFUSED_IN_A_ROW, outcome)
        return streak

    def _stopped(self, code: str, outcome: Outcome) -> _Streak:
        if self.stopped_code:
            return self
        reason = f"{outcome.code}: {outcome.reason}" if outcome.reason else outcome.code
        return replace(
            self, stops=self.stops + 1, stopped_code=code, stopped_reason=reason
        )


async def count_streaks(
    door: Door, tx: Tx, outcomes: Sequence[Outcome], now: datetime
) -> None:
    """Counts outcomes in a row and stops lines on which sending makes no sense."""
    told = [o for o in outcomes if o.status != MessageStatus.WAITING]
    line_ids = sorted({outcome.claimed.line_id for outcome in told})
    if not line_ids:
        return
    rows = await tx.fetch(
        f"SELECT line_id, refusals, refusal_code, unsures, stops, stopped_code"
        f" FROM {CLOCKS} WHERE line_id IN ({marks(line_ids)})"
        f" ORDER BY line_id{door.for_update}",
        line_ids,
    )
    for line_id, refusals, refusal_code, unsures, stops, stopped_code in rows:
        before = _Streak(refusals, refusal_code, unsures, stops, stopped_code)
        streak = before
        for outcome in told:
            if outcome.claimed.line_id == line_id:
                streak = streak.after(outcome)
        if streak == before:
            continue
        await _store_streak(tx, line_id, streak)
        if streak.stopped_code and not before.stopped_code:
            await tx.execute(
                f"UPDATE {CLOCKS} SET stopped_at = %s, stopped_code = %s,"
                f" stopped_reason = %s WHERE line_id = %s",
                (now, streak.stopped_code, streak.stopped_reason, line_id),
            )


async def _store_streak(tx: Tx, line_id: int, streak: _Streak) -> None:
    columns: Mapping[str, Any] = {
        "refusals": streak.refusals,
        "refusal_code": streak.refusal_code,
        "unsures": streak.unsures,
        "stops": streak.stops,
    }
    sets = ", ".join(f"{name} = %s" for name in columns)
    await tx.execute(
        f"UPDATE {CLOCKS} SET {sets} WHERE line_id = %s", (*columns.values(), line_id)
    )
