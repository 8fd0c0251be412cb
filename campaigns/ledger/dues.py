"""Whose turn it is on a line, and which of its messages are due."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from asgi_app.database import Door, Row, as_time
from campaigns.history import EventKind, join_tracking
from campaigns.ledger.brake import DELIVERY_COLLAPSED
from campaigns.ledger.counters import Deltas
from campaigns.ledger.entries import Claimed, Due, Head, LineState
from campaigns.ledger.rule_rows import read_rules, read_tally
from campaigns.ledger.statements import (
    CAMPAIGNS,
    CLOCKS,
    EVENT_COLUMNS,
    EVENTS,
    LINES,
    MESSAGES,
    RULES,
    SLICES,
    STOPS,
    event_row,
    insert,
    lock_campaigns,
    marks,
    read_text,
    read_time,
)
from campaigns.models import BY_DELAY, BY_ZONE
from campaigns.rules import HOUSE
from campaigns.states import CampaignStatus, MessageStatus, Pacing
from chatapp.models import Line, why_unusable

ON_STOP_LIST = "stop_list"
# A line serves campaigns in the order of their start; a trial, one message to the
# operator's own phone, does not wait for hours behind them, a test of the line less so.
TURN = "c.is_line_test DESC, c.trial_of_id IS NULL, c.started_at, c.id"
_OF_CAMPAIGN = "m.campaign_id = %s AND m.status = %s"
# CROSS has SQLite begin with the few members, not with all that wait; to MySQL it is a
# plain JOIN, which begins there by itself.
_MEMBERS = (
    f"{SLICES} x CROSS JOIN {MESSAGES} m"
    f" ON m.id = x.message_id AND m.campaign_id = x.campaign_id"
)
# Of which campaigns something may leave; `_runnable` gives the parameters.
_RUNNABLE = (
    "c.status = %s AND c.waiting > 0 AND (c.use_until IS NULL OR c.use_until > %s)"
    f" AND (c.slice_is_open = %s OR EXISTS (SELECT 1 FROM {_MEMBERS}"
    f" WHERE x.campaign_id = c.id AND m.status = %s))"
)


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
            f" k.stopped_at, k.stopped_code,"
            f" k.hour_at, k.hour_count, k.day_at, k.day_count, k.warm_days,"
            f" r.line_id, r.windows, r.days_off, r.in_recipients_zone, r.hour_cap,"
            f" r.day_cap, r.warm_up,"
            f" c.id, c.text, c.pacing, c.delays_from, c.draw_anew, c.served_at,"
            f" c.woken_at, c.trial_of_id, c.slice_is_open,"
            f" c.is_line_test"
            f" FROM {CLOCKS} k JOIN {LINES} l ON l.id = k.line_id"
            f" LEFT JOIN {RULES} r ON r.line_id = k.line_id"
            f" LEFT JOIN {CAMPAIGNS} c ON c.line_id = k.line_id"
            f" AND {_RUNNABLE}"
            f" WHERE k.line_id = %s ORDER BY {TURN} LIMIT 1",
            (*_runnable(now), line_id),
        )
        if not rows:
            return None
        licence_id, messenger, paid_until, active, is_listed = rows[0][:5]
        next_at, turn, setbacks, held_since, pause_ms = rows[0][5:10]
        stopped_at, stopped_code = rows[0][10:12]
        tally, rules, campaign = rows[0][12:17], rows[0][17:24], rows[0][24:]
        head = _read_head(campaign)
        # What the delivery brake has stopped may be tested.
        may_test = stopped_code == DELIVERY_COLLAPSED and head and head.is_line_test
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
            is_stopped=stopped_at is not None and not may_test,
            unusable=why_unusable(line, now) or "",
            rules=read_rules(*rules),
            tally=read_tally(*tally),
            head=head,
        )

    async def find_due(
        self, state: LineState, most: int, zones: Sequence[str] | None = None
    ) -> list[Claimed]:
        """Reads up to `most` messages of the line's head that are due now.

        With `zones` only of recipients in these. Cancels those that it meets whose
        phone is on the stop list.
        """
        head = head_of(state)
        rows: list[Row] = []
        # A query for each zone: in one, all that waits elsewhere would be looked at.
        for where in [None] if zones is None else zones:
            rows += await self._door.fetch(
                f"SELECT m.delay_ms, m.id, m.phone, m.tracking, m.attempt, m.fields,"
                f" m.zone, s.id"
                f" FROM {self._in_order(head, where)}"
                f" LEFT JOIN {STOPS} s ON s.phone = m.phone"
                f" WHERE {_OF_CAMPAIGN} AND m.delay_ms <= %s"
                f"{'' if where is None else ' AND m.zone = %s'}"
                f" ORDER BY m.delay_ms, m.id LIMIT {int(most)}",
                (
                    head.campaign_id,
                    MessageStatus.WAITING,
                    _elapsed_ms(state),
                    *([] if where is None else [where]),
                ),
            )
        rows = sorted(rows, key=lambda row: row[:2])[:most]
        if stopped := [row[1] for row in rows if row[-1] is not None]:
            await self._cancel_stopped(head.campaign_id, stopped)
            return await self.find_due(state, most, zones)
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
                zone=zone,
            )
            for delay_ms, pk, phone, tracking, attempt, fields, zone, _ in rows
        ]

    async def waiting_zones(self, state: LineState) -> list[str]:
        """In which zones recipients of the line's head wait, where that matters.

        Hops from zone to zone by the index (campaign, status, zone).
        """
        head, rules = head_of(state), state.rules
        if not (rules.in_recipients_zone and rules.hours.are_limited):
            return [HOUSE]
        zones: list[str] = []
        params: list[Any] = [head.campaign_id, MessageStatus.WAITING]
        while True:
            where = _OF_CAMPAIGN + (" AND m.zone > %s" if zones else "")
            rows = await self._door.fetch(
                f"SELECT MIN(m.zone) FROM {_waiting(head)} WHERE {where}",
                [*params, *zones[-1:]],
            )
            if rows[0][0] is None:
                return zones or [HOUSE]
            zones.append(rows[0][0])

    async def first_delay(
        self, head: Head, zones: Sequence[str] | None = None
    ) -> timedelta | None:
        """The smallest delay that still waits; None when nothing waits."""
        delays: list[int] = []
        for where in [None] if zones is None else zones:
            rows = await self._door.fetch(
                f"SELECT m.delay_ms FROM {self._in_order(head, where)}"
                f" WHERE {_OF_CAMPAIGN}"
                f"{'' if where is None else ' AND m.zone = %s'}"
                f" ORDER BY m.delay_ms LIMIT 1",
                (
                    head.campaign_id,
                    MessageStatus.WAITING,
                    *([] if where is None else [where]),
                ),
            )
            delays += [delay_ms for (delay_ms,) in rows]
        return timedelta(milliseconds=min(delays)) if delays else None

    async def overdue(self, *, by_s: float) -> list[Due]:
        """Lines with something to send whose time has passed by `by_s` seconds."""
        now = await self._door.now()
        rows = await self._door.fetch(
            f"SELECT k.line_id, k.next_at FROM {CLOCKS} k WHERE k.next_at <= %s"
            f" AND EXISTS (SELECT 1 FROM {CAMPAIGNS} c WHERE c.line_id = k.line_id"
            f" AND {_RUNNABLE} AND (k.stopped_at IS NULL"
            f" OR (k.stopped_code = %s AND c.is_line_test = %s)))",
            (
                now - timedelta(seconds=by_s),
                *_runnable(now),
                DELIVERY_COLLAPSED,
                True,
            ),
        )
        return [Due(line_id, read_time(next_at)) for line_id, next_at in rows]

    def _in_order(self, head: Head, zone: str | None) -> str:
        """The same, read in the order of their delays: whoever sorts reads them all.

        Left to itself MariaDB takes any index that begins with campaign and status.
        """
        if head.slice_is_open:
            return _MEMBERS
        index = BY_DELAY if zone is None else BY_ZONE
        return f"{MESSAGES} m{self._door.by_index.format(index)}"

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


def _runnable(now: datetime) -> tuple[Any, ...]:
    return (CampaignStatus.RUNNING, now, False, MessageStatus.WAITING)


def _waiting(head: Head) -> str:
    """The tables in which a campaign's messages are that may leave."""
    if head.slice_is_open:
        return _MEMBERS
    return f"{MESSAGES} m"


def _read_head(campaign: Sequence[Any]) -> Head | None:
    pk, text, pacing, delays_from, draw_anew, served_at, *more = campaign
    woken_at, trial_of, slice_is_open, is_line_test = more
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
        is_trial=trial_of is not None or bool(is_line_test),
        is_line_test=bool(is_line_test),
        slice_is_open=bool(slice_is_open),
    )


def _elapsed_ms(state: LineState) -> int:
    """How much of the drawn delays has passed."""
    head = head_of(state)
    if head.pacing == Pacing.ONE_AFTER_ANOTHER or head.delays_from is None:
        return 0
    return (state.now - head.delays_from) // timedelta(milliseconds=1)


def head_of(state: LineState) -> Head:
    assert state.head is not None, "asked only of a line with something to send"
    return state.head
