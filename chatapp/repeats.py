"""A call to ChatApp with a token, under the limit, tried again where that is safe.

What is repeated, and what never is: `_Tries`.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from django.utils.translation import gettext_noop as noop
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    wait_random_exponential,
)

from chatapp.calls import Answer, Calls
from chatapp.errors import (
    NotReached,
    OutOfTime,
    RetryLater,
    TokenRefused,
    TokenUnavailable,
    Unsure,
)
from chatapp.limiter import Limiter
from chatapp.patience import patiently

logger = logging.getLogger(__name__)

MIN_LEFT_S = 5.0
MAX_REQUEST_S = 60.0
PATIENCE_S = 60.0
MAX_TRIES = 3
BACK_OFF_S = 5.0


class TokenSource(Protocol):
    """Where access tokens come from; both raise TokenUnavailable."""

    async def access(self) -> str:
        """An access token that should be good."""
        ...

    async def renew(self, *, stale: str) -> str:
        """A token other than `stale`, which the API has just refused."""
        ...


def sleep_unless(stopping: asyncio.Event) -> Callable[[float], Awaitable[None]]:
    """A sleep between tries that ends with RetryLater once the process is to stop.

    Nothing is under way between two tries, so the message may wait for the next start.
    """

    async def sleep(seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await stopping.wait()
        except TimeoutError:
            return
        raise RetryLater("stopping", noop("The worker was told to stop."))

    return sleep


class _Tries:
    """The tries of one call: which error is worth another, after what wait, how many.

    A refused token is renewed and tried once more. A connection that was not made and a
    429 are tried again, MAX_TRIES in all. An unsure outcome is repeated only where
    repeating does no harm, so never for a send. Nothing is repeated when it would not
    fit before the deadline.
    """

    def __init__(
        self,
        *,
        deadline: float,
        clock: Callable[[], float],
        harmless: bool,
        permitted: bool,
        renewals: int,
    ) -> None:
        self.deadline = deadline
        self.permitted = permitted
        self._stale: str | None = None
        self._clock = clock
        self._harmless = harmless
        self._renewals_left = renewals
        self._limit = MAX_TRIES

    def is_worth_another(self, exc: BaseException) -> bool:
        match exc:
            case TokenRefused():
                return self._renewals_left > 0
            case NotReached() | RetryLater(status=429):
                return True
            case Unsure():
                return self._harmless
            case _:
                return False

    def wait_s(self, state: RetryCallState) -> float:
        match state.outcome and state.outcome.exception():
            case TokenRefused():
                return 0.0
            case RetryLater(retry_after=float(seconds)):
                return seconds
            case RetryLater():
                return random.uniform(BACK_OFF_S, 2 * BACK_OFF_S)
            case _:
                return wait_random_exponential(multiplier=0.5, max=8)(state)

    def is_over(self, state: RetryCallState) -> bool:
        wakes_up_at = self._clock() + state.upcoming_sleep
        return (
            state.attempt_number >= self._limit
            or wakes_up_at + MIN_LEFT_S > self.deadline
        )

    async def token(self, tokens: TokenSource) -> str:
        if self._stale is None:
            return await tokens.access()
        stale, self._stale = self._stale, None
        self._renewals_left -= 1
        return await tokens.renew(stale=stale)

    def token_was_refused(self, token: str) -> None:
        self._stale = token
        self._limit += 1


class Requests:
    """Makes requests with what they need: a token, a permit, time to the deadline."""

    def __init__(
        self,
        calls: Calls,
        tokens: TokenSource,
        limiter: Limiter,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._calls = calls
        self._tokens = tokens
        self._limiter = limiter
        self._clock = clock
        self._sleep = sleep

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        permitted: bool = False,
    ) -> Answer:
        """Tries until an answer, a final error or the deadline (60 s by default)."""
        try:
            return await self._repeat(
                method, path, json=json, deadline=deadline, permitted=permitted
            )
        except TokenRefused as exc:
            text = exc.text or noop("ChatApp does not accept the token.")
            raise TokenUnavailable(
                "token_refused", text, status=exc.status, raw=exc.raw
            ) from exc

    async def is_accepted(self, method: str, path: str) -> bool:
        """Whether the token at hand is accepted for this; renews nothing."""
        try:
            await self._repeat(method, path, renewals=0)
        except TokenRefused:
            return False
        return True

    async def _repeat(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        permitted: bool = False,
        renewals: int = 1,
    ) -> Answer:
        tries = _Tries(
            deadline=self._clock() + PATIENCE_S if deadline is None else deadline,
            clock=self._clock,
            harmless=method != "POST",
            permitted=permitted,
            renewals=renewals,
        )

        def retrying() -> AsyncRetrying:
            return AsyncRetrying(
                retry=retry_if_exception(tries.is_worth_another),
                wait=tries.wait_s,
                stop=tries.is_over,
                sleep=self._sleep,
                reraise=True,
            )

        return await patiently(retrying, self._try, tries, method, path, json)

    async def _try(
        self,
        tries: _Tries,
        method: str,
        path: str,
        json: Mapping[str, Any] | None,
    ) -> Answer:
        token = await tries.token(self._tokens)
        if tries.permitted:
            tries.permitted = False
        else:
            await self._take_permit(tries.deadline)
        left_s = tries.deadline - self._clock()
        if left_s < MIN_LEFT_S:
            raise OutOfTime(
                "out_of_time", noop("Too little time is left before the deadline.")
            )
        try:
            return await self._calls.call(
                method,
                path,
                json=json,
                headers={"Authorization": token},
                total_s=min(MAX_REQUEST_S, left_s),
                deadline=tries.deadline,
            )
        except TokenRefused:
            tries.token_was_refused(token)
            raise
        except RetryLater as exc:
            if exc.status == 429:
                await self._hold_everybody(exc)
            raise

    async def _take_permit(self, deadline: float) -> None:
        while not (permits := await self._limiter.take()).granted:
            if self._clock() + permits.wait_s + MIN_LEFT_S > deadline:
                if permits.is_paused:
                    raise permits.why_paused()
                raise RetryLater(
                    "no_permit",
                    noop("The request limit leaves no room before the deadline."),
                    retry_after=permits.wait_s,
                )
            await self._sleep(permits.wait_s)

    async def _hold_everybody(self, refused: RetryLater) -> None:
        seconds = BACK_OFF_S if refused.retry_after is None else refused.retry_after
        try:
            await self._limiter.pause(seconds)
        except RetryLater:
            # The 429 is the news; the limiter will say so itself at the next permit.
            logger.warning("could not hold back the other processes after a 429")
