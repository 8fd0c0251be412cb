"""The pacing in which every message has a moment of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from asgi_app.database import DatabaseError
from campaigns.courier import Courier
from campaigns.ledger import CLAIM_S, Ledger
from campaigns.ledger.entries import Claimed, Head, LineState, LostClaim, Move
from campaigns.pacing import Delays
from campaigns.resting import among, verdict_on
from campaigns.rules import Verdict
from chatapp.errors import ChatAppError, RetryLater
from chatapp.limiter import Limiter

# A job ends well before arq's own limit, and the next one goes on.
JOB_S = 45.0
# A gap shorter than this is waited for in the job; a longer one is arq's.
SHORT_GAP_S = 0.5
SLOTS = 100
# What comes due within this leaves together: a claim costs the same for one as for
# ten. None leaves early, and nobody's delay is so exact that it could matter.
TOGETHER_S = 0.1
# Which part of the slots.
FILLED_AT_ONCE = 4
# Moments that lie further back than this were missed in an outage or a pause; those
# that only queue behind the limiter are served all the while.
MISSED = timedelta(seconds=60)


@dataclass
class EachOnItsOwn:
    """One job: sends what is due, many at a time, until nothing is."""

    ledger: Ledger
    courier: Courier
    limiter: Limiter
    delays: Delays
    is_stopping: Callable[[], bool]
    slots: int = SLOTS
    _state: LineState = field(init=False)
    _ends_at: float = field(init=False)
    # Sent or being sent, until recorded; `_leaving` of them have no answer yet.
    _in_flight: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _leaving: int = field(default=0, init=False)
    # While more is due than may leave, slots are not filled up one by one.
    _least: int = field(default=1, init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _failure: BaseException | None = field(default=None, init=False)
    _error: ChatAppError | None = field(default=None, init=False)
    # On the courier's clock; before that nothing more is due.
    _look_at: float = field(default=0.0, init=False)
    # How long the limiter held back what was due.
    _wait_s: float = field(default=0.0, init=False)
    # What the rules said when it was asked last.
    _verdict: Verdict = field(default=Verdict(None), init=False)

    async def serve(self, state: LineState) -> datetime:
        """Returns when to look again; raises LostClaim, RetryLater, DatabaseAway."""
        self._state = state
        self._state = await self._with_delays(state)
        self._ends_at = self.courier.clock() + JOB_S
        broken: DatabaseError | None = None
        try:
            await self._send_all_due()
        except LostClaim:
            pass  # paused, or moved by somebody else: let go of the line below
        except DatabaseError as error:
            broken = error  # the line must not stand still until the claims end
        except RetryLater as later:
            self._error = later
        except asyncio.CancelledError:
            for task in self._in_flight:
                task.cancel()
            raise
        finally:
            # What is under way is seen through, whatever became of the line.
            await asyncio.gather(*self._in_flight, return_exceptions=True)
        next_at = await self.courier.patiently(self._release)
        if broken is not None:
            raise broken
        return next_at

    async def _with_delays(self, state: LineState) -> LineState:
        """Lets the delays begin to count; draws anew those that were missed."""
        head = _head(state)
        if head.delays_from is not None and not await self._were_missed(state):
            return state
        if head.delays_from is not None or head.draw_anew:
            await self.ledger.draw_anew(head, self.delays.draws_ms())
        else:
            await self.ledger.begin_delays(head)
        looked = await self.ledger.look(state.line_id)
        if looked is None or looked.turn != state.turn or looked.head is None:
            raise LostClaim("the line changed while its delays were drawn")
        if looked.head.campaign_id != head.campaign_id:
            raise LostClaim("another campaign's turn has come")
        return looked

    async def _were_missed(self, state: LineState) -> bool:
        head = _head(state)
        idle_since = max(filter(None, [head.delays_from, head.served_at]))
        if state.now - idle_since < MISSED:
            return False
        next_moment = await self._next_moment()
        return next_moment is not None and state.now - next_moment > MISSED

    async def _send_all_due(self) -> None:
        while True:
            wait_s = None
            if self._may_claim():
                wait_s = self._look_at - self.courier.clock()
                if wait_s <= 0:
                    wait_s = await self._claim_what_is_due()
                    if wait_s is not None:
                        self._look_at = self.courier.clock() + wait_s
            if self._in_flight:
                await self._wait_for_news(wait_s)
            elif wait_s is not None and wait_s <= SHORT_GAP_S:
                await asyncio.sleep(wait_s)
            else:
                return

    def _may_claim(self) -> bool:
        return (
            self._error is None
            and self._free >= self._least
            and not self.is_stopping()
            and self.courier.clock() < self._ends_at
        )

    async def _claim_what_is_due(self) -> float | None:
        """Claims and sends; returns seconds until there may be more, None for never."""
        self._state = replace(self._state, now=await self.ledger.now())
        zones = await self.ledger.waiting_zones(self._state)
        self._verdict = verdict = verdict_on(self._state, zones)
        if verdict.room == 0:
            return None
        most = self._free if verdict.room is None else min(self._free, verdict.room)
        due = await self.ledger.find_due(self._state, most, among(self._state, verdict))
        if not due:
            moment = await self._next_moment()
            if moment is None:
                return None
            return max((moment - self._state.now).total_seconds(), 0)
        is_all = len(due) < most
        self._least = 1 if is_all else max(self.slots // FILLED_AT_ONCE, 1)
        permits = await self.limiter.take(len(due))
        if permits.is_paused:
            raise permits.why_paused()
        self._wait_s = permits.wait_s
        due = due[: permits.granted]
        if not due:
            return permits.wait_s
        deadline = self.courier.clock() + CLAIM_S
        try:
            claim = await self.ledger.claim(self._state, due)
        except LostClaim:
            await self.limiter.give_back(len(due))
            raise
        self._state = replace(self._state, turn=claim.turn, tally=claim.tally)
        for claimed in claim.messages:
            task = asyncio.create_task(self._send(claimed, deadline))
            self._in_flight.add(task)
            task.add_done_callback(self._ended)
        self._leaving += len(claim.messages)
        return max(permits.wait_s, TOGETHER_S) if is_all else permits.wait_s

    async def _send(self, claimed: Claimed, deadline: float) -> None:
        try:
            outcome, error = await self.courier.send(claimed, self._state, deadline)
        finally:
            self._leaving -= 1
        self._error = error or self._error
        self._news.set()
        await self.courier.record(outcome)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled():
            self._failure = task.exception() or self._failure
        self._news.set()

    @property
    def _free(self) -> int:
        """How many may leave now; what waits to be recorded must not pile up."""
        return min(self.slots - self._leaving, 2 * self.slots - len(self._in_flight))

    async def _wait_for_news(self, most_s: float | None) -> None:
        """Waits until a slot is free, a message is recorded, or so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._news.wait()
        self._news.clear()
        if self._failure is not None:
            raise self._failure

    async def _next_moment(self) -> datetime | None:
        """When the next waiting message is due; None when nothing waits."""
        head = _head(self._state)
        assert head.delays_from is not None
        zones = among(self._state, self._verdict)
        delay = await self.ledger.first_delay(head, zones)
        return None if delay is None else head.delays_from + delay

    async def _release(self) -> datetime:
        """Lets go of the line until its next message, or for a pause."""
        state, now = self._state, await self.ledger.now()
        if self._error is not None:
            move = self.courier.setback(state, state.turn, self._error, now)
        else:
            pause_ms = self.delays.draw_ms()
            pause = timedelta(milliseconds=pause_ms)
            moment = await self._next_moment() or now + pause
            soonest = now + timedelta(seconds=self._wait_s)
            moment = max(soonest, moment)
            move = Move(state.line_id, state.turn, moment, pause_ms=pause_ms)
        await self.ledger.move(move)
        return move.next_at


def _head(state: LineState) -> Head:
    assert state.head is not None
    return state.head
