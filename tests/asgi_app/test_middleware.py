from __future__ import annotations

import base64
import re
from typing import Any

import httpx
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.test import Client
from pytest_django.fixtures import Settings

from asgi_app.context import house
from tests.asgi_app.door import RIGHT, WRONG, Browser, basic

pytestmark = pytest.mark.usefixtures("site")


async def test_nobody_comes_in_without_a_password(browser: Browser) -> None:
    async with browser() as client:
        for address in (
            *("/", "/asset.css", "/missing", "/broken", "/healthz/", "/healthz/more"),
            *("/healthz/../", "//healthz", "/webhooks", "/HEALTHZ", "/healthz%20"),
            *("/x/webhooks/x", "/%2e/webhooks/x"),
        ):
            response = await client.get(address)
            assert response.status_code == 401, address
            challenge = response.headers["WWW-Authenticate"]
            assert re.fullmatch(r'Basic realm="[^"]+", charset="UTF-8"', challenge)
            assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert len(response.text) < 100


async def test_the_probe_is_open(browser: Browser) -> None:
    async with browser() as client:
        assert (await client.get("/healthz")).text == "ok"


@pytest.mark.parametrize("headers", [{}, RIGHT, WRONG], ids=["none", "right", "wrong"])
async def test_below_the_callbacks_there_is_no_page_for_anybody(
    browser: Browser, headers: dict[str, str]
) -> None:
    async with browser() as client:
        for path in ("/webhooks/", "/webhooks/x", "/webhooks/chatapp/x/more/"):
            answer = await client.post(path, headers=headers)
            assert (answer.status_code, answer.text) == (404, "unknown address")


@pytest.mark.parametrize(
    ("user", "password"), [("anna", "correct: horse"), ("борис", "pässword")]
)
async def test_a_user_comes_in_under_the_own_name(
    browser: Browser, user: str, password: str
) -> None:
    async with browser() as client:
        response = await client.get("/", headers=basic(user, password))
        assert response.text == f"{user} GET"


async def test_latin1_of_old_browsers_is_understood(
    browser: Browser, settings: Settings
) -> None:
    settings.BASIC_AUTH_USERS = {"jörg": "pässword"}
    handler: Any = ASGIHandler()
    transport = httpx.ASGITransport(handler)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost"
    ) as client:
        for encoding in ("utf-8", "latin-1"):
            headers = basic("jörg", "pässword", encoding)
            assert (await client.get("/", headers=headers)).text == "jörg GET"


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "OPTIONS", "DELETE"])
async def test_every_method_is_guarded(browser: Browser, method: str) -> None:
    async with browser() as client:
        assert (await client.request(method, "/")).status_code == 401
        assert (await client.request(method, "/", headers=WRONG)).status_code == 401
        response = await client.request(method, "/", headers=RIGHT)
        assert response.status_code == 200
        assert response.text == ("" if method == "HEAD" else f"anna {method}")


def _sealed(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode()


@pytest.mark.parametrize(
    "header",
    [
        *("", "Basic", "Basic ", "basic !!!", "Basic YW5uYQ==", "Bearer abc"),
        *("Basic YW5uYTpjb3JyZWN0", "Basic \u00e4\u00f6", "Digest username=anna"),
        # Right, but cut, doubled, or too long.
        RIGHT["Authorization"][:-4],
        f"{RIGHT['Authorization']}, {RIGHT['Authorization']}",
        _sealed(b"anna:" + b"x" * 60_000),
        _sealed(b"anna:correct: horse\0"),
        _sealed(b"anna\0:correct: horse"),
        _sealed(b"\xff\xfe:\xff"),
        _sealed(b":"),
        _sealed(b"anna:"),
        _sealed(b"ANNA:correct: horse"),
        _sealed(b"anna: correct: horse"),
        _sealed("борис:correct: horse".encode()),
    ],
)
async def test_a_strange_header_is_a_plain_refusal(
    browser: Browser, header: str
) -> None:
    async with browser() as client:
        response = await client.get(
            "/", headers={b"Authorization": header.encode("latin-1")}
        )
        assert response.status_code == 401


async def test_the_scheme_may_be_written_in_any_case(browser: Browser) -> None:
    async with browser() as client:
        header = RIGHT["Authorization"].replace("Basic", "bAsIc")
        response = await client.get("/", headers={"Authorization": header})
        assert response.text == "anna GET"


@pytest.mark.parametrize("address", ["/", "/missing", "/broken", "/healthz"])
@pytest.mark.parametrize("headers", [RIGHT, {}], ids=["inside", "outside"])
async def test_every_answer_forbids_scripts_and_caches(
    browser: Browser, address: str, headers: dict[str, str]
) -> None:
    async with browser() as client:
        response = await client.get(address, headers=headers)
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "script-src" not in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "Strict-Transport-Security" not in response.headers


async def test_a_site_behind_tls_is_never_opened_without_it_again(
    browser: Browser, settings: Settings
) -> None:
    settings.HSTS_S = 31_536_000
    async with browser() as client:
        response = await client.get("/", headers=RIGHT)
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_an_asset_keeps_its_own_caching(browser: Browser) -> None:
    async with browser() as client:
        response = await client.get("/asset.css", headers=RIGHT)
        assert response.headers["Cache-Control"] == "max-age=60"


def test_the_synchronous_test_client_is_guarded_too() -> None:
    client = Client()
    assert client.get("/").status_code == 401
    assert client.get("/", headers=RIGHT).content == b"anna GET"


def test_a_page_knows_its_operator_and_its_house(settings: Settings) -> None:
    request = HttpRequest()
    request.operator = "anna"  # type: ignore[attr-defined]  # as basic_auth does
    settings.CHATAPP_IS_SANDBOX = True
    settings.CHATAPP_BASE_URL = "http://127.0.0.1:9"
    settings.DATABASES["default"]["ENGINE"] = "django.db.backends.sqlite3"
    ctx = house(request)
    assert ctx["operator"] == "anna"
    assert (ctx["is_sandbox"], ctx["sandbox_url"]) == (True, "http://127.0.0.1:9")
    assert ctx["database_words"] == "embedded SQLite"
    settings.CHATAPP_IS_SANDBOX = False
    assert house(request)["sandbox_url"] == ""
    assert house(HttpRequest())["operator"] == ""
