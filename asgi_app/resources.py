"""What a process holds open: the database door, Redis and the ChatApp client."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from arq.connections import ArqRedis
from django.conf import settings
from django.http import HttpRequest

from asgi_app.database import bound_orm, in_orm, open_door
from asgi_app.env import SettingError
from asgi_app.redis import close_redis, open_redis
from campaigns.courier import Courier
from campaigns.intake import Intake, counted
from campaigns.jobs import Doorbell
from campaigns.ledger import Ledger
from campaigns.lifelines import FOLDER, Lifelines, name_of_worker
from campaigns.lookthrough import LookThrough
from campaigns.pacing import Delays
from campaigns.queue_report import QueueWatch
from campaigns.sending import Sending
from campaigns.settling import Settling
from campaigns.spool import Spool, SpoolUnwritable
from campaigns.timings import Timed, Timings
from campaigns.troubles import Troubles
from chatapp.callbacks import ensure_callbacks
from chatapp.calls import Calls
from chatapp.client import ChatApp
from chatapp.limiter import Limiter
from chatapp.lines import ensure_lines
from chatapp.repeats import sleep_unless
from chatapp.tokens import TokenStore
from chatapp.transport import open_http


@dataclass(frozen=True)
class Resources:
    redis: ArqRedis
    tokens: TokenStore
    chatapp: ChatApp
    ledger: Ledger
    sending: Sending
    settling: Settling
    lookthrough: LookThrough
    doorbell: Doorbell
    intake: Intake
    troubles: Troubles
    delays: Delays
    stopping: asyncio.Event
    queue: QueueWatch
    # By which the history of messages and the queue page know this process.
    worker_name: str
    # Of the workers on this machine.
    lifelines: Lifelines
    # What this process has counted; only a worker's heartbeat keeps it.
    timings: Timings

    async def keep_connected(self) -> None:
        """Keeps the account's tokens alive and its lines known."""
        await self.tokens.keep_fresh()
        await ensure_lines(self.chatapp)
        await ensure_callbacks(self.chatapp)

    async def callbacks_counted(self, kind: str) -> tuple[int, datetime | None]:
        """How many callbacks of a kind were received, and when the last was."""
        return await in_orm(counted, kind)


@asynccontextmanager
async def open_resources(*, has_pages: bool = True) -> AsyncIterator[Resources]:
    """Opens everything lazily: the process starts while Redis or MySQL is away.

    Only a process that `has_pages` looks every few seconds at what they all say.
    """
    async with AsyncExitStack() as stack:
        bound_orm()
        door = open_door()
        stack.push_async_callback(door.close)
        redis = open_redis()
        stack.push_async_callback(close_redis, redis)
        http = await stack.enter_async_context(open_http(settings.CHATAPP_BASE_URL))
        timings = Timings()
        calls = Calls(
            http,
            language=settings.LANGUAGE_CODE,
            timed=partial(timings.add, Timed.ANSWER),
        )
        limiter = Limiter(redis, rate_per_s=settings.CHATAPP_RATE_LIMIT)
        tokens = TokenStore(
            calls,
            redis,
            email=settings.CHATAPP_EMAIL,
            password=settings.CHATAPP_PASSWORD,
            app_id=settings.CHATAPP_APP_ID,
            # Tokens of the sandbox, whose port may change, are never for the real API.
            place=(
                "sandbox" if settings.CHATAPP_IS_SANDBOX else settings.CHATAPP_BASE_URL
            ),
        )
        stack.push_async_callback(tokens.close)
        stopping = asyncio.Event()
        chatapp = ChatApp(
            calls,
            tokens,
            limiter,
            tracking=settings.CHATAPP_TRACKING,
            sleep=sleep_unless(stopping),
        )
        source = random.SystemRandom()
        delays = Delays(settings.SEND_DELAY_MIN, settings.SEND_DELAY_MAX, source)
        worker_name = name_of_worker()
        ledger = Ledger(door, worker=worker_name, timings=timings)
        lifelines = Lifelines(settings.VAR_DIR / FOLDER)
        stack.callback(lifelines.close)
        refused = Spool(settings.SPOOL_DIR / "refused")
        intake = Intake(ledger, _open_spool(), refused=refused)
        stack.push_async_callback(intake.close)
        await stack.enter_async_context(_background(intake.keep_draining()))
        troubles = Troubles()
        if has_pages:
            await stack.enter_async_context(_background(troubles.keep_looking()))
        courier = Courier(ledger, chatapp, source, phone_check=settings.PHONE_CHECK)
        yield Resources(
            redis=redis,
            tokens=tokens,
            chatapp=chatapp,
            ledger=ledger,
            sending=Sending(
                ledger=ledger,
                courier=courier,
                tokens=tokens,
                limiter=limiter,
                delays=delays,
                is_stopping=stopping.is_set,
            ),
            settling=Settling(ledger, chatapp),
            lookthrough=LookThrough(
                ledger, chatapp, knows_ours=settings.CHATAPP_TRACKING
            ),
            doorbell=Doorbell(redis),
            intake=intake,
            troubles=troubles,
            delays=delays,
            stopping=stopping,
            queue=QueueWatch(redis),
            worker_name=worker_name,
            lifelines=lifelines,
            timings=timings,
        )


def _open_spool() -> Spool:
    spool = Spool(settings.SPOOL_DIR)
    try:
        spool.check()
    except SpoolUnwritable as error:
        raise SettingError("SPOOL_DIR", str(error)) from error
    return spool


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Lets something go on for as long as the process is open."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def of(request: HttpRequest) -> Resources:
    """The resources of the process that serves a request."""
    resources: Resources = request.scope["state"]["resources"]  # type: ignore[attr-defined]
    return resources
