"""A client over a scripted server, with tokens, a limiter and a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from redis.asyncio import Redis

from chatapp.calls import Calls
from chatapp.client import ChatApp
from chatapp.errors import (
    TokenUnavailable,
)
from chatapp.limiter import Limiter
from chatapp.transport import open_http
from chatapp.types import (
    LineKey,
)
from tests.chatapp.stubs import (
    Behaviour,
    Clock,
    Server,
    refuses,
    serving,
    succeeds,
)

LINE = LineKey("100", "grWhatsApp")
SEND_PATH = "/v1/licenses/100/messengers/grWhatsApp/chats/79990000001/messages/text"
ACCEPTS = succeeds({"id": "3EB0", "chatId": "79990000001@c.us"})
TOKEN_EXPIRED = refuses(403, "ApiInvalidTokenError", "Invalid Token")


@dataclass
class Tokens:
    """Compares before it renews, as the real store does."""

    current: str = "token-1"
    renewals: int = 0
    asked: list[str] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def access(self) -> str:
        return self.current

    async def renew(self, *, stale: str) -> str:
        async with self.lock:
            self.asked.append(stale)
            if self.current == stale:
                self.renewals += 1
                self.current = f"token-{self.renewals + 1}"
            return self.current


class NoTokens:
    async def access(self) -> str:
        raise TokenUnavailable("not_connected")

    async def renew(self, *, stale: str) -> str:
        raise AssertionError("nothing to renew")


@dataclass
class Bench:
    app: ChatApp
    server: Server
    tokens: Tokens
    clock: Clock
    limiter: Limiter

    async def send(self, *, left_s: float = 90, permitted: bool = True) -> str:
        accepted = await self.app.send_text(
            LINE,
            phone="+79990000001",
            text="Привет",
            tracking="t-1",
            deadline=self.clock.now + left_s,
            permitted=permitted,
        )
        return accepted.message_id


@asynccontextmanager
async def bench(
    redis: Redis,
    *script: Behaviour,
    rate: float = 1_000,
    tracking: bool = True,
    sleep: Callable[[float], Awaitable[None]] | None = None,
) -> AsyncIterator[Bench]:
    clock, tokens = Clock(), Tokens()
    limiter = Limiter(redis, rate_per_s=rate)
    async with (
        serving(*script) as server,
        open_http(server.url, read_timeout_s=0.2) as http,
    ):
        app = ChatApp(
            Calls(http, clock=clock),
            tokens,
            limiter,
            clock=clock,
            tracking=tracking,
            sleep=sleep or clock.sleep,
        )
        yield Bench(app, server, tokens, clock, limiter)


@asynccontextmanager
async def calling(*script: Behaviour) -> AsyncIterator[tuple[Calls, Server]]:
    async with (
        serving(*script) as server,
        open_http(server.url, read_timeout_s=0.2) as http,
    ):
        yield Calls(http), server
