"""The web process: Django, with what it holds open between start and stop."""

from __future__ import annotations

import logging
import os
from contextlib import AsyncExitStack
from io import BytesIO

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIRequest
from django.utils import translation

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")
django_application = get_asgi_application()

# After Django has loaded its apps, because they import models.
from asgi_app.addresses import client_scheme  # noqa: E402
from asgi_app.checks import public_url_is_protected  # noqa: E402
from asgi_app.error_reports import report_errors  # noqa: E402
from asgi_app.gate import (  # noqa: E402
    Gate,
    Receive,
    Scope,
    Send,
    in_plain_text,
)
from asgi_app.resources import Resources, open_resources  # noqa: E402
from campaigns.api import problems  # noqa: E402
from campaigns.webhooks import is_callback, receive_callback  # noqa: E402

logger = logging.getLogger(__name__)


async def site(scope: Scope, receive: Receive, send: Send) -> None:
    """Django, and beside it the callback; the site of the queue page takes none."""
    if is_callback(scope["path"]) and settings.ROOT_URLCONF == "asgi_app.urls":
        await receive_callback(scope, receive, send)
    else:
        await django_application(scope, receive, send)


def refusal(scope: Scope, status: int) -> tuple[str, bytes]:
    """What the gate says: to programs, a problem in the language that they ask for."""
    if not scope["path"].startswith(problems.ROOT):
        return in_plain_text(scope, status)
    headers = ASGIRequest({**scope, "query_string": b""}, BytesIO())
    with translation.override(translation.get_language_from_request(headers)):
        return problems.refusal(status)


def as_sent(scope: Scope) -> Scope:
    """The request with the scheme by which the browser has sent it.

    Django's SECURE_PROXY_SSL_HEADER would believe anybody.
    """
    if not settings.TRUSTED_PROXIES:
        return scope
    headers: dict[bytes, bytes] = dict(scope["headers"])
    peer, _port = scope.get("client") or ("", 0)
    told = headers.get(b"x-forwarded-proto", b"").decode("latin-1")
    return scope | {
        "scheme": client_scheme(peer, scope["scheme"], told, settings.TRUSTED_PROXIES)
    }


class Application:
    """Serves Django, which knows no lifespan, and hands it the resources."""

    def __init__(self) -> None:
        self._resources: Resources | None = None
        self._gate = Gate(site, refusal=refusal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        request = {**scope, "state": {"resources": self._resources}}
        await self._gate(as_sent(request), receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            await receive()
            try:
                for warning in public_url_is_protected(None):
                    logger.warning("%s", warning.msg)
                self._resources = await stack.enter_async_context(open_resources())
            except ImproperlyConfigured as error:
                # uvicorn prints the message and stops.
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


report_errors()
application = Application()
