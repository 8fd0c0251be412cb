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
# The media type and the body with which a request is refused.
Refusal = Callable[[Scope, int], tuple[str, bytes]]

MIB = 1024 * 1024
CALLBACKS = "/webhooks/"
CALLBACK_LIMIT = MIB
# More than any form takes: its own answer, with what was typed, is the better one.
BODY_LIMIT = 64 * MIB
# A body comes within this and a second for each so many bytes.
PATIENCE_S = 30
LEAST_BYTES_A_S = 4096
# A page holds a database connection, and MySQL has 151 of them by default. A callback
# waits for the ledger's own connections and must never be turned away.
PAGES_AT_ONCE = 100
OPEN_PATHS = frozenset({"/healthz"})


def in_plain_text(_scope: Scope, status: int) -> tuple[str, bytes]:
    return "text/plain; charset=utf-8", {408: b"too slow", 413: b"too big"}[status]


class Gate:
    """Refuses a body that is too big before it is stored, and lets pages wait in line.

    Django would put the whole body on disk before anything looks at it. A page takes
    its place when its body is there: who sends slowly keeps nobody waiting.
    """

    def __init__(
        self,
        app: App,
        *,
        pages_at_once: int = PAGES_AT_ONCE,
        refusal: Refusal = in_plain_text,
    ) -> None:
        self._app = app
        self._refusal = refusal
        self._places = asyncio.Semaphore(pages_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        is_callback = path.startswith(CALLBACKS)
        limit = CALLBACK_LIMIT if is_callback else BODY_LIMIT
        if _announced(scope) > limit:
            await self._refuse(scope, send, 413)
            return
        if not scope["query_string"].isascii():
            # Django would answer before anybody has asked for a password.
            query = quote_from_bytes(scope["query_string"], safe=string.printable)
            scope = {**scope, "query_string": query.encode()}
        is_free = is_callback or path in OPEN_PATHS
        body = _Body(receive, limit, None if is_free else self._places)
        answer = _Answer(send)
        try:
            await self._app(scope, body.receive, answer.send)
        finally:
            body.leave()
        if body.refused_with and not answer.has_begun:
            await self._refuse(scope, send, body.refused_with)

    async def _refuse(self, scope: Scope, send: Send, status: int) -> None:
        media_type, body = self._refusal(scope, status)
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            # What still comes of the body would be read for nothing.
            (b"connection", b"close"),
        ]
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": body})


class _Body:
    """Measures what comes in; too much or too slow, it looks as if the client had
    hung up. With its last piece it waits for a place."""

    def __init__(
        self, receive: Receive, limit: int, places: asyncio.Semaphore | None
    ) -> None:
        self.refused_with = 0
        self._receive = receive
        self._limit = limit
        self._places = places
        self._has_place = False
        self._is_whole = False
        self._size = 0
        self._began = asyncio.get_running_loop().time()

    async def receive(self) -> dict[str, Any]:
        if self._is_whole:
            return await self._receive()
        due = self._began + PATIENCE_S + self._size / LEAST_BYTES_A_S
        try:
            async with asyncio.timeout_at(due):
                message = await self._receive()
        except TimeoutError:
            self.refused_with = 408
            return {"type": "http.disconnect"}
        self._size += len(message.get("body", b""))
        if self._size > self._limit:
            self.refused_with = 413
            return {"type": "http.disconnect"}
        self._is_whole = not message.get("more_body")
        if self._is_whole and self._places and message["type"] == "http.request":
            await self._places.acquire()
            self._has_place = True
        return message

    def leave(self) -> None:
        if self._places and self._has_place:
            self._places.release()


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
