"""Receives ChatApp's callbacks. The path holds a secret, which no log shows.

An ASGI application of its own: what Django does for a page took longer than all the
rest of a callback.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from django.conf import settings

from campaigns.spool import SpoolUnwritable
from chatapp.callbacks import PATH
from chatapp.events import BadCallback

logger = logging.getLogger(__name__)

_HEADERS = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


class Taker(Protocol):
    async def take(self, body: bytes) -> None: ...


def is_callback(path: str) -> bool:
    """Whether it is the callback's address, with whatever secret."""
    secret = path[len(PATH) : -1]
    return path == f"{PATH}{secret}/" and secret != "" and "/" not in secret


async def receive_callback(
    scope: Mapping[str, Any],
    receive: Callable[[], Awaitable[Mapping[str, Any]]],
    send: Callable[[Mapping[str, Any]], Awaitable[None]],
) -> None:
    """Answers 200 once the callback is durable, 503 when it could be stored nowhere.

    Who hangs up before the body is whole gets no answer.
    """
    if not _is_ours(scope["path"][len(PATH) : -1]):
        status, text = 404, "unknown address"
    elif scope["method"] in {"GET", "HEAD"}:
        status, text = 200, "ready"
    elif scope["method"] != "POST":
        status, text = 405, "POST only"
    elif (body := await _read(receive)) is None:
        return
    else:
        status, text = await _take(scope["state"]["resources"].intake, body)
    length = (b"content-length", str(len(text)).encode())
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [*_HEADERS, length],
        }
    )
    await send({"type": "http.response.body", "body": text.encode()})


async def _take(taker: Taker, body: bytes) -> tuple[int, str]:
    try:
        await taker.take(body)
    except BadCallback as error:
        return 400, error.reason
    except SpoolUnwritable as error:
        logger.error("a callback could be stored nowhere: %s", error)
        return 503, "try again later"
    return 200, "ok"


async def _read(
    receive: Callable[[], Awaitable[Mapping[str, Any]]],
) -> bytes | None:
    """The whole body; None when it broke off, or was more than the gate lets in."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _is_ours(secret: str) -> bool:
    """Compares with every secret, so that the time tells nothing."""
    given = secret.encode("utf-8", "surrogatepass")
    known = [
        hmac.compare_digest(given, ours.encode()) for ours in settings.WEBHOOK_SECRET
    ]
    return any(known)
