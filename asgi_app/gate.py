"""Before Django: how much a request may bring, and how many pages are made at once."""

from __future__ import annotations

import asyncio
import string
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote_from_bytes

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MIB = 1024 * 1024
CALLBACKS = "/webhooks/"
CALLBACK_LIMIT = MIB
# More than any form takes: its own answer, with what was typed, is the better one.
BODY_LIMIT = 64 * MIB
# A page holds a database connection, and MySQL has 151 of them by default. A callback
# waits for the ledger's own connections and must never be turned away.
PAGES_AT_ONCE = 100
OPEN_PATHS = frozenset({"/healthz"})


class Gate:
    """Refuses a body that is too big before it is stored, and lets pages wait in line.

    Django would put the whole body on disk before anything looks at it.
    """

    def __init__(self, app: App, *, pages_at_once: int = PAGES_AT_ONCE) -> None:
        self._app = app
        self._places = asyncio.Semaphore(pages_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        is_callback = path.startswith(CALLBACKS)
        body = _Body(receive, CALLBACK_LIMIT if is_callback else BODY_LIMIT)
        if _announced(scope) > body.limit:
            await _refuse(send)
            return
        if not scope["query_string"].isascii():
            # Django would answer before anybody has asked for a password.
            query = quote_from_bytes(scope["query_string"], safe=string.printable)
            scope = {**scope, "query_string": query.encode()}
        answer = _Answer(send)
        if is_callback or path in OPEN_PATHS:
            await self._app(scope, body.receive, answer.send)
        else:
            async with self._places:
                await self._app(scope, body.receive, answer.send)
        if body.is_over and not answer.has_begun:
            await _refuse(send)


class _Body:
    """Counts what comes in; past the limit it looks as if the client had hung up."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.limit = limit
        self._receive = receive
        self._size = 0

    @property
    def is_over(self) -> bool:
        return self._size > self.limit

    async def receive(self) -> dict[str, Any]:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        return {"type": "http.disconnect"} if self.is_over else message


class _Answer:
    def __init__(self, send: Send) -> None:
        self.has_begun = False
        self._send = send

    async def send(self, message: Message) -> None:
        self.has_begun = True
        await self._send(message)


def _announced(scope: Scope) -> int:
    """The Content-Length, 0 where there is none that can be read."""
    told = dict(scope["headers"]).get(b"content-length", b"")
    return int(told) if told.isdigit() and len(told) < 20 else 0


async def _refuse(send: Send) -> None:
    text = b"too big"
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": text})
