"""The httpx client for ChatApp: aiohttp underneath, errors named by their cause."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx
from aiohttp.http_exceptions import HttpProcessingError
from django.utils.translation import gettext_noop as noop
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import AiohttpResponseStream
from yarl import URL

BODY_LIMIT = 1024 * 1024
TOTAL_S = 60.0
POOL_WAIT_S = 10.0
# Shorter than a server's own (uvicorn and Node: 5 s): a POST on a connection that the
# server closes at that moment would be unsure although nobody took it.
KEEP_ALIVE_S = 4.0
# aiohttp rounds longer limits up to a full second unless told otherwise.
NEVER_ROUND_S = 3600.0


class BodyTooBig(httpx.RemoteProtocolError):
    """The answer's body is larger than BODY_LIMIT."""


@contextmanager
def _named_by_cause() -> Iterator[None]:
    """Turns what aiohttp raises into httpx errors.

    Only a connection that was never made is a connect error. httpx-aiohttp's own map
    calls a hang-up after the request a ConnectTimeout too, which would send twice.
    """
    try:
        yield
    except aiohttp.ConnectionTimeoutError as exc:
        raise httpx.ConnectTimeout(
            noop("no connection within the time allowed")
        ) from exc
    except aiohttp.ClientConnectorError as exc:
        raise httpx.ConnectError(str(exc)) from exc
    except aiohttp.ClientHttpProxyError as exc:
        raise httpx.ConnectError(noop("the proxy refused to connect")) from exc
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as exc:
        raise httpx.UnsupportedProtocol(noop("the address is not an http URL")) from exc
    # Their own texts carry the URL, and with it a phone.
    except TimeoutError as exc:
        raise httpx.ReadTimeout(noop("no answer within the time allowed")) from exc
    except (aiohttp.ClientResponseError, HttpProcessingError) as exc:
        raise httpx.RemoteProtocolError(noop("the answer is not HTTP")) from exc
    except (aiohttp.ClientError, OSError, EOFError) as exc:
        raise httpx.ReadError(
            noop("the connection broke before the answer ended")
        ) from exc


class _CappedStream(AiohttpResponseStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        with _named_by_cause():
            async for chunk in self._aiohttp_response.content.iter_chunked(
                self.CHUNK_SIZE
            ):
                size += len(chunk)
                if size > BODY_LIMIT:
                    raise BodyTooBig(f"the answer is longer than {BODY_LIMIT} bytes")
                yield chunk

    async def aclose(self) -> None:
        # Ends the connection when the body was not read to its end.
        self._aiohttp_response.release()


async def _ask_before_sending(
    session: aiohttp.ClientSession,
    context: SimpleNamespace,
    params: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    # Despite its name aiohttp calls this before the first byte is written, with the
    # connection made: the last moment at which a request can still be called off.
    before_send: Callable[[], None] | None = context.trace_request_ctx
    if before_send is not None:
        before_send()


class ChatAppTransport(AiohttpTransport):
    """httpx-aiohttp with a limit for the whole request and errors that tell the truth.

    Request extensions: `total_s` (a float, 60 by default) limits everything from the
    wait for a connection to the last byte of the body; `before_send`, a callable, runs
    right before the first byte is written and stops the request by raising.
    """

    def get_client(self) -> aiohttp.ClientSession:
        """Opens the session, without cookies, environment proxies or .netrc."""
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(_ask_before_sending)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self.limits.max_connections or 0,
                keepalive_timeout=self.limits.keepalive_expiry,
                ssl=self.ssl_context,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            trace_configs=[trace],
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends one request, follows no redirect, and leaves the body to be read."""
        if not isinstance(self.client, aiohttp.ClientSession):
            self.client = self.get_client()
        limits = request.extensions.get("timeout", {})
        total_s = request.extensions.get("total_s", TOTAL_S)
        # Half of the total at most, so that a slow connect is told as a connect error.
        connect_s = min(limits.get("pool") or POOL_WAIT_S, total_s / 2)
        with _named_by_cause():
            response = await self.client.request(
                request.method,
                # As it is: yarl would otherwise undo some of our percent-encoding.
                URL(str(request.url), encoded=True),
                headers=request.headers,
                data=await request.aread() or None,
                allow_redirects=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(
                    total=total_s,
                    connect=connect_s,
                    sock_connect=min(limits.get("connect") or connect_s, connect_s),
                    sock_read=limits.get("read"),
                    ceil_threshold=NEVER_ROUND_S,
                ),
                proxy=str(self.proxy.url) if self.proxy else None,
                proxy_auth=aiohttp.BasicAuth(*self.proxy.auth)
                if self.proxy and self.proxy.auth
                else None,
                trace_request_ctx=request.extensions.get("before_send"),
            )
        return httpx.Response(
            status_code=response.status,
            headers=response.raw_headers,
            stream=_CappedStream(response),
            request=request,
            extensions={"http_version": b"HTTP/1.1"},
        )


class ChatAppHttp(httpx.AsyncClient):
    """An httpx client without what ChatApp has none of: cookies, redirects, auth flows.

    What httpx does for these costs a third of a request, whether they are used or not.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, **options: Any) -> None:
        super().__init__(transport=transport, **options)
        self._to_chatapp = transport

    async def send(self, request: httpx.Request, **_options: Any) -> httpx.Response:
        """Sends a request and reads its whole answer."""
        if self.is_closed:
            raise RuntimeError("the client is closed")
        response = await self._to_chatapp.handle_async_request(request)
        try:
            await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response


def open_http(
    base_url: str,
    *,
    max_connections: int = 200,
    connect_timeout_s: float = 5,
    read_timeout_s: float = 30,
) -> httpx.AsyncClient:
    """Makes the one client of a process; close it with `aclose`.

    Of the environment's proxies only an upper-case HTTPS_PROXY is used, and only for an
    https base URL: whoever sets it does so on purpose. A certificate that is not
    accepted, like a port that refuses, means that nothing was sent.
    """
    secure = base_url.lower().startswith("https:")
    proxy = os.environ.get("HTTPS_PROXY") if secure else None
    transport = ChatAppTransport(
        limits=httpx.Limits(
            max_connections=max_connections, keepalive_expiry=KEEP_ALIVE_S
        ),
        proxy=httpx.Proxy(proxy) if proxy else None,
    )
    return ChatAppHttp(
        transport,
        base_url=base_url,
        timeout=httpx.Timeout(
            read_timeout_s, connect=connect_timeout_s, pool=POOL_WAIT_S
        ),
        # A compressed body could grow past the limit when unpacked.
        headers={
            "Accept-Encoding": "identity",
            "User-Agent": "whatsapp-campaign-sender",
        },
        trust_env=False,
    )
