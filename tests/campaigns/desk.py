"""A line with its sending, over the sandbox, and a clock that jumps."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import pytest
from redis.asyncio import Redis

from asgi_app.database import in_orm
from campaigns.courier import Courier
from campaigns.ledger import Ledger
from campaigns.models import Campaign, LineClock, Message
from campaigns.pacing import Delays
from campaigns.sending import Sending
from chatapp.calls import Calls
from chatapp.client import ChatApp
from chatapp.errors import TokenUnavailable
from chatapp.limiter import Limiter
from chatapp.models import Line
from chatapp.sandbox.licences import GR_LICENCE_ID
from chatapp.sandbox.testing import SandboxServer
from chatapp.transport import open_http


@dataclass
class Tokens:
    """Logs in once and again when a token was refused; may be taken away."""

    calls: Calls
    away: TokenUnavailable | None = None
    token: str = ""

    async def access(self) -> str:
        if self.away:
            raise self.away
        return self.token or await self.renew(stale="")

    async def renew(self, *, stale: str) -> str:
        pair = await self.calls.make_token(email="a@b.c", password="p", app_id="app")
        self.token = pair.access
        return self.token


@dataclass
class Desk:
    """A line with its sending, the sandbox behind it, and a clock that jumps."""

    sending: Sending
    sandbox: SandboxServer
    tokens: Tokens
    line: Line

    async def serve(self) -> datetime | None:
        return await self.sending.serve(self.line.pk)

    async def let_pauses_pass(self) -> None:
        await in_orm(
            lambda: LineClock.objects.filter(line=self.line).update(
                next_at="2000-01-01 00:00:00+00:00"
            )
        )

    async def serve_all(self, most: int = 50) -> None:
        """Serves the line as its doorbell does, without waiting for the pauses."""
        for _ in range(most):
            if await self.serve() is None:
                return
            await self.let_pauses_pass()
        raise AssertionError("the line never came to its end")

    def accepted(self) -> list[str]:
        return sorted(f"+{send.phone}" for send in self.sandbox.record.accepted())

    def phones_sent(self) -> list[str]:
        return sorted(f"+{send.phone}" for send in self.sandbox.record.sends())


@pytest.fixture
async def desk(
    ledger: Ledger,
    redis: Redis,
    sandbox: SandboxServer,
    line: Line,
    delays: Delays,
) -> AsyncIterator[Desk]:
    line.licence_id = str(GR_LICENCE_ID)
    line.messenger = "grWhatsApp"
    await in_orm(line.save)
    async with open_http(sandbox.url) as http:
        calls = Calls(http)
        tokens = Tokens(calls)
        limiter = Limiter(redis, rate_per_s=1_000)
        chatapp = ChatApp(calls, tokens, limiter)
        sending = Sending(
            ledger=ledger,
            courier=Courier(ledger, chatapp, random.Random(1)),
            tokens=tokens,
            limiter=limiter,
            delays=delays,
        )
        yield Desk(sending, sandbox, tokens, line)


async def messages(campaign: Campaign) -> list[Message]:
    return await in_orm(
        lambda: list(Message.objects.filter(campaign=campaign).order_by("id"))
    )


async def clock_of(desk: Desk) -> LineClock:
    return await in_orm(LineClock.objects.get, line=desk.line)
