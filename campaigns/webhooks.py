"""Receives ChatApp's callbacks. The path holds a secret, which no log shows."""

from __future__ import annotations

import hmac
import logging
from typing import Protocol

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from campaigns.spool import SpoolUnwritable
from chatapp.events import BadCallback

logger = logging.getLogger(__name__)

BODY_LIMIT = 1024 * 1024


class Taker(Protocol):
    async def take(self, body: bytes) -> None: ...


@csrf_exempt
async def chatapp_callback(request: HttpRequest, secret: str) -> HttpResponse:
    """Answers 200 once the callback is durable, 503 when it could be stored nowhere."""
    if not _is_ours(secret):
        return _say("unknown address", 404)
    if request.method in {"GET", "HEAD"}:
        return _say("ready", 200)
    if request.method != "POST":
        return _say("POST only", 405)
    try:
        if int(request.headers.get("Content-Length") or 0) > BODY_LIMIT:
            return _say("too big", 413)
        body = request.body
    except (RequestDataTooBig, ValueError):
        return _say("too big", 413)
    except UnreadablePostError:
        return _say("the body broke off", 400)
    if len(body) > BODY_LIMIT:
        return _say("too big", 413)
    taker: Taker = request.scope["state"]["resources"].intake  # type: ignore[attr-defined]
    try:
        await taker.take(body)
    except BadCallback as error:
        return _say(error.reason, 400)
    except SpoolUnwritable as error:
        logger.error("a callback could be stored nowhere: %s", error)
        return _say("try again later", 503)
    return _say("ok", 200)


def _is_ours(secret: str) -> bool:
    """Compares with every secret, so that the time tells nothing."""
    given = secret.encode()
    known = [
        hmac.compare_digest(given, ours.encode()) for ours in settings.WEBHOOK_SECRET
    ]
    return any(known)


def _say(text: str, status: int) -> HttpResponse:
    response = HttpResponse(text, status=status, content_type="text/plain")
    # Or Django logs 4xx and 5xx with the path, which holds the secret.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
