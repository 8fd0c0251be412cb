from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django import Settings
from redis.asyncio import Redis

from asgi_app.asgi import Application
from asgi_app.database import Door, in_orm
from asgi_app.valkey import PrivateValkey
from campaigns.intake import counted
from campaigns.models import CallbackCount, ShelvedStatus
from chatapp import selftest
from chatapp.sandbox.server import serving
from chatapp.selftest import Hop, run
from tests.campaigns.browser import Site, open_site, words
from tests.chatapp.stubs import stop

SECRET = "selftest-secret-0123456789"


@pytest.fixture(autouse=True)
def secret(settings: Settings) -> None:
    settings.WEBHOOK_SECRET = [SECRET]


@pytest.fixture
async def served(
    settings: Settings, valkey: PrivateValkey, redis: Redis, door: Door
) -> AsyncIterator[str]:
    """The real site on a real socket, which is its public address too."""
    settings.REDIS_URL = valkey.url
    async with serving(Application()) as url:
        settings.PUBLIC_URL = url
        yield url


async def count(kind: str) -> tuple[int, datetime | None]:
    found: tuple[int, datetime | None] = await in_orm(counted, kind)
    return found


async def nothing(kind: str) -> tuple[int, datetime | None]:
    return 7, datetime.now(UTC)


def answering(status: int, location: str = "") -> AbstractAsyncContextManager[str]:
    """Somebody else at the public address."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        headers = [(b"location", location.encode())] if location else []
        await send(
            {"type": "http.response.start", "status": status, "headers": headers}
        )
        await send({"type": "http.response.body", "body": b"?"})

    return serving(app)


def ways(hops: list[Hop]) -> list[bool]:
    return [hop.passed for hop in hops]


async def test_all_hops_pass_where_the_site_is_reached(served: str) -> None:
    for _ in range(2):
        hops = await run(count)
        assert ways(hops) == [True] * 4, hops
    counts = await in_orm(
        lambda: list(CallbackCount.objects.values_list("kind", "count"))
    )
    assert counts == [("selftest", 2)]
    assert await in_orm(ShelvedStatus.objects.count) == 0
    assert not [hop for hop in hops if SECRET in hop.found]


async def test_another_secret_there_is_explained(
    served: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{served}/webhooks/chatapp/other-secret-0123456789/"
    monkeypatch.setattr(selftest, "expected_url", lambda: url)
    hops = await run(count)
    assert ways(hops) == [True, True, False]
    assert "404" in hops[-1].found
    assert "WEBHOOK_SECRET" in hops[-1].found


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (400, "ALLOWED_HOSTS"),
        (401, "password"),
        (403, "firewall"),
        (404, "WEBHOOK_SECRET"),
        (500, "no answer of this program"),
        (502, "behind it"),
        (503, "SPOOL_DIR"),
    ],
)
async def test_a_wrong_answer_is_explained(
    settings: Settings, status: int, hint: str
) -> None:
    async with answering(status) as settings.PUBLIC_URL:
        hops = await run(nothing)
    assert ways(hops) == [True, True, False]
    assert str(status) in hops[-1].found
    assert hint in hops[-1].found


async def test_a_redirect_is_not_followed_and_shown_without_the_secret(
    settings: Settings,
) -> None:
    there = f"https://shop.example/webhooks/chatapp/{SECRET}/"
    async with answering(301, there) as settings.PUBLIC_URL:
        (*_, last) = await run(nothing)
    assert not last.passed
    assert "https://shop.example/webhooks/chatapp/…" in last.found
    assert SECRET not in last.found


async def test_a_200_of_somebody_else_is_found_out(settings: Settings) -> None:
    async with answering(200) as settings.PUBLIC_URL:
        hops = await run(nothing)
    assert ways(hops) == [True, True, True, False]
    assert "nothing arrived here" in hops[-1].found


async def test_a_name_that_nobody_knows(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://nobody.invalid"
    hops = await run(nothing)
    assert ways(hops) == [False]
    assert "nobody.invalid" in hops[0].found


async def test_a_port_that_refuses(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    settings.PUBLIC_URL = f"http://127.0.0.1:{port}"
    hops = await run(nothing)
    assert ways(hops) == [True, False]
    assert f"127.0.0.1:{port} refuses" in hops[1].found


@asynccontextmanager
async def behaving(act: Any, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that does with each connection what it is told."""

    tasks: set[asyncio.Task[None]] = set()

    async def meet(reader: Any, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await act(reader)
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(meet, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        await stop(server, tasks)


async def test_what_speaks_no_tls(settings: Settings) -> None:
    async with answering(200) as url:
        settings.PUBLIC_URL = url.replace("http:", "https:")
        hops = await run(nothing)
    assert ways(hops) == [True, False]
    assert "TLS" in hops[1].found


async def test_a_certificate_that_nobody_vouches_for(
    settings: Settings, tmp_path: Path
) -> None:
    async def say_nothing(reader: asyncio.StreamReader) -> None:
        await reader.read(1)

    async with behaving(say_nothing, tls=self_signed(tmp_path)) as port:
        settings.PUBLIC_URL = f"https://localhost:{port}"
        hops = await run(nothing)
    assert ways(hops) == [True, False]
    assert "certificate is not accepted" in hops[1].found


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "pair.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def test_a_server_that_takes_the_sample_and_says_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selftest, "PATIENCE_S", 0.3)
    enough = asyncio.Event()

    async def wait(reader: asyncio.StreamReader) -> None:
        await enough.wait()

    async with behaving(wait) as port:
        settings.PUBLIC_URL = f"http://127.0.0.1:{port}"
        hops = await run(nothing)
        enough.set()
    assert ways(hops) == [True, True, False]
    assert "no answer" in hops[-1].found


async def test_a_server_that_hangs_up(settings: Settings) -> None:
    async def read(reader: asyncio.StreamReader) -> None:
        await reader.read(1)

    async with behaving(read) as port:
        settings.PUBLIC_URL = f"http://127.0.0.1:{port}"
        hops = await run(nothing)
    assert ways(hops) == [True, True, False]
    assert "broke" in hops[-1].found


async def test_the_page_shows_each_hop(served: str, settings: Settings) -> None:
    async with open_site() as site:
        page = await ask(site, "test/")
        assert page.status_code == 200
        said = words(page)
        assert said.count("✓") == 4
        assert "This program has counted it" in said
        assert SECRET not in page.text
        settings.PUBLIC_URL = "http://127.0.0.1:9"
        said = words(await ask(site, "test/"))
        assert (said.count("✓"), said.count("✗")) == (1, 1)


async def test_a_russian_page_shows_what_it_found_in_russian(
    served: str, settings: Settings
) -> None:
    async with open_site() as site:
        site.http.cookies.set("language", "ru")
        said = words(await ask(site, "test/"))
        assert "✓ Имя найдено : 127.0.0.1 — это адрес цифрами, искать имя" in said
        assert "✓ Программа её получила : в " in said
        settings.PUBLIC_URL = "http://127.0.0.1:9"
        assert "127.0.0.1:9 не принимает соединений" in words(await ask(site, "test/"))


async def test_without_a_public_url_the_page_says_what_is_lost(
    served: str, settings: Settings
) -> None:
    settings.PUBLIC_URL = ""
    async with open_site() as site:
        page = await ask(site, "test/")
        assert page.status_code == 422
        assert "PUBLIC_URL is not set" in words(page)
        assert "Messages stay at “accepted”" in words(page)
        assert "Self-test" not in words(page)


async def ask(site: Site, what: str) -> Any:
    return await site.post(f"/connect/callbacks/{what}")
