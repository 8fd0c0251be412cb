"""The loop of a line: claim what is due, send it, record the answer, draw a pause."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from asgi_app.subjects import about
from campaigns.courier import Courier
from campaigns.each_on_its_own import EachOnItsOwn
from campaigns.ledger import CLAIM_S, Ledger
from campaigns.ledger.entries import Head, LineState, LostClaim, Move
from campaigns.pacing import Delays
from campaigns.resting import among, rest, verdict_on
from campaigns.rules import Verdict
from campaigns.states import Pacing
from chatapp.client import TokenSource
from chatapp.errors import RetryLater
from chatapp.limiter import Limiter

logger = logging.getLogger(__name__)

# A campaign that could not go on for so long waits for a click: what it says may be
# out of date by now.
IDLE = timedelta(hours=6)
PAUSED_IDLE = "idle"
LOOK_AGAIN = timedelta(seconds=0.5)
# How long a line whose licence cannot be used waits before it is looked at again.
UNUSABLE_S = 60.0


@dataclass(frozen=True)
class Sending:
    """Serves a line; everything it needs comes in from outside."""

    ledger: Ledger
    courier: Courier
    tokens: TokenSource
    limiter: Limiter
    delays: Delays
    is_stopping: Callable[[], bool] = lambda: False

    async def serve(self, line_id: int) -> datetime | None:
        """Does what the line has to do now.

        Returns the database's time at which to look again, None when nothing waits.
        Raises DatabaseAway when the database is.
        """
        state = await self.ledger.look(line_id)
        if state is None or state.head is None or self.is_stopping():
            return None
        if state.is_stopped:
            return None
        if state.next_at > state.now:
            return state.next_at
        with about(campaign=state.head.campaign_id):
            return await self._serve(state, state.head)

    async def _serve(self, state: LineState, head: Head) -> datetime | None:
        """Serves the campaign whose turn it is."""
        stood_since = state.held_since or state.next_at
        idle_since = max(filter(None, [stood_since, head.woken_at, head.served_at]))
        if state.now - idle_since > IDLE:
            logger.warning("the campaign lay idle: paused")
            await self.ledger.pause_idle(head, PAUSED_IDLE)
            return state.now
        try:
            if state.unusable:
                raise RetryLater(state.unusable, retry_after=UNUSABLE_S)
            zones = await self.ledger.waiting_zones(state)
            verdict = verdict_on(state, zones)
            if verdict.room == 0:
                return await self._rest(state, verdict)
            await self.tokens.access()
            if head.pacing == Pacing.ONE_AFTER_ANOTHER:
                return await self._serve_one(state, verdict)
            return await EachOnItsOwn(
                ledger=self.ledger,
                courier=self.courier,
                limiter=self.limiter,
                delays=self.delays,
                is_stopping=self.is_stopping,
            ).serve(state)
        except LostClaim as lost:
            logger.info("%s, looking again", lost)
            return state.now + LOOK_AGAIN
        except RetryLater as later:
            move = self.courier.setback(
                state, state.turn, later, await self.ledger.now()
            )
            await self.ledger.move(move)
            return move.next_at

    async def _rest(self, state: LineState, verdict: Verdict) -> datetime:
        """Lets the line rest until its rules let it go on."""
        move = rest(state, verdict)
        logger.info("the line rests until %s: %s", move.next_at, verdict.why)
        await self.ledger.move(move)
        return move.next_at

    async def _serve_one(self, state: LineState, verdict: Verdict) -> datetime:
        """Sends the next message, and holds the line for the pause behind it."""
        due = await self.ledger.find_due(state, 1, among(state, verdict))
        if not due:
            raise LostClaim("what waited is gone")
        permits = await self.limiter.take(1)
        if permits.is_paused:
            raise permits.why_paused()
        if not permits.granted:
            return state.now + timedelta(seconds=permits.wait_s)
        deadline = self.courier.clock() + CLAIM_S
        try:
            claim = await self.ledger.claim(state, due)
        except LostClaim:
            await self.limiter.give_back(1)
            raise
        outcome, error = await self.courier.send(claim.messages[0], state, deadline)
        if error is None:
            pause_ms = self.delays.draw_ms()
            next_at = outcome.at + timedelta(milliseconds=pause_ms)
            move = Move(state.line_id, claim.turn, next_at, pause_ms=pause_ms)
        else:
            move = self.courier.setback(state, claim.turn, error, outcome.at)
        await self.courier.record(replace(outcome, move=move))
        return move.next_at
