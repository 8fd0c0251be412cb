"""The self-test of the callbacks: a sample through PUBLIC_URL, shown hop by hop."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from django.db import Error
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chatapp.callbacks import expected_url, shown

if TYPE_CHECKING:
    from ssl import SSLContext

# Counted by the receiver under this name; no message knows of it.
KIND = "selftest"
SAMPLE = {"data": [], "meta": {"type": KIND}}
PATIENCE_S = 10.0

_PASSWORD = gettext_lazy(
    "%(status)d: another site's password, or one of the proxy. Let the proxy pass "
    "/webhooks/ on without asking."
)
_BEHIND = gettext_lazy(
    "%(status)d: the proxy answers, but does not reach this program behind it."
)
UNKNOWN_CAUSE = gettext_lazy("%(status)d, which is no answer of this program.")
CAUSES = {
    400: gettext_lazy(
        "%(status)d: the host of PUBLIC_URL is not among ALLOWED_HOSTS, or a proxy "
        "passes another name on."
    ),
    401: _PASSWORD,
    403: gettext_lazy(
        "%(status)d: a proxy or a firewall for web sites forbids it. Let it pass "
        "/webhooks/ on."
    ),
    404: gettext_lazy(
        "%(status)d: the path does not reach this program, or the program that answers "
        "has another WEBHOOK_SECRET. Please check PUBLIC_URL and what the proxy does "
        "with paths."
    ),
    405: gettext_lazy("%(status)d: something answers there that takes no POST."),
    407: _PASSWORD,
    413: gettext_lazy("%(status)d: the proxy finds the sample too big."),
    502: _BEHIND,
    503: gettext_lazy(
        "%(status)d: the proxy does not reach this program, or it could store the "
        "sample neither in the database nor in SPOOL_DIR."
    ),
    504: _BEHIND,
}

Counted = Callable[[str], Awaitable[tuple[int, datetime | None]]]


@dataclass(frozen=True)
class Hop:
    """A step on the way and what was found there; it took `took_ms`."""

    name: str
    passed: bool
    found: str
    took_ms: int


class _Stuck(Exception):
    """The way ends here; the text says why, in words."""


async def run(counted: Counted) -> list[Hop]:
    """Goes the way of a callback up to the first hop that fails.

    `counted` tells how many callbacks of a kind the receiver has counted, and when the
    last was. PUBLIC_URL must be set.
    """
    way = _Way(counted)
    hops: list[Hop] = []
    for name, step in (
        (_("The name is found"), way.resolve),
        (_("The connection is made"), way.connect),
        (_("The sample is answered"), way.post),
        (_("This program has counted it"), way.count),
    ):
        began = time.monotonic()
        try:
            passed, found = True, await step()
        except _Stuck as error:
            passed, found = False, str(error)
        hops.append(Hop(name, passed, found, round((time.monotonic() - began) * 1000)))
        if not passed:
            break
    return hops


class _Way:
    def __init__(self, counted: Counted) -> None:
        self._counted = counted
        self._url = expected_url()
        parts = urlsplit(self._url)
        self._host = parts.hostname or ""
        self._is_secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_secure else 80)
        self._tls: SSLContext | bool = False
        self._before = 0

    async def resolve(self) -> str:
        try:
            ipaddress.ip_address(self._host)
        except ValueError:
            pass
        else:
            return _("%(host)s is a number, there is no name to look up") % {
                "host": self._host
            }
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE_S):
                found = await loop.getaddrinfo(
                    self._host, self._port, type=socket.SOCK_STREAM
                )
        except TimeoutError:
            raise _Stuck(_("the DNS does not answer.")) from None
        except (OSError, UnicodeError):
            raise _Stuck(
                _("nobody knows the name %(host)s. Please check PUBLIC_URL.")
                % {"host": self._host}
            ) from None
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        return f"{self._host}: {', '.join(addresses)}"

    async def connect(self) -> str:
        where = {"host": self._host, "port": self._port}
        try:
            if self._is_secure:
                # Reads the certificates of the system: tens of milliseconds.
                self._tls = await asyncio.to_thread(ssl.create_default_context)
            async with asyncio.timeout(PATIENCE_S):
                _reader, writer = await asyncio.open_connection(
                    self._host, self._port, ssl=self._tls or None
                )
        except ssl.SSLCertVerificationError as error:
            raise _Stuck(
                _("the certificate is not accepted: %(why)s.")
                % {"why": error.verify_message}
            ) from None
        except ssl.SSLError as error:
            raise _Stuck(
                _("%(host)s:%(port)d does not speak TLS as it should (%(why)s).")
                % {**where, "why": error.reason}
            ) from None
        except TimeoutError:
            raise _Stuck(
                _(
                    "%(host)s:%(port)d does not answer. A firewall may be in the way; "
                    "or a router that does not let its own network use its public "
                    "name, and then ChatApp may reach it all the same."
                )
                % where
            ) from None
        except OSError:
            raise _Stuck(
                _(
                    "%(host)s:%(port)d refuses connections. Please check the port in "
                    "PUBLIC_URL, and that the proxy runs."
                )
                % where
            ) from None
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        if self._is_secure:
            return _("%(host)s:%(port)d, with a good certificate") % where
        return _("%(host)s:%(port)d, without TLS") % where

    async def post(self) -> str:
        self._before, _last = await self._count_now()
        try:
            async with (
                httpx.AsyncClient(
                    timeout=PATIENCE_S,
                    verify=self._tls or False,
                    follow_redirects=False,
                    # As the connection before: from outside no proxy of ours is used.
                    trust_env=False,
                ) as http,
                # The body, whatever its size, is not read.
                http.stream("POST", self._url, json=SAMPLE) as answer,
            ):
                status = answer.status_code
                location = answer.headers.get("Location", "")
        except httpx.TimeoutException:
            raise _Stuck(
                _("no answer within %(s)d seconds.") % {"s": PATIENCE_S}
            ) from None
        except httpx.HTTPError:
            raise _Stuck(_("the connection broke before an answer came.")) from None
        if status != 200:
            raise _Stuck(_explain(status, location))
        return "200"

    async def count(self) -> str:
        count, last_at = await self._count_now()
        if count <= self._before or last_at is None:
            raise _Stuck(
                _(
                    "the answer was 200, but nothing arrived here. Another program "
                    "answers at PUBLIC_URL; or the database was away for a moment, "
                    "and the sample waits in the spool."
                )
            )
        return _("at %(time)s") % {
            "time": date_format(localtime(last_at), "TIME_FORMAT")
        }

    async def _count_now(self) -> tuple[int, datetime | None]:
        try:
            return await self._counted(KIND)
        except Error:
            raise _Stuck(_("the database does not answer.")) from None


def _explain(status: int, location: str) -> str:
    """The likely cause of an answer other than 200."""
    words = {"status": status}
    if 300 <= status < 400:
        where = shown(location).partition("?")[0][:200] or "?"
        return _(
            "%(status)d, a redirect to %(where)s. ChatApp may not follow it: please "
            "put the address where it ends into PUBLIC_URL."
        ) % {**words, "where": where}
    return str(CAUSES.get(status, UNKNOWN_CAUSE)) % words
