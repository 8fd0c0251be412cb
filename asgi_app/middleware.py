"""Who may come in, and what a page may do."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import async_only_middleware
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from asgi_app.addresses import client_address
from asgi_app.attempts import Attempts
from asgi_app.health import healthz
from asgi_app.subjects import begin_anew, subjects

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger = logging.getLogger(__name__)
GetResponse = Callable[[HttpRequest], Awaitable[HttpResponse]]

# Answered at the door: what comes behind it shows pages, to refuse a host or a form.
OPEN = {"/healthz": healthz}
# The callback is taken before Django, and nothing for people is below it. What comes
# this far has no password to show, and must learn nothing of the site's pages.
CALLBACKS = "/webhooks/"
CHALLENGE = 'Basic realm="WhatsApp campaigns", charset="UTF-8"'
WRONG_PASSWORD_WAIT_S = 0.7
MOST_WAITING = 100
LONGEST_HEADER = 4096

# What an address may name, by the name that it has there.
SUBJECTS = {"campaign_id": "campaign", "line_id": "line", "message_id": "message"}

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class OperatorRequest(HttpRequest):
    """A request that has passed `basic_auth`."""

    operator: str


def operator_of(request: HttpRequest) -> str:
    """The signed-in user's name; empty on a path that is open to everybody."""
    return getattr(request, "operator", "")


# Both are async only: the program has no other handler, and for Django's synchronous
# test client it adapts them.
@async_only_middleware
def basic_auth(get_response: GetResponse) -> GetResponse:
    """Lets only users of BASIC_AUTH_USERS in, and slows guessing down."""
    users = _Users(settings.BASIC_AUTH_USERS)
    attempts = Attempts()
    waiting = 0

    async def middleware(request: HttpRequest) -> HttpResponse:
        nonlocal waiting
        path = request.path_info
        if path in OPEN:
            return await OPEN[path](request)
        if path.startswith(CALLBACKS):
            return _unknown()
        credentials = _Credentials.read(request.headers.get("Authorization", ""))
        if credentials is None:
            return _who_are_you()
        operator = users.find(credentials)
        address = client_address(
            request.META.get("REMOTE_ADDR", ""),
            request.headers.get("X-Forwarded-For", ""),
            settings.TRUSTED_PROXIES,
        )
        wait_s = await attempts.judge(
            _redis(request),
            address=address,
            name=credentials.name,
            right=operator is not None,
        )
        if wait_s:
            return _too_many(wait_s)
        if operator is None:
            logger.warning("wrong user or password from %s", address)
            if waiting >= MOST_WAITING:
                return _too_many(1)
            waiting += 1
            try:
                await asyncio.sleep(WRONG_PASSWORD_WAIT_S)
            finally:
                waiting -= 1
            return _who_are_you()
        cast(OperatorRequest, request).operator = operator
        return await get_response(request)

    return middleware


@async_only_middleware
def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Forbids scripts and framing, keeps pages out of caches, cookies out of http."""

    async def middleware(request: HttpRequest) -> HttpResponse:
        response = await get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("X-Frame-Options", "DENY")
        if settings.HSTS_S:
            # Over plain HTTP browsers pass it over: nothing need be known of a proxy.
            lasting = f"max-age={settings.HSTS_S}"
            response.headers.setdefault("Strict-Transport-Security", lasting)
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        # Assets come with a header of their own.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware


class RequestSubjects:
    """Lets log records tell who asked, and what the address names."""

    async_capable = True
    sync_capable = False

    def __init__(
        self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]
    ) -> None:
        self._get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        before = subjects()
        response = await self._get_response(request)
        # An answer that is streamed is made after this has ended.
        if not response.streaming:
            begin_anew(**before)
        return response

    async def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> None:
        named = {SUBJECTS[key]: it for key, it in kwargs.items() if key in SUBJECTS}
        if operator := operator_of(request):
            named["operator"] = operator
        begin_anew(**named)


@dataclass(frozen=True)
class _Credentials:
    name: str
    digest: bytes = field(repr=False)

    @classmethod
    def read(cls, header: str) -> _Credentials | None:
        """What the header says, or None if it says nothing that could be judged."""
        scheme, _space, encoded = header.partition(" ")
        if scheme.lower() != "basic" or len(header) > LONGEST_HEADER:
            return None
        try:
            pair = b64decode(encoded.strip(), validate=True)
        except ValueError:
            return None
        user, colon, _password = pair.partition(b":")
        if not colon:
            return None
        try:
            name = user.decode()
        except UnicodeDecodeError:
            name = user.decode("latin-1")
        return cls(name, hashlib.sha256(pair).digest())


class _Users:
    """Finds a user by the digest of name and password together.

    Every digest is compared each time, so an unknown name costs what a known one does.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        self._known = [
            (name, hashlib.sha256(pair).digest())
            for name, password in users.items()
            for pair in _spellings(f"{name}:{password}")
        ]

    def find(self, credentials: _Credentials) -> str | None:
        found = None
        for name, digest in self._known:
            if hmac.compare_digest(digest, credentials.digest):
                found = name
        return found


def _spellings(text: str) -> set[bytes]:
    """The bytes that browsers send: UTF-8, and Latin-1 of old."""
    # The environment may hold bytes that are not UTF-8.
    spellings = {text.encode("utf-8", "surrogateescape")}
    with suppress(UnicodeEncodeError):
        spellings.add(text.encode("latin-1"))
    return spellings


def _redis(request: HttpRequest) -> Redis | None:
    state = getattr(request, "scope", {}).get("state", {})
    return getattr(state.get("resources"), "redis", None)


def _unknown() -> HttpResponse:
    return HttpResponse(
        "unknown address", status=404, content_type="text/plain; charset=utf-8"
    )


def _who_are_you() -> HttpResponse:
    return HttpResponse(
        _("Please sign in with your user name and password."),
        status=401,
        content_type="text/plain; charset=utf-8",
        headers={"WWW-Authenticate": CHALLENGE},
    )


def _too_many(wait_s: int) -> HttpResponse:
    text = ngettext(
        "Too many wrong passwords. Please try again in %(count)d second.",
        "Too many wrong passwords. Please try again in %(count)d seconds.",
        wait_s,
    )
    return HttpResponse(
        text % {"count": wait_s},
        status=429,
        content_type="text/plain; charset=utf-8",
        headers={"Retry-After": str(wait_s)},
    )
