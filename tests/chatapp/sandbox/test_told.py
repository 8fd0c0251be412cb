"""The record of callbacks: what was posted, and how it was answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from chatapp.sandbox.knobs import Kind
from chatapp.sandbox.server import serving
from chatapp.sandbox.testing import SandboxServer
from chatapp.sandbox.wire import Receive, Scope, Send
from tests.eventually import eventually

from .conftest import Receiver, register, send


def all_answered(client: httpx.AsyncClient, count: int) -> Callable[[], Any]:
    async def look() -> bool:
        items = (await client.get("/sandbox/callbacks")).json()["items"]
        return len(items) == count and all(item["answer"] for item in items)

    return look


async def test_what_was_called_back_is_paged_over_http(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url)
    receiver.status = 503
    await send(client)
    await eventually(all_answered(client, 3))

    first = (await client.get("/sandbox/callbacks", params={"limit": 2})).json()
    assert [(one["label"], one["answer"]) for one in first["items"]] == [
        ("sent", "503"),
        ("delivered", "503"),
    ]
    assert all(one["posted_at"] >= one["due"] for one in first["items"])
    (sent,) = (await client.get("/sandbox/sends")).json()["items"]
    assert {one["message_seq"] for one in first["items"]} == {sent["seq"]}
    following = {"after": first["next"]}
    rest = (await client.get("/sandbox/callbacks", params=following)).json()
    assert [one["label"] for one in rest["items"]] == ["viewed"]
    assert rest["next"] is None


class GoodOnce(Receiver):
    """Answers the first callback with 200 and every later one with 503."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.status = 503 if self.bodies else 200
        await super().__call__(scope, receive, send)


async def test_a_200_is_not_forgotten_when_the_second_copy_is_refused(
    client: httpx.AsyncClient, sandbox: SandboxServer
) -> None:
    receiver = GoodOnce()
    sandbox.knobs.set(Kind.STATUS_DOUBLED)
    # Both copies come before the answer to the send.
    sandbox.knobs.set(Kind.STATUS_EARLY)
    async with serving(receiver) as url:
        await register(client, f"{url}/callback/secret")
        await send(client)
    assert len(receiver.bodies) == 2
    assert [one.answer for one in sandbox.app.callbacks.posted(0, 10)] == ["200"] * 3
