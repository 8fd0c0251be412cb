"""The token store: one pair of tokens for all processes, made once and kept alive."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from django.utils import timezone
from redis.asyncio import Redis
from redis.asyncio.lock import Lock
from redis.exceptions import LockError, RedisError

from asgi_app.database import in_orm
from chatapp import accounts
from chatapp.accounts import Overtaken, Stored
from chatapp.calls import Calls
from chatapp.credentials import Credentials, belongs
from chatapp.errors import TokenUnavailable
from chatapp.finisher import Finisher
from chatapp.models import Source
from chatapp.renewal import TYPED_CEILING, Renewal
from chatapp.status import AccountStatus, read_status
from chatapp.types import TokenPair
from chatapp.unstored import RETRY_S, Unstored, database

logger = logging.getLogger(__name__)

LOCK = "chatapp:tokens:lock"
# Each request behind the lock ends after 10 s and starts the lock's time anew.
LOCK_S = 20.0
WAIT_S = 35.0
POLL_S = 0.05
# How long a process goes on with its own copy before it looks at the row again.
COPY_S = 30.0
DUE_AFTER = 0.8


class TokenStore:
    """Hands out the access token; renews it once, however many ask in how many places.

    Redis holds the lock, the database the tokens, and the row is claimed there before
    each request, because a lock can vanish. What is begun is finished even when the
    caller is cancelled. Raises TokenUnavailable, whose code says why.
    """

    def __init__(
        self,
        calls: Calls,
        redis: Redis,
        *,
        email: str,
        password: str,
        app_id: str,
        clock: Callable[[], datetime] = timezone.now,
        place: str = "",
    ) -> None:
        """`place` names the API: tokens made at another one are never sent to it."""
        self._calls = calls
        self._redis = redis
        self._configured = Credentials(place, email, password, app_id)
        self._clock = clock
        self._copy: TokenPair | None = None
        self._looked_at = float("-inf")
        self._unstored = Unstored()
        self._flight: asyncio.Task[TokenPair] | None = None
        self._work = Finisher()
        self._has_told_broken_seal = False

    async def access(self) -> str:
        """The access token, made or renewed if need be."""
        copy = self._copy
        if copy is None or copy.access_ends_at <= self._clock():
            return (await self._share()).access
        if time.monotonic() - self._looked_at > COPY_S:
            self._looked_at = time.monotonic()
            try:
                return (await self._share()).access
            except TokenUnavailable as exc:
                if copy.access_ends_at <= self._clock() or exc.code == "not_connected":
                    raise
        return copy.access

    async def renew(self, *, stale: str) -> str:
        """Another token than `stale`, which the API has just refused."""
        while True:
            copy = self._copy
            is_new = copy is not None and copy.access != stale
            if copy and is_new and copy.access_ends_at > self._clock():
                return copy.access
            # A flight that was under way may bring the very pair that is stale.
            pair = await self._share(stale=stale, was_refused=True)
            if pair.access != stale:
                return pair.access

    async def keep_fresh(self) -> None:
        """Renews ahead of time, and connects by the settings when nothing is stored.

        For a cron job: what goes wrong is logged, and the next run tries again.
        """
        try:
            row = await database(accounts.read)
            if row.pair is None or not belongs(row, self._configured):
                if self._configured:
                    await self._share()
            elif _is_due(row, self._clock()):
                await self._share(stale=row.pair.access)
        except TokenUnavailable as exc:
            logger.warning("the tokens were not renewed ahead of time: %s", exc)

    async def connect(self, *, email: str, password: str, app_id: str, by: str) -> None:
        """Logs in with what an operator typed; the password is not kept.

        Raises Refused, NotReached, RetryLater (TokenUnavailable too) or Unsure, and
        then leaves the account as it was.
        """
        typed = Credentials(self._configured.place, email, password, app_id)
        await asyncio.shield(self._work.start(self._connect(typed, by)))

    async def status(self) -> AccountStatus:
        """What the pages show of the account; asks the database only."""
        return await in_orm(read_status, self._configured, self._clock())

    async def close(self) -> None:
        """Waits for what is under way; its answer would be lost otherwise."""
        await self._work.close()

    async def _share(self, *, stale: str = "", was_refused: bool = False) -> TokenPair:
        """Joins the renewal under way in this process, or starts one."""
        if self._flight is None:
            self._flight = self._work.start(self._fly(stale, was_refused))
        return await asyncio.shield(self._flight)

    async def _fly(self, stale: str, was_refused: bool) -> TokenPair:
        try:
            self._copy = await self._fresh(stale, was_refused)
            self._looked_at = time.monotonic()
            return self._copy
        finally:
            self._flight = None

    async def _fresh(self, stale: str, was_refused: bool) -> TokenPair:
        await self._unstored.catch_up()
        if pair := self._good(await database(accounts.read), stale):
            return pair
        deadline = time.monotonic() + WAIT_S
        async with self._locked(deadline) as renewal:
            while True:
                row = await self._unclaimed(deadline, stale)
                if pair := self._good(row, stale):
                    return pair
                try:
                    return await renewal.renew(
                        row, self._configured, was_refused=was_refused
                    )
                except Overtaken:
                    continue

    async def _connect(self, typed: Credentials, by: str) -> None:
        await self._unstored.catch_up()
        deadline = time.monotonic() + WAIT_S
        async with self._locked(deadline) as renewal:
            while True:
                row = await self._unclaimed(deadline)
                try:
                    self._copy = await renewal.log_in(
                        row,
                        typed,
                        source=Source.TYPED,
                        by=by,
                        ceiling=TYPED_CEILING,
                        backs_off=False,
                    )
                    return
                except Overtaken:
                    continue

    async def _unclaimed(self, deadline: float, stale: str | None = None) -> Stored:
        """The row once nobody else has a claim on it, or has put a good pair there."""
        while True:
            if time.monotonic() > deadline:
                raise TokenUnavailable("renewal_under_way", retry_after=RETRY_S)
            row = await database(accounts.read)
            until = row.claimed_until
            if until is None or until <= self._clock():
                return row
            if stale is not None and self._good(row, stale):
                return row
            await asyncio.sleep(POLL_S)

    def _good(self, row: Stored, stale: str) -> TokenPair | None:
        if row.is_sealed_shut and not self._has_told_broken_seal:
            self._has_told_broken_seal = True
            logger.error(
                "the stored tokens cannot be read: SECRET_KEY has changed; "
                "put the old one into SECRET_KEY_FALLBACKS, or connect again"
            )
        pair = row.pair
        if pair is None or pair.access == stale or pair.access_ends_at <= self._clock():
            return None
        return pair if belongs(row, self._configured) else None

    @asynccontextmanager
    async def _locked(self, deadline: float) -> AsyncIterator[Renewal]:
        lock = self._redis.lock(
            LOCK,
            timeout=LOCK_S,
            sleep=POLL_S,
            blocking_timeout=max(0.0, deadline - time.monotonic()),
        )
        try:
            is_ours = await lock.acquire()
        except (RedisError, OSError) as exc:
            raise TokenUnavailable("redis_away", retry_after=RETRY_S) from exc
        if not is_ours:
            raise TokenUnavailable("renewal_under_way", retry_after=RETRY_S)
        try:
            yield Renewal(
                self._calls,
                self._unstored,
                clock=self._clock,
                before_request=lambda: _extend(lock),
            )
        finally:
            # The work is done and stored: a lock that was lost changes nothing.
            try:
                await lock.release()
            except (RedisError, OSError) as exc:
                logger.info("the token lock was gone before its release: %r", exc)


async def _extend(lock: Lock) -> None:
    try:
        await lock.reacquire()
    except LockError:
        # Redis was flushed: the claim in the database is what counts.
        logger.info("the token lock is gone; the claim in the database still holds")
    except (RedisError, OSError) as exc:
        raise TokenUnavailable("redis_away", retry_after=RETRY_S) from exc


def _is_due(row: Stored, now: datetime) -> bool:
    if row.pair is None or row.obtained_at is None:
        return False
    ends = min(row.pair.access_ends_at, row.pair.refresh_ends_at)
    return now >= row.obtained_at + (ends - row.obtained_at) * DUE_AFTER
