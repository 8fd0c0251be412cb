"""ASGI in a few types: a request read whole, a response, and ways not to answer."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from chatapp.sandbox.errors import ApiError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 1024 * 1024
TRANSPORT = "sandbox.transport"


class Ending(StrEnum):
    """How a request ends that gets no whole answer."""

    HANG = "never answered"
    CLOSE = "connection closed"
    RESET = "connection reset"
    HALF = "half an answer"


@dataclass(frozen=True, slots=True)
class Request:
    """A request with its body."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    client: str

    def json(self) -> Any:
        """The body as JSON; ApiError if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise ApiError("ApiInvalidParameterError", "The body is not JSON") from None

    @property
    def is_form(self) -> bool:
        # curl calls every body a form.
        kind = self.headers.get("content-type", "")
        named = kind.startswith("application/x-www-form-urlencoded")
        return named and not self.body.startswith(b"{")

    def form(self) -> dict[str, str]:
        """The fields of a form, empty ones left out."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace")))


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, or with ``ending`` the refusal to give one."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    # What the record says beside the status.
    note: str = ""
    ending: Ending | None = None
    delay_s: float = 0.0

    @property
    def described(self) -> str:
        """The answer in a few words, for the record."""
        if self.ending:
            return self.ending.value
        return f"{self.status} {self.note}".strip()


def json_response(data: Any, *, status: int = 200, note: str = "") -> Response:
    """A response with ``data`` as JSON."""
    return Response(status=status, body=json.dumps(data).encode(), note=note)


def ok(data: Any) -> Response:
    """ChatApp's envelope of a success."""
    return json_response({"success": True, "data": data})


def error_response(error: ApiError, language: str) -> Response:
    """ChatApp's envelope of a failure."""
    body = {"code": error.code, "message": error.message(language)}
    data = {"success": False, "error": body}
    return Response(
        status=error.status,
        body=json.dumps(data, ensure_ascii=False).encode(),
        headers=error.headers,
        note=error.code,
    )


def redirect(location: str) -> Response:
    """See-other, for the answer to a form."""
    return Response(
        status=HTTPStatus.SEE_OTHER,
        content_type="text/plain",
        headers={"location": location},
    )


async def read_request(scope: Scope, receive: Receive) -> Request | None:
    """The whole request, or None if the client left; ApiError if it is over 1 MB."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            raise ApiError("ApiInvalidParameterError", "The body is too big")
        if not message.get("more_body", False):
            break
    headers = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
    }
    query = scope.get("query_string", b"").decode("latin-1")
    client = scope.get("client") or ("", 0)
    return Request(
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(query)),
        headers=headers,
        body=bytes(body),
        client=client[0],
    )


async def respond(
    response: Response, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send the response after its delay, or end without one.

    Closing and resetting need the TCP transport, which ``SandboxProtocol`` puts into
    the scope; RuntimeError under any other server.
    """
    if response.delay_s and await _gone(receive, response.delay_s):
        return
    if response.ending is Ending.HANG:
        await _gone(receive, None)
        return
    if response.ending in (Ending.CLOSE, Ending.RESET):
        _hang_up(scope, reset=response.ending is Ending.RESET)
        await _gone(receive, None)
        return
    headers = {
        "content-type": response.content_type,
        "content-length": str(len(response.body)),
        **response.headers,
    }
    raw = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
    start = {
        "type": "http.response.start",
        "status": response.status,
        "headers": raw,
    }
    await send(start)
    if response.ending is Ending.HALF:
        half = response.body[: len(response.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        _hang_up(scope, reset=False)
        await _gone(receive, None)
        return
    await send({"type": "http.response.body", "body": response.body})


async def _gone(receive: Receive, seconds: float | None) -> bool:
    """Wait until the client has left; False if it did not within ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def _hang_up(scope: Scope, *, reset: bool) -> None:
    extension = scope.get("extensions", {}).get(TRANSPORT)
    if extension is None:
        raise RuntimeError("to hang up, the sandbox must run under SandboxProtocol")
    transport: asyncio.Transport = extension["transport"]
    if reset:
        # A linger of zero makes the kernel send RST instead of FIN. It belongs to the
        # socket, not to the descriptor, so it can be set through a copy, which also
        # works under uvloop.
        linger = struct.pack("ii", 1, 0)
        descriptor = os.dup(transport.get_extra_info("socket").fileno())
        with socket.socket(fileno=descriptor) as copy:
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()
