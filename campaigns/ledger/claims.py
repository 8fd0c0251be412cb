"""Whose turn it is on a line, and the claim that makes a message leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from asgi_app.database import Door, Tx, as_time
from campaigns.history import EventKind, join_tracking
from campaigns.ledger.entries import (
    Claim,
    Claimed,
    Due,
    Head,
    LineState,
    LostClaim,
    Move,
)
from campaigns.ledger.statements import (
    CAMPAIGNS,
    CLOCKS,
    EVENT_COLUMNS,
    EVENTS,
    LINES,
    MESSAGES,
    event_row,
    insert,
    lock_campaigns,
    marks,
    read_text,
    read_time,
    update_each,
)
from campaigns.states import CampaignStatus, MessageStatus, Pacing
from chatapp.models import Line, why_unusable

CLAIM_S = 90.0
DRAW_CHUNK = 500


class Claims:
    """The claiming side of the ledger."""

    def __init__(self, door: Door, worker: str) -> None:
        self._door = door
        self._worker = worker

    async def now(self) -> datetime:
        return await self._door.now()

    async def look(self, line_id: int) -> LineState | None:
        """Reads what a line has to do; None when it has no clock yet."""
        now = await self._door.now()
        rows = await self._door.fetch(
            f"SELECT l.licence_id, l.messenger, l.paid_until, l.active, l.is_listed,"
            f" k.next_at, k.turn, k.setbacks, k.held_since, k.pause_ms,"
            f" k.stopped_at,"
            f" c.id, c.text, c.pacing, c.delays_from, c.draw_anew, c.served_at,"
            f" c.woken_at"
            f" FROM {CLOCKS} k JOIN {LINES} l ON l.id = k.line_id"
            f" LEFT JOIN {CAMPAIGNS} c ON c.line_id = k.line_id"
            f" AND c.status = %s AND c.waiting > 0"
            f" WHERE k.line_id = %s ORDER BY c.started_at, c.id LIMIT 1",
            (CampaignStatus.RUNNING, line_id),
        )
        if not rows:
            return None
        licence_id, messenger, paid_until, active, is_listed, *rest = rows[0]
        next_at, turn, setbacks, held_since, pause_ms, stopped_at, *campaign = rest
        line = Line(
            paid_until=as_time(paid_until),
            active=None if active is None else bool(active),
            is_listed=bool(is_listed),
        )
        return LineState(
            line_id=line_id,
            licence_id=licence_id,
            messenger=messenger,
            now=now,
            next_at=read_time(next_at),
            turn=turn,
            setbacks=setbacks,
            held_since=as_time(held_since),
            pause_ms=pause_ms,
            is_stopped=stopped_at is not None,
            unusable=why_unusable(line, now) or "",
            head=_read_head(campaign),
        )

    async def find_due(self, state: LineState, most: int) -> list[Claimed]:
        """Reads up to `most` messages of the line's head that are due now."""
        head = _head(state)
        rows = await self._door.fetch(
            f"SELECT id, phone, tracking, attempt, delay_ms FROM {MESSAGES}"
            f" WHERE campaign_id = %s AND status = %s AND delay_ms <= %s"
            f" ORDER BY delay_ms, id LIMIT {int(most)}",
            (head.campaign_id, MessageStatus.WAITING, _elapsed_ms(state)),
        )
        return [
            Claimed(
                message_id=pk,
                campaign_id=head.campaign_id,
                line_id=state.line_id,
                phone=phone,
                tracking=join_tracking(read_text(tracking), attempt),
                attempt=attempt,
                delay_ms=delay_ms,
            )
            for pk, phone, tracking, attempt, delay_ms in rows
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
    ) -> Claim:
        """Claims exactly these messages and holds the line.

        Raises LostClaim when the campaign does not run any more, the line was moved
        or stopped by somebody else, or one of the messages is not waiting.
        """
        head = _head(state)
        now = await self._door.now()
        deadline = now + timedelta(seconds=for_s)
        ids = sorted(item.message_id for item in due)
        count = len(ids)
        async with self._door.transaction() as tx:
            running = await tx.execute(
                f"UPDATE {CAMPAIGNS} SET waiting = waiting - %s,"
                f" claimed = claimed + %s, served_at = %s"
                f" WHERE id = %s AND status = %s AND waiting >= %s",
                (count, count, now, head.campaign_id, CampaignStatus.RUNNING, count),
            )
            if not running:
                raise LostClaim("the campaign does not run")
            moved = await tx.execute(
                f"UPDATE {CLOCKS} SET next_at = %s, turn = turn + 1"
                f" WHERE line_id = %s AND turn = %s AND stopped_at IS NULL",
                (deadline, state.line_id, state.turn),
            )
            if not moved:
                raise LostClaim("another job has the line, or it was stopped")
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
            if taken != count:
                raise LostClaim("a message is not waiting any more")
            events = [self._claim_event(item, state, now) for item in due]
            await insert(tx, EVENTS, EVENT_COLUMNS, events)
        claimed = tuple(replace(item, deadline=deadline) for item in due)
        return Claim(state.turn + 1, claimed)

    async def move(self, move: Move) -> bool:
        """Moves the clock of a line; False when somebody else has it."""
        async with self._door.transaction() as tx:
            return await move_clock(tx, move, await self._door.now())

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
                if not await lock_campaigns(self._door, tx, [head.campaign_id]):
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
            f" AND k.stopped_at IS NULL"
            f" AND EXISTS (SELECT 1 FROM {CAMPAIGNS} c WHERE c.line_id = k.line_id"
            f" AND c.status = %s AND c.waiting > 0)",
            (now - timedelta(seconds=by_s), CampaignStatus.RUNNING),
        )
        return [Due(line_id, read_time(next_at)) for line_id, next_at in rows]

    async def pause_idle(self, head: Head, because: str) -> None:
        """Pauses a campaign by the program itself, until somebody clicks."""
        async with self._door.transaction() as tx:
            await tx.execute(
                f"UPDATE {CAMPAIGNS} SET status = %s, paused_because = %s"
                f" WHERE id = %s AND status = %s",
                (
                    CampaignStatus.PAUSED,
                    because,
                    head.campaign_id,
                    CampaignStatus.RUNNING,
                ),
            )

    def _claim_event(
        self, item: Claimed, state: LineState, now: datetime
    ) -> tuple[Any, ...]:
        head = _head(state)
        if head.pacing == Pacing.ONE_AFTER_ANOTHER or head.delays_from is None:
            planned_at, pause_ms = state.next_at, state.pause_ms
        else:
            pause_ms = item.delay_ms
            planned_at = head.delays_from + timedelta(milliseconds=pause_ms)
        detail = {
            "worker": self._worker,
            "planned_at": planned_at.isoformat(),
            "pause_ms": pause_ms,
        }
        return event_row(
            item.message_id, item.attempt, EventKind.CLAIMED, now, detail=detail
        )


