"""What became of claimed messages, and the brake that follows from it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from asgi_app.database import Door
from asgi_app.subjects import about
from campaigns.history import EventKind, Standing, after
from campaigns.ledger.brake import count_streaks
from campaigns.ledger.claims import give_back, move_clock
from campaigns.ledger.counters import Deltas
from campaigns.ledger.entries import Outcome
from campaigns.ledger.evidence import Evidence, Row, apply_evidence, read_rows
from campaigns.ledger.groupcommit import GroupCommit
from campaigns.ledger.matching import take_from_shelf
from campaigns.ledger.statements import (
    CAMPAIGNS,
    EVENT_COLUMNS,
    EVENTS,
    MESSAGES,
    event_row,
    insert,
    lock_campaigns,
    marks,
    update_each,
)
from campaigns.states import CampaignStatus, MessageStatus

logger = logging.getLogger(__name__)

KINDS = {
    MessageStatus.ACCEPTED: EventKind.ACCEPTED,
    MessageStatus.FAILED: EventKind.REFUSED,
    MessageStatus.UNSURE: EventKind.UNSURE,
    MessageStatus.WAITING: EventKind.GIVEN_BACK,
}
FIRST_LOOK_S = 60.0
GIVE_UP_CHUNK = 500
# Answers to messages that left together come within a moment of one another.
LINGER_S = 0.02


class Records:
    """The recording side of the ledger."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._records = GroupCommit(self._write, linger_s=LINGER_S)

    async def record(self, outcome: Outcome) -> None:
        """Stores what became of a message; returns when it is durable.

        A message that has already gone further keeps what it has.
        """
        # What moves the line's clock is what the line waits for.
        await self._records.submit(outcome, is_urgent=outcome.move is not None)

    async def give_up_claims(self) -> int:
        """Turns claims past their deadline into *unsure*; returns how many."""
        campaigns = await self._door.fetch(
            f"SELECT id FROM {CAMPAIGNS} WHERE claimed > 0 ORDER BY id"
        )
        given_up = 0
        for (campaign_id,) in campaigns:
            now = await self._door.now()
            count = await give_up(self._door, campaign_id, "claim_deadline < %s", [now])
            if count:
                with about(campaign=campaign_id):
                    logger.warning("%d claims passed their deadline: unsure now", count)
            given_up += count
        return given_up

    async def _write(self, outcomes: list[Outcome]) -> None:
        campaign_ids = sorted({outcome.claimed.campaign_id for outcome in outcomes})
        now = await self._door.now()
        deltas = Deltas()
        async with self._door.transaction() as tx:
            orders = await lock_campaigns(self._door, tx, campaign_ids)
            moves = [o.move for o in outcomes if o.move is not None]
            for move in sorted(moves, key=lambda move: move.line_id):
                await move_clock(tx, move, now)
            rows = await read_rows(tx, [o.claimed.message_id for o in outcomes])
            changes: dict[int, dict[str, Any]] = {}
            events: list[tuple[Any, ...]] = []
            late: list[Evidence] = []
            fresh: list[Outcome] = []
            for outcome in outcomes:
                row = rows.get(outcome.claimed.message_id)
                if row is None:  # its campaign was deleted meanwhile
                    continue
                if _is_repeated(row, outcome):
                    continue
                fresh.append(outcome)
                if outcome.claimed.attempt < row.attempt:
                    late.append(_late(outcome))
                else:
                    was = row.status
                    order = orders.get(row.campaign_id, "")
                    change = _settle(row, outcome, order, events)
                    changes.setdefault(row.pk, {}).update(change)
                    deltas.move(row.campaign_id, was, row.status)
            for outcome in fresh:
                if outcome.status == MessageStatus.WAITING:
                    await give_back(tx, outcome.claimed)
            await count_streaks(self._door, tx, fresh, now)
            await update_each(tx, MESSAGES, {pk: c for pk, c in changes.items() if c})
            await insert(tx, EVENTS, EVENT_COLUMNS, events)
            shelved = await take_from_shelf(tx, fresh)
            await apply_evidence(tx, rows, [*late, *shelved], deltas)
            await deltas.write(tx, now)
        for outcome in fresh:
            if outcome.status == MessageStatus.UNSURE:
                _tell_unsure(outcome, rows[outcome.claimed.message_id])


def _tell_unsure(outcome: Outcome, row: Row) -> None:
    claimed = outcome.claimed
    is_settled = claimed.attempt == row.attempt and row.status != MessageStatus.UNSURE
    ids = {"campaign": claimed.campaign_id, "message": claimed.message_id}
    with about(line=claimed.line_id, **ids):
        if is_settled:
            logger.info("answer lost, a status has settled it: %s", outcome.code)
        else:
            logger.info("unsure: %s", outcome.code)


async def give_up(
    door: Door, campaign_id: int, where: str, params: Sequence[Any]
) -> int:
    """Turns some of a campaign's claims into *unsure*; returns how many."""
    now = await door.now()
    async with door.transaction() as tx:
        await lock_campaigns(door, tx, [campaign_id])
        rows = await tx.fetch(
            f"SELECT id, attempt FROM {MESSAGES} WHERE campaign_id = %s"
            f" AND status = %s AND {where} LIMIT {GIVE_UP_CHUNK}",
            (campaign_id, MessageStatus.CLAIMED, *params),
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
        await deltas.write(tx, now)
    return len(ids)


def _is_repeated(row: Row, outcome: Outcome) -> bool:
    """Whether it was stored before, and only the answer to that was lost.

    By now the row may be claimed anew; giving that claim back would send twice.
    """
    if outcome.status == MessageStatus.WAITING:
        return row.claim_deadline != outcome.claimed.deadline
    return row.answered_at == outcome.at


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
        row.claim_deadline = None
        return _given_back(standing) if has_moved else {}
    row.answered_at = outcome.at
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
