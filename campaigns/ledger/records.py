"""What became of claimed messages, and the brake that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from asgi_app.database import Door, Tx
from campaigns.history import EventKind, Standing, after
from campaigns.ledger.claims import move_clock
from campaigns.ledger.entries import Outcome
from campaigns.ledger.evidence import Evidence, Row, apply_evidence, read_rows
from campaigns.ledger.groupcommit import GroupCommit
from campaigns.ledger.shelf import take_from_shelf
from campaigns.ledger.statements import (
    CAMPAIGNS,
    CLOCKS,
    EVENT_COLUMNS,
    EVENTS,
    MESSAGES,
    Deltas,
    add_to_counters,
    event_row,
    insert,
    lock_campaigns,
    marks,
    update_each,
)
from campaigns.states import CampaignStatus, MessageStatus

KINDS = {
    MessageStatus.ACCEPTED: EventKind.ACCEPTED,
    MessageStatus.FAILED: EventKind.REFUSED,
    MessageStatus.UNSURE: EventKind.UNSURE,
    MessageStatus.WAITING: EventKind.GIVEN_BACK,
}
FIRST_LOOK_S = 60.0
MOST_REFUSALS = 10
MOST_UNSURE = 3
# Refusals that speak of the person, never of the line.
OF_THE_PERSON = frozenset({"not_on_whatsapp"})
GIVE_UP_CHUNK = 500


class Records:
    """The recording side of the ledger."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._records = GroupCommit(self._write)

    async def record(self, outcome: Outcome) -> None:
        """Stores what became of a message; returns when it is durable.

        A message that has already gone further keeps what it has.
        """
        await self._records.submit(outcome)

    async def give_up_claims(self) -> int:
        """Turns claims past their deadline into *unsure*; returns how many."""
        campaigns = await self._door.fetch(
            f"SELECT id FROM {CAMPAIGNS} WHERE claimed > 0 ORDER BY id"
        )
        given_up = 0
        for (campaign_id,) in campaigns:
            given_up += await self._give_up(campaign_id)
        return given_up

    async def _give_up(self, campaign_id: int) -> int:
        now = await self._door.now()
        async with self._door.transaction() as tx:
            await lock_campaigns(self._door, tx, [campaign_id])
            rows = await tx.fetch(
                f"SELECT id, attempt FROM {MESSAGES} WHERE campaign_id = %s"
                f" AND status = %s AND claim_deadline < %s"
                f" ORDER BY id LIMIT {GIVE_UP_CHUNK}",
                (campaign_id, MessageStatus.CLAIMED, now),
            )
            if not rows:
                return 0
            ids = [pk for pk, _ in rows]
            await tx.execute(
                f"UPDATE {MESSAGES} SET status = %s, code = %s, reason = %s,"
                f" claim_deadline = NULL, look_at = %s, looks = 0"
                f" WHERE id IN ({marks(ids)})",
                (
                    MessageStatus.UNSURE,
                    "no_answer_recorded",
                    "",
                    now + timedelta(seconds=FIRST_LOOK_S),
                    *ids,
                ),
            )
            events = [event_row(pk, n, EventKind.NO_ANSWER, now) for pk, n in rows]
            await insert(tx, EVENTS, EVENT_COLUMNS, events)
            deltas = Deltas()
            for _ in ids:
                deltas.move(campaign_id, MessageStatus.CLAIMED, MessageStatus.UNSURE)
            await add_to_counters(tx, deltas)
        return len(ids)

    async def _write(self, outcomes: list[Outcome]) -> None:
        campaign_ids = sorted({outcome.claimed.campaign_id for outcome in outcomes})
        now = await self._door.now()
        deltas = Deltas()
        async with self._door.transaction() as tx:
            orders = await lock_campaigns(self._door, tx, campaign_ids)
            moves = [o.move for o in outcomes if o.move is not None]
            for move in sorted(moves, key=lambda move: move.line_id):
                await move_clock(tx, move, now)
            await _brake(self._door, tx, outcomes, now)
            rows = await read_rows(tx, [o.claimed.message_id for o in outcomes])
            changes: dict[int, dict[str, Any]] = {}
            events: list[tuple[Any, ...]] = []
            late: list[Evidence] = []
            for outcome in outcomes:
                row = rows.get(outcome.claimed.message_id)
                if row is None:  # its campaign was deleted meanwhile
                    continue
                if outcome.claimed.attempt < row.attempt:
                    late.append(_late(outcome))
                else:
                    was = row.status
                    order = orders.get(row.campaign_id, "")
                    change = _settle(row, outcome, order, events)
                    changes.setdefault(row.pk, {}).update(change)
                    deltas.move(row.campaign_id, was, row.status)
            await update_each(tx, MESSAGES, {pk: c for pk, c in changes.items() if c})
            await insert(tx, EVENTS, EVENT_COLUMNS, events)
            shelved = await take_from_shelf(tx, outcomes)
            await apply_evidence(tx, rows, [*late, *shelved], deltas)
            await add_to_counters(tx, deltas)


