"""Every address of the site, asked as nobody should."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, note
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from asgi_app.asgi import site as site_application
from asgi_app.gate import Gate
from asgi_app.resources import open_resources
from asgi_app.valkey import PrivateValkey
from campaigns.models import Message
from chatapp.models import Line
from chatapp.sandbox.testing import SandboxServer
from tests.asgi_app.routes import (
    ANNA,
    MARK,
    METHODS,
    VALUES,
    Asked,
    addresses,
    requests,
    routes,
)
from tests.campaigns import lists

EXAMPLES = 14
_HANDLER = re.compile(
    r"<[^>]*\s(?:on\w+\s*=|(?:href|src|action)\s*=\s*[\"']?javascript:)"
)


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return ", ".join(value for key, value in self.headers if key == name)


@dataclass
class Running:
    """A site on a loop of its own, and what there is, by the address's parameter."""

    runner: asyncio.Runner
    app: Any
    state: dict[str, Any]
    known: dict[str, list[str]]

    def ask(self, asked: Asked) -> Answer:
        return self.runner.run(_ask(self.app, asked, self.state))


async def _ask(app: Any, asked: Asked, state: dict[str, Any]) -> Answer:
    incoming = [{"type": "http.request", "body": asked.body, "more_body": False}]
    sent: list[Any] = []
    hung_up = asyncio.Event()

    async def receive() -> Any:
        if incoming:
            return incoming.pop()
        await hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(asked.scope(state), receive, send)
    headers = [(n.decode().lower(), v.decode("latin-1")) for n, v in sent[0]["headers"]]
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], headers, body)


@pytest.fixture
def running(
    valkey: PrivateValkey, transactional_db: None, settings: Settings
) -> Iterator[Running]:
    settings.REDIS_URL = valkey.url
    line = Line.objects.create(
        licence_id="1001", messenger="grWhatsApp", is_chosen=True, name=MARK
    )
    made = [
        lists.draft(line, 2, text="Hi {name|you}", start=10),
        lists.draft(line, 2),
        lists.running(line, 2, start=20),
    ]
    type(made[0]).objects.update(name=f"Sale {MARK}")
    known = {
        "campaign_id": [str(campaign.pk) for campaign in made],
        "line_id": [str(line.pk)],
        "pk": [str(line.pk)],
        "message_id": [str(pk) for pk in Message.objects.values_list("pk", flat=True)],
        "reason": ["double", "invalid"],
        "what": ["sent", "again", "retry"],
        "kind": ["csv", "xlsx"],
        "day": ["2026-11-27"],
        "digits": ["79990000010"],
    }
    with asyncio.Runner() as runner:
        sandbox = SandboxServer()
        runner.run(sandbox.__aenter__())
        settings.CHATAPP_BASE_URL = sandbox.url
        opening = open_resources()
        state = {"resources": runner.run(opening.__aenter__())}
        yield Running(runner, Gate(site_application), state, known)
        runner.run(opening.__aexit__(None, None, None))
        runner.run(sandbox.__aexit__(None, None, None))


def harmless(asked: Asked, answer: Answer) -> None:
    # That nobody works here is what /readyz is to say.
    unready = answer.status == 503 and asked.path == "/readyz"
    assert answer.status < 500 or unready, answer
    for name, value in answer.headers:
        assert not set(name + value) & set("\r\n\0"), (name, value)
    assert answer.header("content-security-policy").startswith("default-src 'none'; ")
    assert answer.header("x-content-type-options") == "nosniff"
    assert not answer.header("x-forged")
    place = answer.header("location")
    # Browsers read a backslash as a slash, and white space before it as nothing.
    there = urlsplit(place.strip().replace("\\", "/"))
    assert not (there.scheme or there.netloc), place
    if answer.header("content-type").startswith("text/html"):
        page = answer.body.decode()
        assert "<script" not in page.lower()
        assert not _HANDLER.search(page)


def tried(running: Running, routes: list[str], examples: int) -> None:
    for route in routes:

        @hypothesis_settings(
            max_examples=examples,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        @given(requests(addresses(route, running.known)))
        def ask(asked: Asked) -> None:
            note(repr(asked))
            note(repr(asked.body))
            harmless(asked, running.ask(asked))

        ask()


def test_a_number_past_all_rows_is_no_address(running: Running) -> None:
    for number in (10**18, 2**63, 2**64, 10**40):
        for route in routes():
            if "_id>" in route and not is_of_the_api(route):
                path = re.sub(r"<\w+>", str(number), route)
                answer = running.ask(Asked("GET", path, headers=ANNA))
                assert answer.status == 404, path


def is_of_the_api(route: str) -> bool:
    return route.startswith("/api/")


def test_whatever_is_asked_of_a_page_is_answered_and_harms_nobody(
    running: Running,
) -> None:
    pages = [route for route in routes() if not is_of_the_api(route)]
    assert len(pages) > 50
    tried(running, pages, EXAMPLES)


def test_whatever_is_asked_of_the_api_as_of_a_page_is_answered(
    running: Running,
) -> None:
    # `test_document` asks it as its document allows.
    tried(running, [route for route in routes() if is_of_the_api(route)], 4)


@pytest.mark.parametrize("urls", ["asgi_app.urls", "asgi_app.queue_urls"])
def test_without_a_password_nothing_is_told_but_that_it_lives(
    running: Running, settings: Settings, urls: str
) -> None:
    settings.ROOT_URLCONF = urls
    found = routes(urls)
    assert len(found) > 50
    missing = ["/missing", "/webhooks", "/healthz/", "/<campaign_id>", "/healthz"]

    @hypothesis_settings(
        max_examples=3 * len(found),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(
        st.sampled_from([*found, *missing]).flatmap(
            lambda route: requests(addresses(route, running.known))
        )
    )
    def ask(asked: Asked) -> None:
        asked = asked.without(b"authorization")
        answer = running.ask(asked)
        if asked.path == "/healthz":
            told = {200: {b"", b"ok"}, 405: {b""}}
            assert answer.body in told[answer.status]
            return
        assert answer.status == 401, answer
        assert answer.header("www-authenticate").startswith("Basic ")
        is_api = asked.path.startswith("/api/")
        kind = "application/problem+json" if is_api else "text/plain; charset=utf-8"
        assert answer.header("content-type") == kind
        assert len(answer.body) < 300
        assert not answer.header("set-cookie")
        harmless(asked, answer)

    ask()
    # Nor does any hide behind a method.
    for route in found:
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            host = ((b"host", b"localhost"),)
            assert running.ask(Asked(method, route, headers=host)).status == 401


@given(path=st.one_of(st.text(), VALUES), method=METHODS, body=st.binary(max_size=99))
@hypothesis_settings(
    max_examples=150,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
def test_behind_the_callbacks_address_there_is_nothing_but_callbacks(
    running: Running, path: str, method: str, body: bytes
) -> None:
    answer = running.ask(Asked(method, f"/webhooks/{path}", body=body))
    assert (answer.status, answer.body) == (404, b"unknown address")
    assert not answer.header("set-cookie")
    assert answer.header("content-type") == "text/plain; charset=utf-8"
