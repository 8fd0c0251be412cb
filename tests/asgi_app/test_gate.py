from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from asgi_app import gate
from asgi_app.gate import BODY_LIMIT, CALLBACK_LIMIT, MIB, Gate, Receive, Scope, Send
from tests.eventually import eventually


class Pages:
    """An application that reads the body, and answers when it is told to."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.bodies: list[int] = []
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        while (message := await receive())["type"] != "http.disconnect":
            size += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        else:
            return
        self.bodies.append(size)
        self.under_way += 1
        await self.may_answer.wait()
        self.under_way -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def client(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def pieces(size: int) -> AsyncIterator[bytes]:
    """A body whose length is not announced."""
    for _ in range(size // 262_144):
        yield b"x" * 262_144
    yield b"x" * (size % 262_144)


@pytest.mark.parametrize(
    ("path", "limit"), [("/webhooks/x/", CALLBACK_LIMIT), ("/", BODY_LIMIT)]
)
@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_body_past_its_limit_is_refused(
    path: str, limit: int, is_announced: bool
) -> None:
    pages = Pages()
    async with client(Gate(pages)) as http:
        for size, status in ((limit, 200), (limit + 1, 413)):
            content = b"x" * size if is_announced else pieces(size)
            assert (await http.post(path, content=content)).status_code == status
    assert pages.bodies == [limit]


async def test_how_a_body_is_refused_may_depend_on_the_address() -> None:
    def refusal(scope: Scope, status: int) -> tuple[str, bytes]:
        return "application/json", f'["{scope["path"]}", {status}]'.encode()

    async with client(Gate(Pages(), refusal=refusal)) as http:
        answer = await http.post("/a", content=pieces(BODY_LIMIT + 1))
        assert answer.headers["content-type"] == "application/json"
        assert answer.json() == ["/a", 413]


async def test_an_odd_length_is_not_believed() -> None:
    async with client(Gate(Pages())) as http:
        for told in ("-1", "x", "9" * 30):
            answer = await http.get("/", headers={"Content-Length": told})
            assert answer.status_code == 200


async def test_pages_wait_in_line_and_callbacks_do_not() -> None:
    pages = Pages()
    pages.may_answer.clear()
    async with client(Gate(pages, pages_at_once=2)) as http:
        waiting = [asyncio.create_task(http.get("/")) for _ in range(5)]
        await eventually(lambda: pages.under_way == 2)
        callback = asyncio.create_task(http.post("/webhooks/x/"))
        alive = asyncio.create_task(http.get("/healthz"))
        await eventually(lambda: pages.under_way == 4)
        pages.may_answer.set()
        answers = await asyncio.gather(*waiting, callback, alive)
    assert [answer.status_code for answer in answers] == [200] * 7


async def unending(told: asyncio.Event) -> AsyncIterator[bytes]:
    """A body that begins and does not go on."""
    yield b"x"
    told.set()
    await asyncio.Event().wait()


async def test_who_sends_slowly_keeps_no_page_waiting() -> None:
    pages = Pages()
    async with client(Gate(pages, pages_at_once=2)) as http:
        has_begun = [asyncio.Event() for _ in range(5)]
        slow = [
            asyncio.create_task(http.post("/", content=unending(told)))
            for told in has_begun
        ]
        for told in has_begun:
            await told.wait()
        assert (await http.get("/")).status_code == 200
        assert (await http.post("/", content=pieces(9))).status_code == 200
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        # Nor does who has hung up hold a place.
        for _ in range(3):
            assert (await http.get("/")).status_code == 200
    assert pages.bodies == [0, 9, 0, 0, 0]


@pytest.mark.parametrize("path", ["/", "/webhooks/x/"])
async def test_a_body_that_comes_too_slowly_is_refused(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PATIENCE_S", 0.05)
    pages = Pages()
    async with client(Gate(pages)) as http:
        answer = await http.post(path, content=unending(asyncio.Event()))
        assert (answer.status_code, answer.text) == (408, "too slow")
        assert answer.headers["connection"] == "close"
        # What is there at once is not measured by the clock.
        assert (await http.post(path, content=pieces(MIB))).status_code == 200
    assert pages.bodies == [MIB]


async def test_an_answer_that_takes_long_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the body has a time, not what is done with it."""
    monkeypatch.setattr(gate, "PATIENCE_S", 0.0)
    pages = Pages()
    pages.may_answer.clear()
    async with client(Gate(pages)) as http:
        asked = asyncio.create_task(http.post("/", content=b"x"))
        await eventually(lambda: pages.under_way == 1)
        pages.may_answer.set()
        assert (await asked).status_code == 200
