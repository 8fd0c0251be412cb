"""The claim that makes a message leave, and the clock that it moves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from asgi_app.database import Door, Tx
from campaigns.history import EventKind
from campaigns.ledger.brake import DELIVERY_COLLAPSED
from campaigns.ledger.dues import head_of
from campaigns.ledger.entries import (
    Claim,
    Claimed,
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
    MESSAGES,
    STOPS,
    event_row,
    insert,
    lock_campaigns,
    marks,
    update_each,
)
from campaigns.rules import may_send
from campaigns.states import CampaignStatus, MessageStatus, Pacing
from campaigns.timings import Timed, Timings

CLAIM_S = 90.0
DRAW_CHUNK = 500


class Claims:
    """The claiming side of the ledger."""

    def __init__(self, door: Door, worker: str, timings: Timings) -> None:
        self._door = door
        self._worker = worker
        self._timings = timings

    async def claim(
        self, state: LineState, due: Sequence[Claimed], *, for_s: float = CLAIM_S
    ) -> Claim:
        """Claims exactly these messages and holds the line.

        Raises LostClaim when the line's rules forbid it by now, the campaign does not
        run any more or is of no use, the line was moved or stopped by somebody else,
        one of the messages is not waiting, or its phone is on the stop list.
        """
        head = head_of(state)
        now = await self._door.now()
        if not (head.is_trial or _are_allowed(state, due, now)):
            raise LostClaim("the line's rules have no room for it now")
        # Only who has the turn counts, and what is given back ends the job that has it.
        tally = state.tally.after(len(due), now, state.rules.zone)
        deadline = now + timedelta(seconds=for_s)
        ids = sorted(item.message_id for item in due)
        count = len(ids)
        async with self._door.transaction() as tx:
            running = await tx.execute(
                f"UPDATE {CAMPAIGNS}{self._door.by_key} SET waiting = waiting - %s,"
                f" claimed = claimed + %s, served_at = %s"
                f" WHERE id = %s AND status = %s AND waiting >= %s"
                f" AND slice_is_open = %s AND (use_until IS NULL OR use_until > %s)",
                (
                    count,
                    count,
                    now,
                    head.campaign_id,
                    CampaignStatus.RUNNING,
                    count,
                    head.slice_is_open,
                    now,
                ),
            )
            if not running:
                raise LostClaim("the campaign does not run")
            moved = await tx.execute(
                f"UPDATE {CLOCKS} SET next_at = %s, turn = turn + 1, held_by = %s,"
                f" is_resting = %s, hour_at = %s, hour_count = %s, day_at = %s,"
                f" day_count = %s, warm_days = %s"
                f" WHERE line_id = %s AND turn = %s AND (stopped_at IS NULL"
                f" OR (stopped_code = %s AND %s))",
                (
                    deadline,
                    self._worker,
                    False,
                    tally.hour_at,
                    tally.hour_count,
                    tally.day_at,
                    tally.day_count,
                    tally.warm_days,
                    state.line_id,
                    state.turn,
                    DELIVERY_COLLAPSED,
                    head.is_line_test,
                ),
            )
            if not moved:
                raise LostClaim("another job has the line, or it was stopped")
            taken = await tx.execute(
                f"UPDATE {MESSAGES} SET status = %s, claimed_by = %s,"
                f" claimed_at = %s, claim_deadline = %s"
                f" WHERE id IN ({marks(ids)}) AND status = %s AND NOT EXISTS"
                f" (SELECT 1 FROM {STOPS} s WHERE s.phone = {MESSAGES}.phone)",
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
                raise LostClaim("a message is not waiting, or its owner opted out")
            events = [self._claim_event(item, state, now) for item in due]
            await insert(tx, EVENTS, EVENT_COLUMNS, events)
        for item in due:
            self._time(item, state, now)
        claimed = (replace(item, claimed_at=now, deadline=deadline) for item in due)
        return Claim(state.turn + 1, tally, tuple(claimed))

    async def move(self, move: Move) -> bool:
        """Moves the clock of a line; False when somebody else has it."""
        async with self._door.transaction() as tx:
            return await move_clock(tx, move, await self._door.now())

    async def begin_delays(self, head: Head) -> None:
        """Lets the delays of "each on its own" count from now."""
        now = await self._door.now()
        async with self._door.transaction() as tx:
            await tx.execute(
                f"UPDATE {CAMPAIGNS}{self._door.by_key} SET delays_from = %s,"
                f" draw_anew = %s WHERE id = %s AND status = %s",
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

    async def pause_idle(self, head: Head, because: str) -> None:
        """Pauses a campaign by the program itself, until somebody clicks."""
        async with self._door.transaction() as tx:
            await tx.execute(
                f"UPDATE {CAMPAIGNS}{self._door.by_key} SET status = %s,"
                f" paused_because = %s WHERE id = %s AND status = %s",
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
        planned_at, pause_ms = _plan(item, state)
        detail = {
            "worker": self._worker,
            "planned_at": planned_at.isoformat(),
            "pause_ms": pause_ms,
        }
        return event_row(
            item.message_id, item.attempt, EventKind.CLAIMED, now, detail=detail
        )

    def _time(self, item: Claimed, state: LineState, now: datetime) -> None:
        head = head_of(state)
        planned_at, pause_ms = _plan(item, state)
        late_s = (now - planned_at).total_seconds()
        self._timings.add(Timed.LATENESS, head.pacing, late_s)
        if pause_ms is not None:
            self._timings.add(Timed.PAUSE, head.pacing, pause_ms / 1000)


def _plan(item: Claimed, state: LineState) -> tuple[datetime, int | None]:
    """When a message was to leave, and the pause that was drawn before it."""
    head = head_of(state)
    if head.pacing == Pacing.ONE_AFTER_ANOTHER or head.delays_from is None:
        # What was started or resumed on an idle line was not due before that.
        return max(state.next_at, head.woken_at or state.next_at), state.pause_ms
    delay = timedelta(milliseconds=item.delay_ms)
    return head.delays_from + delay, item.delay_ms


def _are_allowed(state: LineState, due: Sequence[Claimed], now: datetime) -> bool:
    """Whether the rules let all of these leave at this very moment."""
    zones = sorted({item.zone for item in due})
    verdict = may_send(state.rules, state.tally, now, zones)
    has_room = verdict.room is None or verdict.room >= len(due)
    is_awake = not state.rules.in_recipients_zone or set(zones) <= set(verdict.awake)
    return has_room and is_awake


async def give_back(tx: Tx, claimed: Claimed) -> None:
    """Takes a message that did not leave out of its line's tally."""
    at = claimed.claimed_at
    await tx.execute(
        # MySQL reads the columns from left to right: the day's count must come last. A
        # day on which nothing left is no day of the warm-up.
        f"UPDATE {CLOCKS} SET hour_count = hour_count"
        f" - (CASE WHEN hour_count > 0 AND hour_at <= %s THEN 1 ELSE 0 END),"
        f" warm_days = warm_days - (CASE WHEN day_count = 1 AND day_at <= %s"
        f" AND warm_days > 0 THEN 1 ELSE 0 END),"
        f" day_at = CASE WHEN day_count = 1 AND day_at <= %s THEN NULL"
        f" ELSE day_at END,"
        f" day_count = day_count - (CASE WHEN day_count > 0"
        f" AND (day_at IS NULL OR day_at <= %s) THEN 1 ELSE 0 END)"
        f" WHERE line_id = %s",
        (at, at, at, at, claimed.line_id),
    )


async def move_clock(tx: Tx, move: Move, now: datetime) -> bool:
    """Moves a line's clock inside a transaction, if the turn is still the mover's."""
    setback = move.setback
    since = "CASE WHEN setbacks = 0 THEN %s ELSE held_since END" if setback else "%s"
    moved = await tx.execute(
        f"UPDATE {CLOCKS} SET next_at = %s, turn = turn + 1, held_by = '',"
        f" pause_ms = %s,"
        # MySQL reads the columns from left to right: `setbacks` must come last.
        f" held_since = {since},"
        f" held_code = %s, held_reason = %s, held_at = %s,"
        f" is_resting = %s, setbacks = {'setbacks + 1' if setback else '0'}"
        f" WHERE line_id = %s AND turn = %s",
        (
            move.next_at,
            move.pause_ms,
            now if setback else None,
            setback.code if setback else "",
            setback.reason if setback else "",
            now if setback else None,
            move.is_resting,
            move.line_id,
            move.turn,
        ),
    )
    return bool(moved)
