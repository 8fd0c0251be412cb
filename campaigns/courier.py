"""Takes one claimed message to ChatApp and brings its outcome home."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ParamSpec, TypeVar

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from asgi_app.database import DatabaseAway
from asgi_app.subjects import about
from campaigns.history import split_tracking
from campaigns.ledger import Ledger
from campaigns.ledger.entries import Claimed, LineState, Move, Outcome, Setback
from campaigns.pacing import backoff_s
from campaigns.states import MessageStatus
from campaigns.texts import BadText, MissingValue, read_template
from chatapp.calls import boottime
from chatapp.client import ChatApp
from chatapp.errors import ChatAppError, NotReached, Refused, RetryLater
from chatapp.limiter import ACCOUNT_PAUSED, MAX_HOLD_S
from chatapp.patience import patiently
from chatapp.types import Accepted, LineKey

P = ParamSpec("P")
T = TypeVar("T")
logger = logging.getLogger(__name__)

RECORD_S = 180.0
CODE_LENGTH = 100


@dataclass(frozen=True)
class Courier:
    ledger: Ledger
    chatapp: ChatApp
    source: random.Random
    phone_check: bool = False
    clock: Callable[[], float] = boottime

    async def send(
        self, claimed: Claimed, state: LineState, deadline: float
    ) -> tuple[Outcome, ChatAppError | None]:
        """Sends a message; with the outcome WAITING comes the error that held it back.

        `deadline` is on `clock`; nothing is sent after it.
        """
        with about(message=claimed.message_id):
            return await self._send(claimed, state, deadline)

    async def _send(
        self, claimed: Claimed, state: LineState, deadline: float
    ) -> tuple[Outcome, ChatAppError | None]:
        assert state.head is not None
        line = LineKey(state.licence_id, state.messenger)
        try:
            if self.phone_check and not await self._has_messenger(line, claimed.phone):
                raise Refused("not_on_whatsapp")
            accepted = await self.chatapp.send_text(
                line,
                phone=claimed.phone,
                text=_text_for(claimed, state.head.text),
                tracking=claimed.tracking,
                deadline=deadline,
            )
        except ChatAppError as error:
            outcome, held_back = _outcome_of(error, claimed, await self._moment(state))
            # What is unsure may be settled before it is stored: the ledger tells of it.
            if outcome.status == MessageStatus.FAILED:
                logger.info("%s: %s", outcome.status, outcome.code)
            return outcome, held_back
        return _accepted(accepted, claimed, await self._moment(state)), None

    async def record(self, outcome: Outcome) -> None:
        """Stores an outcome, patiently while the database is away."""
        with about(message=outcome.claimed.message_id):
            try:
                await self.patiently(self.ledger.record, outcome)
            except Exception:
                logger.exception(
                    "the message stays unsure: its outcome “%s”, id %s, was not stored",
                    outcome.status,
                    outcome.message_id,
                )
                raise

    async def patiently(
        self, work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Does something again and again while the database is away, within a bound."""
        return await patiently(_until_it_is_back, work, *args, **kwargs)

    def setback(
        self, state: LineState, turn: int, error: ChatAppError, at: datetime
    ) -> Move:
        """Where the line's clock goes after an error because of which nothing left."""
        asked_s = getattr(error, "retry_after", None)
        wait_s = asked_s or backoff_s(state.setbacks, self.source)
        # A far date in Retry-After must not take the line away for good.
        wait_s = min(wait_s, MAX_HOLD_S)
        logger.info("the line waits %.0f s: %s", wait_s, error)
        # The limiter holds all lines as long, and pages tell it by this code.
        code = ACCOUNT_PAUSED if error.status == 429 and asked_s else error.code
        setback = Setback(code[:CODE_LENGTH], error.text)
        return Move(state.line_id, turn, at + timedelta(seconds=wait_s), setback)

    async def _has_messenger(self, line: LineKey, phone: str) -> bool:
        try:
            return (await self.chatapp.check_phone(line, phone)).exists
        except ChatAppError as error:
            # The check is a courtesy: where it fails, the send decides.
            logger.info("phone check failed: %s", error.code)
            return True

    async def _moment(self, state: LineState) -> datetime:
        """The database's time, or near it while the database is away."""
        try:
            return await self.ledger.now()
        except DatabaseAway:
            return state.now


def _until_it_is_back() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception_type(DatabaseAway),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        stop=stop_after_delay(RECORD_S),
        reraise=True,
    )


def _text_for(claimed: Claimed, text: str) -> str:
    """The text for one person; a retry sends the same variant again.

    Raises Refused rather than let a text out that was not filled in.
    """
    seed, _attempt = split_tracking(claimed.tracking)
    try:
        return read_template(text).render(claimed.fields, seed=seed)
    except MissingValue as missing:
        raise Refused("value_missing", missing.name) from missing
    except BadText as bad:
        raise Refused("bad_text", bad.near) from bad


def _accepted(accepted: Accepted, claimed: Claimed, at: datetime) -> Outcome:
    return Outcome(
        claimed,
        MessageStatus.ACCEPTED,
        at,
        message_id=accepted.message_id,
        http_status=accepted.status,
        took_ms=accepted.took_ms,
    )


def _outcome_of(
    error: ChatAppError, claimed: Claimed, at: datetime
) -> tuple[Outcome, ChatAppError | None]:
    if isinstance(error, RetryLater | NotReached):
        code = error.code[:CODE_LENGTH]
        return Outcome(claimed, MessageStatus.WAITING, at, code=code), error
    refused = isinstance(error, Refused)
    outcome = Outcome(
        claimed,
        MessageStatus.FAILED if refused else MessageStatus.UNSURE,
        at,
        http_status=error.status,
        code=error.code[:CODE_LENGTH],
        reason=error.text,
        answer=error.raw,
    )
    return outcome, None