def _settle(
    row: Row, outcome: Outcome, order: str, events: list[tuple[Any, ...]]
) -> dict[str, Any]:
    """Changes a row in memory by its outcome; returns the columns that changed."""
    attempt, kind = outcome.claimed.attempt, KINDS[outcome.status]
    detail = {
        name: value
        for name in ("message_id", "http_status", "took_ms", "code", "reason", "answer")
        if (value := getattr(outcome, name)) not in {None, ""}
    }
    events.append(event_row(row.pk, attempt, kind, outcome.at, detail=detail))
    standing = after(row.standing, kind, attempt)
    if standing.status == MessageStatus.WAITING and order == CampaignStatus.CANCELLED:
        standing = after(standing, EventKind.CANCELLED, attempt)
        events.append(event_row(row.pk, attempt, EventKind.CANCELLED, outcome.at))
    has_moved = standing.status != row.status
    row.status = standing.status
    if kind == EventKind.GIVEN_BACK:
        return _given_back(standing) if has_moved else {}
    change: dict[str, Any] = {
        "answered_at": outcome.at,
        "http_status": outcome.http_status,
    }
    if row.message_id is None and outcome.message_id is not None:
        change["message_id"] = row.message_id = outcome.message_id
    if has_moved:
        change |= {
            "status": standing.status,
            "claim_deadline": None,
            "code": outcome.code,
            "reason": outcome.reason,
            "answer": outcome.answer,
            "look_at": (
                outcome.at + timedelta(seconds=FIRST_LOOK_S)
                if standing.status == MessageStatus.UNSURE
                else None
            ),
            "looks": 0,
        }
    return change


def _late(outcome: Outcome) -> Evidence:
    """An outcome of an attempt that people have given up since."""
    return Evidence(
        pk=outcome.claimed.message_id,
        attempt=outcome.claimed.attempt,
        kind=KINDS[outcome.status],
        at=outcome.at,
        arrived_at=outcome.at,
        message_id=outcome.message_id,
        code=outcome.code,
        reason=outcome.reason,
    )


def _given_back(standing: Standing) -> dict[str, Any]:
    return {"status": standing.status, "claim_deadline": None, "claimed_by": ""}


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
            return replace(self, refusals=0, refusal_code="", unsures=0, stops=0)
        if outcome.status == MessageStatus.UNSURE:
            unsures = self.unsures + 1
            streak = replace(self, refusals=0, refusal_code="", unsures=unsures)
            if unsures >= MOST_UNSURE:
                return streak._stopped("unsure_in_a_row", outcome)
            return streak
        if outcome.status != MessageStatus.FAILED or outcome.code in OF_THE_PERSON:
            return self
        same = outcome.code == self.refusal_code
        refusals = self.refusals + 1 if same else 1
        streak = replace(self, refusals=refusals, refusal_code=outcome.code, unsures=0)
        if refusals >= MOST_REFUSALS:
            return streak._stopped("refused_in_a_row", outcome)
        return streak

    def _stopped(self, code: str, outcome: Outcome) -> _Streak:
        if self.stopped_code:
            return self
        reason = f"{outcome.code}: {outcome.reason}" if outcome.reason else outcome.code
        return replace(
            self, stops=self.stops + 1, stopped_code=code, stopped_reason=reason
        )


async def _brake(
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
