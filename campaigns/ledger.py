"""Claim and record: the hot SQL, and the only place that has it.

Every transaction takes campaign rows first, by id, then the line's clock, then
messages by id; so none can deadlock with another in a ring, and whoever holds the
campaign's row may read its messages' states as they are.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from asgi_app.database import Door, Tx, as_time
from campaigns.entries import (
    Claimed,
    Due,
    Head,
    LineState,
    LostClaim,
    Move,
    Outcome,
)
from campaigns.groupcommit import GroupCommit
from campaigns.statements import (
    CAMPAIGNS,
    CLOCKS,
    LINES,
    MESSAGES,
    add_to_counters,
    marks,
    read_text,
    read_time,
    update_each,
)
from campaigns.states import CampaignStatus, MessageStatus, Pacing

CLAIM_S = 90.0
DRAW_CHUNK = 500


class Ledger:
    """Who gets which message, when, and what came of it."""

    def __init__(self, door: Door, *, worker: str = "") -> None:
        self._door = door
        self._worker = worker or uuid.uuid4().hex[:12]
        self._records = GroupCommit(self._write_outcomes)

    async def now(self) -> datetime:
        return await self._door.now()

    async def look(self, line_id: int) -> LineState | None:
        """Reads what a line has to do; None when it has no clock yet."""
        now = await self._door.now()
        rows = await self._door.fetch(
            f"SELECT l.licence_id, l.messenger, k.next_at, k.turn, k.setbacks,"
            f" c.id, c.text, c.pacing, c.delays_from, c.draw_anew, c.served_at"
            f" FROM {CLOCKS} k JOIN {LINES} l ON l.id = k.line_id"
            f" LEFT JOIN {CAMPAIGNS} c ON c.line_id = k.line_id"
            f" AND c.status = %s AND c.waiting > 0"
            f" WHERE k.line_id = %s ORDER BY c.started_at, c.id LIMIT 1",
            (CampaignStatus.RUNNING, line_id),
        )
        if not rows:
            return None
        licence_id, messenger, next_at, turn, setbacks, *campaign = rows[0]
        head = None
        if campaign[0] is not None:
            campaign_id, text, pacing, delays_from, draw_anew, served_at = campaign
            head = Head(
                campaign_id,
                text,
                Pacing(pacing),
                as_time(delays_from),
                bool(draw_anew),
                as_time(served_at),
            )
        return LineState(
            line_id,
            licence_id,
            messenger,
            now,
            read_time(next_at),
            turn,
            setbacks,
            head,
        )

    async def find_due(self, state: LineState, most: int) -> list[Claimed]:
        """Reads up to `most` messages of the line's head that are due now."""
        head = _head(state)
        rows = await self._door.fetch(
            f"SELECT id, phone, tracking FROM {MESSAGES}"
            f" WHERE campaign_id = %s AND status = %s AND delay_ms <= %s"
            f" ORDER BY delay_ms, id LIMIT {int(most)}",
            (head.campaign_id, MessageStatus.WAITING, _elapsed_ms(state)),
        )
        return [
            Claimed(pk, head.campaign_id, phone, read_text(tracking))
            for pk, phone, tracking in rows
        ]

    async def first_delay(self, campaign_id: int) -> timedelta | None:
        """The smallest delay that still waits; None when nothing waits."""
        rows = await self._door.fetch(
            f"SELECT delay_ms FROM {MESSAGES} WHERE campaign_id = %s AND status = %s"
            f" ORDER BY delay_ms LIMIT 1",
            (campaign_id, MessageStatus.WAITING),
        )
        return timedelta(milliseconds=rows[0][0]) if rows else None

    async def claim(
        self, state: LineState, due: Sequence[Claimed], *, for_s: float = CLAIM_S
    ) -> int:
        """Claims exactly these messages and holds the line; returns the new turn.

        Raises LostClaim when the campaign does not run any more, the line was moved
        by somebody else, or one of the messages is not waiting.
        """
        head = _head(state)
        now = await self._door.now()
        deadline = now + timedelta(seconds=for_s)
        ids = sorted(item.message_id for item in due)
        async with self._door.transaction() as tx:
            running = await tx.execute(
                f"UPDATE {CAMPAIGNS} SET waiting = waiting - %s,"
                f" claimed = claimed + %s, served_at = %s"
                f" WHERE id = %s AND status = %s AND waiting >= %s",
                (
                    len(ids),
                    len(ids),
                    now,
                    head.campaign_id,
                    CampaignStatus.RUNNING,
                    len(ids),
                ),
            )
            if not running:
                raise LostClaim("the campaign does not run")
            moved = await tx.execute(
                f"UPDATE {CLOCKS} SET next_at = %s, turn = turn + 1"
                f" WHERE line_id = %s AND turn = %s",
                (deadline, state.line_id, state.turn),
            )
            if not moved:
                raise LostClaim("another job has the line")
            taken = await tx.execute(
                f"UPDATE {MESSAGES} SET status = %s, claimed_by = %s,"
                f" claimed_at = %s, claim_deadline = %s"
                f" WHERE id IN ({marks(ids)}) AND status = %s",
                (
                    MessageStatus.CLAIMED,
                    self._worker,
                    now,
                    deadline,
                    *ids,
                    MessageStatus.WAITING,
                ),
            )
            if taken != len(ids):
                raise LostClaim("a message is not waiting any more")
        return state.turn + 1

    async def record(self, outcome: Outcome) -> None:
        """Stores what became of a message; returns when it is durable.

        A message that has already gone further keeps what it has.
        """
        await self._records.submit(outcome)

    async def move(self, move: Move) -> bool:
        """Moves the clock of a line; False when somebody else has it."""
        async with self._door.transaction() as tx:
            return await self._move(tx, move, await self._door.now())

    async def begin_delays(self, head: Head) -> None:
        """Lets the delays of "each on its own" count from now."""
        now = await self._door.now()
        async with self._door.transaction() as tx:
            await tx.execute(
                f"UPDATE {CAMPAIGNS} SET delays_from = %s, draw_anew = %s"
                f" WHERE id = %s AND status = %s",
                (now, False, head.campaign_id, CampaignStatus.RUNNING),
            )

    async def draw_anew(self, head: Head, draw_ms: Iterable[int]) -> None:
        """Gives every waiting message a new delay, then lets them count from now."""
        draws = iter(draw_ms)
        last = 0
        while True:
            async with self._door.transaction() as tx:
                if not await self._lock_campaigns(tx, [head.campaign_id]):
                    return
                rows = await tx.fetch(
                    f"SELECT id FROM {MESSAGES} WHERE campaign_id = %s"
                    f" AND status = %s AND id > %s ORDER BY id LIMIT {DRAW_CHUNK}",
                    (head.campaign_id, MessageStatus.WAITING, last),
                )
                changes = {pk: {"delay_ms": next(draws)} for (pk,) in rows}
                await update_each(tx, MESSAGES, changes)
            if not rows:
                break
            last = rows[-1][0]
        await self.begin_delays(head)

    async def overdue(self, *, by_s: float) -> list[Due]:
        """Lines with something to send whose time has passed by `by_s` seconds."""
        now = await self._door.now()
        rows = await self._door.fetch(
            f"SELECT k.line_id, k.next_at FROM {CLOCKS} k WHERE k.next_at <= %s"
            f" AND EXISTS (SELECT 1 FROM {CAMPAIGNS} c WHERE c.line_id = k.line_id"
            f" AND c.status = %s AND c.waiting > 0)",
            (now - timedelta(seconds=by_s), CampaignStatus.RUNNING),
        )
        return [Due(line_id, read_time(next_at)) for line_id, next_at in rows]

    async def give_up_claims(self) -> int:
        """Turns claims past their deadline into *unsure*; returns how many."""
        now = await self._door.now()
        campaigns = await self._door.fetch(
            f"SELECT id FROM {CAMPAIGNS} WHERE claimed > 0 ORDER BY id"
        )
        given_up = 0
        for (campaign_id,) in campaigns:
            async with self._door.transaction() as tx:
                await self._lock_campaigns(tx, [campaign_id])
                count = await tx.execute(
                    f"UPDATE {MESSAGES} SET status = %s, code = %s, reason = %s,"
                    f" claim_deadline = NULL WHERE campaign_id = %s"
                    f" AND status = %s AND claim_deadline < %s",
                    (
                        MessageStatus.UNSURE,
                        "no_answer_recorded",
                        "",
                        campaign_id,
                        MessageStatus.CLAIMED,
                        now,
                    ),
                )
                if count:
                    await tx.execute(
                        f"UPDATE {CAMPAIGNS} SET claimed = claimed - %s,"
                        f" unsure = unsure + %s WHERE id = %s",
                        (count, count, campaign_id),
                    )
            given_up += count
        return given_up

    async def _write_outcomes(self, outcomes: list[Outcome]) -> None:
        by_id = {outcome.claimed.message_id: outcome for outcome in outcomes}
        campaign_ids = sorted({outcome.claimed.campaign_id for outcome in outcomes})
        now = await self._door.now()
        async with self._door.transaction() as tx:
            orders = await self._lock_campaigns(tx, campaign_ids)
            for outcome in outcomes:
                if outcome.move is not None:
                    await self._move(tx, outcome.move, now)
            rows = await tx.fetch(
                f"SELECT id, campaign_id, status FROM {MESSAGES}"
                f" WHERE id IN ({marks(by_id)}) ORDER BY id",
                sorted(by_id),
            )
            deltas: dict[int, Counter[str]] = {pk: Counter() for pk in campaign_ids}
            changes: dict[int, Mapping[str, Any]] = {}
            for pk, campaign_id, was in rows:
                change = _change(by_id[pk], was, orders[campaign_id])
                if change:
                    changes[pk] = change
                    deltas[campaign_id].update({was: -1, change["status"]: 1})
            await update_each(tx, MESSAGES, changes)
            for campaign_id in campaign_ids:
                await add_to_counters(tx, campaign_id, deltas[campaign_id])

    async def _lock_campaigns(self, tx: Tx, ids: Sequence[int]) -> dict[int, str]:
        """Takes the campaigns' rows and returns their status by id."""
        rows = await tx.fetch(
            f"SELECT id, status FROM {CAMPAIGNS} WHERE id IN ({marks(ids)})"
            f" ORDER BY id{self._door.for_update}",
            ids,
        )
        return dict(rows)

    @staticmethod
    async def _move(tx: Tx, move: Move, now: datetime) -> bool:
        setback = move.setback
        moved = await tx.execute(
            f"UPDATE {CLOCKS} SET next_at = %s, turn = turn + 1,"
            f" setbacks = {'setbacks + 1' if setback else '0'},"
            f" held_code = %s, held_reason = %s, held_at = %s"
            f" WHERE line_id = %s AND turn = %s",
            (
                move.next_at,
                setback.code if setback else "",
                setback.reason if setback else "",
                now if setback else None,
                move.line_id,
                move.turn,
            ),
        )
        return bool(moved)


def _change(outcome: Outcome, was: str, order: str) -> dict[str, Any] | None:
    """The columns that an outcome sets on a message that has the status `was`."""
    if was not in {MessageStatus.CLAIMED, MessageStatus.UNSURE}:
        return None
    status = outcome.status
    if status == MessageStatus.WAITING:
        if was == MessageStatus.UNSURE:
            return None
        if order == CampaignStatus.CANCELLED:
            status = MessageStatus.CANCELLED
        return {"status": status, "claim_deadline": None, "claimed_by": ""}
    return {
        "status": status,
        "claim_deadline": None,
        "answered_at": outcome.at,
        "message_id": outcome.message_id,
        "http_status": outcome.http_status,
        "code": outcome.code,
        "reason": outcome.reason,
        "answer": outcome.answer,
    }


def _elapsed_ms(state: LineState) -> int:
    """How much of the drawn delays has passed."""
    head = _head(state)
    if head.pacing == Pacing.ONE_AFTER_ANOTHER or head.delays_from is None:
        return 0
    return int((state.now - head.delays_from) / timedelta(milliseconds=1))


def _head(state: LineState) -> Head:
    assert state.head is not None, "asked only of a line with something to send"
    return state.head