async def move_clock(tx: Tx, move: Move, now: datetime) -> bool:
    """Moves a line's clock inside a transaction, if the turn is still the mover's."""
    setback = move.setback
    since = "CASE WHEN setbacks = 0 THEN %s ELSE held_since END" if setback else "%s"
    moved = await tx.execute(
        f"UPDATE {CLOCKS} SET next_at = %s, turn = turn + 1, pause_ms = %s,"
        # MySQL reads the columns from left to right: `setbacks` must come last.
        f" held_since = {since},"
        f" held_code = %s, held_reason = %s, held_at = %s,"
        f" setbacks = {'setbacks + 1' if setback else '0'}"
        f" WHERE line_id = %s AND turn = %s",
        (
            move.next_at,
            move.pause_ms,
            now if setback else None,
            setback.code if setback else "",
            setback.reason if setback else "",
            now if setback else None,
            move.line_id,
            move.turn,
        ),
    )
    return bool(moved)


def _read_head(campaign: Sequence[Any]) -> Head | None:
    pk, text, pacing, delays_from, draw_anew, served_at, woken_at = campaign
    if pk is None:
        return None
    return Head(
        campaign_id=pk,
        text=text,
        pacing=Pacing(pacing),
        delays_from=as_time(delays_from),
        draw_anew=bool(draw_anew),
        served_at=as_time(served_at),
        woken_at=as_time(woken_at),
    )


def _elapsed_ms(state: LineState) -> int:
    """How much of the drawn delays has passed."""
    head = _head(state)
    if head.pacing == Pacing.ONE_AFTER_ANOTHER or head.delays_from is None:
        return 0
    return int((state.now - head.delays_from) / timedelta(milliseconds=1))


def _head(state: LineState) -> Head:
    assert state.head is not None, "asked only of a line with something to send"
    return state.head
