"""A new pair of tokens, from the row as read to the row as stored."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from chatapp import accounts
from chatapp.accounts import AccountKey, Claim, NewPair, Overtaken, Refusal, Stored
from chatapp.calls import Calls
from chatapp.credentials import Credentials, belongs
from chatapp.errors import (
    ChatAppError,
    NotReached,
    Refused,
    RetryLater,
    TokenUnavailable,
    Unsure,
)
from chatapp.models import RequestKind, RequestOutcome, Source
from chatapp.types import TokenPair
from chatapp.unstored import RETRY_S, Unstored, database

# A request for tokens ends after 10 s; a claim outlives it by far.
CLAIM = timedelta(seconds=30)
# The rest of the quota is left to the operator on the Connect page.
AUTOMATIC_CEILING = accounts.QUOTA - 10
TYPED_CEILING = accounts.QUOTA - 1
REFUSED_LOG_IN_RESTS = timedelta(hours=1)
SHORT_LIFE = timedelta(seconds=60)


class Renewal:
    """Makes requests for tokens behind the lock, one after another.

    Each is claimed and noted in the database first; `before_request` runs before that.
    """

    def __init__(
        self,
        calls: Calls,
        unstored: Unstored,
        *,
        clock: Callable[[], datetime],
        before_request: Callable[[], Awaitable[None]],
    ) -> None:
        self._calls = calls
        self._unstored = unstored
        self._clock = clock
        self._before_request = before_request
        self._by = secrets.token_hex(8)

    async def renew(
        self, row: Stored, configured: Credentials, *, was_refused: bool
    ) -> TokenPair:
        """A new pair: by refresh, and where that is refused by a configured log-in.

        Raises TokenUnavailable, or Overtaken when the row has changed meanwhile.
        """
        if row.pair is None or not belongs(row, configured):
            return await self._log_in_again(row, configured, follows=False)
        if was_refused and _is_young(row, self._clock()):
            await database(accounts.mark_short_lived, row.key)
        try:
            return await self._refresh(row, row.pair)
        except Refused as exc:
            refused = exc
        # One claim was won, so that this is the row as it was but for its version.
        row = await database(accounts.read)
        if row.claimed_by != self._by:
            raise Overtaken
        if configured and row.key == configured.key:
            return await self._log_in_again(row, configured, follows=True)
        await self._remember(row, RequestKind.REFRESH, refused)
        raise TokenUnavailable("refresh_refused", str(refused)) from refused

    async def log_in(
        self,
        row: Stored,
        credentials: Credentials,
        *,
        source: Source,
        by: str,
        ceiling: int,
        backs_off: bool,
    ) -> TokenPair:
        """Logs in once; the API's errors come as they are."""
        claim = await self._claim(
            row.version,
            credentials.key,
            RequestKind.LOG_IN,
            ceiling=ceiling,
            backs_off=backs_off,
        )
        pair = await self._made(
            claim,
            lambda: self._calls.make_token(
                email=credentials.email,
                password=credentials.password,
                app_id=credentials.app_id,
            ),
        )
        new = NewPair(credentials.key, pair, source, self._clock(), connected_by=by)
        return await self._unstored.store(claim, new)

    async def _log_in_again(
        self, row: Stored, configured: Credentials, *, follows: bool
    ) -> TokenPair:
        """Logs in by the settings; what they were refused with rests for an hour.

        So a wrong password does not burn the quota, and a fault of the API still heals.
        """
        is_another = belongs(row, configured) and row.key != configured.key
        if not configured or (row.key.email and is_another):
            raise TokenUnavailable("not_connected")
        now, last = self._clock(), row.refusal
        if last and last.mark == configured.mark:
            rests = (last.at + REFUSED_LOG_IN_RESTS - now).total_seconds()
            if rests > 0:
                raise TokenUnavailable(
                    "log_in_refused", f"{last.code}: {last.text}", retry_after=rests
                )
        try:
            return await self.log_in(
                row,
                configured,
                source=Source.ENVIRONMENT,
                by="",
                ceiling=AUTOMATIC_CEILING,
                backs_off=not follows,
            )
        except Refused as exc:
            row = await database(accounts.read)
            if row.claimed_by == self._by:
                await self._remember(row, RequestKind.LOG_IN, exc, configured.mark)
            raise TokenUnavailable(
                "log_in_refused",
                str(exc),
                retry_after=REFUSED_LOG_IN_RESTS.total_seconds(),
            ) from exc
        except ChatAppError as exc:
            raise _unavailable(RequestKind.LOG_IN, exc) from exc

    async def _refresh(self, row: Stored, pair: TokenPair) -> TokenPair:
        """Refreshes; when the answer is lost, once more with the same pair."""
        version, again = row.version, False
        while True:
            claim = await self._claim(
                version,
                row.key,
                RequestKind.REFRESH,
                ceiling=AUTOMATIC_CEILING,
                backs_off=not again,
            )
            try:
                made = await self._made(
                    claim, lambda: self._calls.refresh_token(pair.refresh)
                )
            except Refused:
                raise
            except ChatAppError as exc:
                # Round after round of it, one request each keeps to the quota.
                if claim.follows_a_loss or not isinstance(exc, Unsure):
                    raise _unavailable(RequestKind.REFRESH, exc) from exc
                version, again = claim.version, True
            else:
                new = NewPair(row.key, made, Source(row.source), self._clock())
                return await self._unstored.store(claim, new)

    async def _claim(
        self,
        version: int,
        key: AccountKey,
        kind: RequestKind,
        *,
        ceiling: int,
        backs_off: bool,
    ) -> Claim:
        await self._before_request()
        return await database(
            accounts.claim,
            key,
            kind,
            version=version,
            by=self._by,
            now=self._clock(),
            lasts=CLAIM,
            ceiling=ceiling,
            backs_off=backs_off,
        )

    async def _made(
        self, claim: Claim, request: Callable[[], Awaitable[TokenPair]]
    ) -> TokenPair:
        """The pair that the request brings; a failure is noted before it is raised."""
        # A process that was stopped in between no longer has the row.
        if self._clock() >= claim.until:
            late = RequestOutcome.NOT_REACHED
            await database(accounts.settle, claim, late, code="claim_over", text="")
            raise Overtaken
        try:
            return await request()
        except ChatAppError as exc:
            await database(
                accounts.settle,
                claim,
                _outcome(exc),
                code=exc.code,
                text=exc.text,
            )
            raise

    async def _remember(
        self, row: Stored, kind: RequestKind, refused: Refused, mark: str = ""
    ) -> None:
        refusal = Refusal(kind, refused.code, refused.text, self._clock(), mark)
        await database(accounts.remember, refusal, version=row.version)


def _is_young(row: Stored, now: datetime) -> bool:
    """Whether the API refused a pair that it had only just given."""
    return (
        row.pair is not None
        and row.obtained_at is not None
        and row.obtained_at > now - SHORT_LIFE
        and row.pair.access_ends_at > now
    )


def _outcome(exc: ChatAppError) -> RequestOutcome:
    match exc:
        case Refused():
            return RequestOutcome.REFUSED
        case RetryLater():
            return RequestOutcome.PUT_OFF
        case NotReached():
            return RequestOutcome.NOT_REACHED
        case _:
            return RequestOutcome.UNSURE


def _unavailable(kind: RequestKind, exc: ChatAppError) -> TokenUnavailable:
    if isinstance(exc, TokenUnavailable):
        return exc
    retry_after = exc.retry_after if isinstance(exc, RetryLater) else None
    return TokenUnavailable(
        f"{kind}_{_outcome(exc)}",
        str(exc),
        status=exc.status,
        retry_after=RETRY_S if retry_after is None else retry_after,
    )
