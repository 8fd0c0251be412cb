"""Whose turn it is on a line, and which of its messages are due."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from asgi_app.database import Door, as_time
from campaigns.history import EventKind, join_tracking
from campaigns.ledger.counters import Deltas
from campaigns.ledger.entries import Claimed, Due, Head, LineState
from campaigns.ledger.statements import (
    CAMPAIGNS,
    CLOCKS,
    EVENT_COLUMNS,
    EVENTS,
    LINES,
    MESSAGES,
    STOPS,
    event_row,
    insert,
    lock_campaigns,
    marks,
    read_text,
    read_time,
)
from campaigns.states import CampaignStatus, MessageStatus, Pacing
from chatapp.models import Line, why_unusable

ON_STOP_LIST = "stop_list"
# A line serves campaigns in the order of their start; a trial, one message to the
# operator's own phone, does not wait for hours behind them.
TURN = "c.trial_of_id IS NULL, c.started_at, c.id"


class Dues:
    """The looking side of the ledger."""

    def __init__(self, door: Door) -> None:
        self._door = door

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
            f" WHERE k.line_id = %s ORDER BY {TURN} LIMIT 1",
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
        """Reads up to `most` messages of the line's head that are due now.

        Cancels those that it meets whose phone is on the stop list.
        """
        head = head_of(state)
        rows = await self._door.fetch(
            f"SELECT m.id, m.phone, m.tracking, m.attempt, m.delay_ms, m.fields, s.id"
            f" FROM {MESSAGES} m LEFT JOIN {STOPS} s ON s.phone = m.phone"
            f" WHERE m.campaign_id = %s AND m.status = %s AND m.delay_ms <= %s"
            f" ORDER BY m.delay_ms, m.id LIMIT {int(most)}",
            (head.campaign_id, MessageStatus.WAITING, _elapsed_ms(state)),
        )
        if stopped := [row[0] for row in rows if row[-1] is not None]:
            await self._cancel_stopped(head.campaign_id, stopped)
            return await self.find_due(state, most)
        return [
            Claimed(
                message_id=pk,
                campaign_id=head.campaign_id,
                line_id=state.line_id,
                phone=phone,
                tracking=join_tracking(read_text(tracking), attempt),
                attempt=attempt,
                delay_ms=delay_ms,
                fields=json.loads(fields) if fields else {},
            )
            for pk, phone, tracking, attempt, delay_ms, fields, _ in rows
        ]

    async def first_delay(self, campaign_id: int) -> timedelta | None:
        """The smallest delay that still waits; None when nothing waits."""
        rows = await self._door.fetch(
            f"SELECT delay_ms FROM {MESSAGES} WHERE campaign_id = %s AND status = %s"
            f" ORDER BY delay_ms LIMIT 1",
            (campaign_id, MessageStatus.WAITING),
        )
        return timedelta(milliseconds=rows[0][0]) if rows else None

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

    async def _cancel_stopped(self, campaign_id: int, ids: Sequence[int]) -> None:
        """Cancels waiting messages whose owners want none."""
        now = await self._door.now()
        async with self._door.transaction() as tx:
            await lock_campaigns(self._door, tx, [campaign_id])
            rows = await tx.fetch(
                f"SELECT id, attempt FROM {MESSAGES} WHERE id IN ({marks(ids)})"
                f" AND status = %s ORDER BY id",
                (*sorted(ids), MessageStatus.WAITING),
            )
            if not rows:
                return
            waiting = [pk for pk, _ in rows]
            await tx.execute(
                f"UPDATE {MESSAGES} SET status = %s, code = %s"
                f" WHERE id IN ({marks(waiting)})",
                (MessageStatus.CANCELLED, ON_STOP_LIST, *waiting),
            )
            detail = {"code": ON_STOP_LIST}
            events = [
                event_row(pk, attempt, EventKind.CANCELLED, now, detail=detail)
                for pk, attempt in rows
            ]
            await insert(tx, EVENTS, EVENT_COLUMNS, events)
            deltas = Deltas()
            for _ in waiting:
                deltas.move(campaign_id, MessageStatus.WAITING, MessageStatus.CANCELLED)
            await deltas.write(tx, now)


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
    head = head_of(state)
    if head.pacing == Pacing.ONE_AFTER_ANOTHER or head.delays_from is None:
        return 0
    return int((state.now - head.delays_from) / timedelta(milliseconds=1))


def head_of(state: LineState) -> Head:
    assert state.head is not None, "asked only of a line with something to send"
    return state.head
