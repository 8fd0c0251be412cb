from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chatapp.transport import BODY_LIMIT, BodyTooBig, open_http
from tests.chatapp.stubs import (
    Behaviour,
    answers,
    free_port,
    is_silent,
    resets,
    serving,
    succeeds,
    trickles,
    waits_for,
    writes,
)

HEAD = b"HTTP/1.1 200 OK\r\n"


async def test_a_port_that_refuses_is_not_reached() -> None:
    async with open_http(f"http://127.0.0.1:{free_port()}") as http:
        with pytest.raises(httpx.ConnectError):
            await http.post("/")


async def test_an_unknown_host_is_not_reached() -> None:
    async with open_http("http://no-such-host.invalid") as http:
        with pytest.raises(httpx.ConnectError):
            await http.post("/")


async def test_a_certificate_that_nobody_vouches_for_is_not_reached(
    tmp_path: Path,
) -> None:
    async with (
        serving(succeeds(None), tls=_self_signed(tmp_path)) as server,
        open_http(server.url) as http,
    ):
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await http.post("/")
        assert server.seen == []


async def test_no_free_connection_in_time_is_not_reached() -> None:
    async with (
        serving(is_silent) as server,
        open_http(server.url, max_connections=1) as http,
    ):
        first = asyncio.create_task(http.post("/first"))
        await server.saw(1)
        with pytest.raises(httpx.ConnectTimeout):
            await http.post("/second", extensions={"total_s": 0.2})
        assert [seen.target for seen in server.seen] == ["/first"]
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        pytest.param(writes(b""), httpx.ReadError, id="closed after the request"),
        pytest.param(resets, httpx.ReadError, id="reset after the request"),
        pytest.param(is_silent, httpx.ReadTimeout, id="silence"),
        pytest.param(
            writes(HEAD + b'Content-Length: 90\r\n\r\n{"succ'),
            httpx.ReadError,
            id="half a body",
        ),
        pytest.param(
            writes(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"),
            httpx.ReadError,
            id="half a chunk",
        ),
        pytest.param(
            writes(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
            httpx.HTTPError,
            id="a chunk without a size",
        ),
        pytest.param(
            writes(b"HELLO\r\n\r\n"), httpx.RemoteProtocolError, id="bad status line"
        ),
        pytest.param(
            writes(HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n"),
            httpx.RemoteProtocolError,
            id="endless header",
        ),
        pytest.param(
            answers(200, b"not gzip", {"Content-Encoding": "gzip"}),
            httpx.DecodingError,
            id="bad compression",
        ),
        pytest.param(answers(200, b" " * (BODY_LIMIT + 1)), BodyTooBig, id="oversize"),
    ],
)
async def test_whatever_happens_after_the_request_left_is_no_connect_error(
    behaviour: Behaviour, expected: type[httpx.HTTPError]
) -> None:
    async with (
        serving(behaviour) as server,
        open_http(server.url, read_timeout_s=0.2) as http,
    ):
        with pytest.raises(expected) as caught:
            await http.post("/", json={"text": "hello"})
        assert not isinstance(caught.value, httpx.ConnectError | httpx.ConnectTimeout)
        assert len(server.seen) == 1


async def test_the_total_limit_ends_an_answer_that_trickles() -> None:
    async with (
        serving(trickles) as server,
        open_http(server.url, read_timeout_s=5) as http,
    ):
        with pytest.raises(httpx.ReadTimeout):
            await http.post("/", extensions={"total_s": 0.3})


async def test_a_body_of_just_the_limit_is_read() -> None:
    async with (
        serving(answers(200, b"x" * BODY_LIMIT)) as server,
        open_http(server.url) as http,
    ):
        assert len((await http.get("/")).content) == BODY_LIMIT


async def test_a_redirect_is_not_followed() -> None:
    async with (
        serving(answers(307, b"", {"Location": "/elsewhere"})) as server,
        open_http(server.url) as http,
    ):
        assert (await http.post("/", json={})).status_code == 307
        assert [seen.target for seen in server.seen] == ["/"]


async def test_the_path_is_sent_as_it_was_encoded() -> None:
    async with serving(succeeds(None)) as server, open_http(server.url) as http:
        await http.get("/chats/7999%40c.us/a%2Fb?limit=5")
        assert server.seen[0].target == "/chats/7999%40c.us/a%2Fb?limit=5"


async def test_a_cookie_is_not_sent_back() -> None:
    async with (
        serving(answers(200, {}, {"Set-Cookie": "who=me"})) as server,
        open_http(server.url) as http,
    ):
        await http.get("/")
        await http.get("/")
        assert "cookie" not in server.seen[1].headers


async def test_what_before_send_raises_stops_the_request() -> None:
    def stop() -> None:
        raise LookupError("too late")

    async with serving(succeeds(None)) as server, open_http(server.url) as http:
        with pytest.raises(LookupError):
            await http.post("/one", json={}, extensions={"before_send": stop})
        await http.post("/two", json={})
        assert [seen.target for seen in server.seen] == ["/two"]


async def test_before_send_runs_after_the_wait_for_a_connection() -> None:
    go_on, asked = asyncio.Event(), asyncio.Event()
    async with (
        serving(waits_for(go_on, succeeds(None))) as server,
        open_http(server.url, max_connections=1) as http,
    ):
        first = asyncio.create_task(http.post("/one"))
        await server.saw(1)
        second = asyncio.create_task(
            http.post("/two", extensions={"before_send": asked.set})
        )
        await asyncio.sleep(0.05)
        assert not asked.is_set()
        go_on.set()
        await asyncio.gather(first, second)
        assert asked.is_set()


async def test_a_cancelled_request_gives_its_connection_back() -> None:
    async with (
        serving(is_silent, is_silent, is_silent, succeeds(None)) as server,
        open_http(server.url, max_connections=1) as http,
    ):
        for count in range(1, 4):
            task = asyncio.create_task(http.post("/"))
            await server.saw(count)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (await http.post("/")).status_code == 200


async def test_proxies_of_the_environment_are_not_used_for_http(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with serving(succeeds(None)) as server, open_http(server.url) as http:
        assert (await http.get("/")).status_code == 200


async def test_https_proxy_is_used_for_https_and_its_refusal_is_not_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(answers(407, b"")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with open_http("https://chatapp.invalid") as http:
            with pytest.raises(httpx.ConnectError):
                await http.post("/")
        assert proxy.seen[0].method == "CONNECT"


async def test_an_address_that_is_not_http_is_told_as_such() -> None:
    async with open_http("ftp://127.0.0.1") as http:
        with pytest.raises(httpx.UnsupportedProtocol):
            await http.get("/")


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return context
