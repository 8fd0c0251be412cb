"""Token stores as several processes have them, over one Redis and one database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from redis.asyncio import Redis

from asgi_app.database import in_orm
from chatapp.calls import Calls
from chatapp.models import Account, TokenRequest
from chatapp.sandbox.options import Credentials
from chatapp.sandbox.testing import SandboxServer
from chatapp.tokens import TokenStore
from chatapp.transport import open_http
from chatapp.types import TokenPair

ACCOUNT = Credentials("anna@example.com", "right", "app_1")


class CountingCalls(Calls):
    """Counts the requests for tokens that leave."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        super().__init__(http)
        self.log_ins = 0
        self.refreshes = 0
        self.log_in_left = asyncio.Event()
        self.refresh_left = asyncio.Event()

    async def make_token(self, *, email: str, password: str, app_id: str) -> TokenPair:
        self.log_ins += 1
        self.log_in_left.set()
        return await super().make_token(email=email, password=password, app_id=app_id)

    async def refresh_token(self, refresh: str) -> TokenPair:
        self.refreshes += 1
        self.refresh_left.set()
        return await super().refresh_token(refresh)


@dataclass
class Clock:
    """The real time, and what a test adds to it."""

    ahead: timedelta = field(default_factory=timedelta)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Rig:
    """Makes stores, and does to the account what only time or bad luck does."""

    sandbox: SandboxServer
    http: httpx.AsyncClient
    redis: Redis
    clock: Clock = field(default_factory=Clock)
    calls: CountingCalls = field(init=False)
    made: list[TokenStore] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.calls = CountingCalls(self.http)

    def store(
        self,
        *,
        password: str = ACCOUNT.password,
        email: str = ACCOUNT.email,
        app_id: str = ACCOUNT.app_id,
        place: str = "",
        redis: Redis | None = None,
        calls: Calls | None = None,
    ) -> TokenStore:
        store = TokenStore(
            calls or self.calls,
            redis or self.redis,
            email=email,
            password=password,
            app_id=app_id,
            clock=self.clock,
            place=place,
        )
        self.made.append(store)
        return store

    async def connected(self) -> TokenStore:
        """A store that has made its first log-in, which counts no more."""
        store = self.store()
        await store.access()
        self.calls.log_ins = 0
        return store

    async def let_access_end(self) -> None:
        """The access token's time is over, for the API and in the row."""
        self.sandbox.app.tokens.expire()
        over = self.clock() - timedelta(seconds=1)
        await in_orm(Account.objects.update, access_ends_at=over)

    async def requests(self) -> list[tuple[str, str, str]]:
        return await in_orm(
            lambda: list(
                TokenRequest.objects.order_by("pk").values_list(
                    "kind", "outcome", "code"
                )
            )
        )

    async def row(self) -> Account:
        return await in_orm(Account.objects.get)


@asynccontextmanager
async def rigged(redis: Redis) -> AsyncIterator[Rig]:
    async with (
        SandboxServer(credentials=ACCOUNT) as sandbox,
        open_http(sandbox.url) as http,
    ):
        rig = Rig(sandbox, http, redis)
        yield rig
        for store in rig.made:
            await store.close()
