"""A sandbox on a real socket, somebody logged in to it, somebody it calls back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from chatapp.sandbox.server import serving
from chatapp.sandbox.testing import SandboxServer
from chatapp.sandbox.wire import Receive, Scope, Send

ACCOUNT = {"email": "a@example.com", "password": "secret", "appId": "app_100_1"}
LINE = "/v1/licenses/50001/messengers/grWhatsApp"
PHONE = "79990000001"


class Receiver:
    """An address to call back, which keeps what it was told."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.hangs = False
        self.bodies: list[Any] = []
        self.probes = 0
        self._news = asyncio.Condition()

    @property
    def items(self) -> list[Any]:
        return [item for body in self.bodies for item in body["data"]]

    @property
    def types(self) -> list[str]:
        return [item["type"] for item in self.items]

    async def wait_for(self, number: int) -> list[Any]:
        """Wait until ``number`` items have come, and return all that have."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.items) >= number)
        return self.items

    async def wait_for_posts(self, number: int) -> list[Any]:
        async with self._news:
            await self._news.wait_for(lambda: len(self.bodies) >= number)
        return self.bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        async with self._news:
            if body:
                self.bodies.append(json.loads(body))
            else:
                self.probes += 1
            self._news.notify_all()
        if self.hangs and body:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        headers = [(b"content-length", b"0")]
        await send(
            {"type": "http.response.start", "status": self.status, "headers": headers}
        )
        await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxServer]:
    async with SandboxServer() as server:
        yield server


@pytest.fixture
async def client(sandbox: SandboxServer) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(sandbox.url) as found:
        await authorise(found)
        yield found


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    async with serving(found) as url:
        found.url = f"{url}/callback/secret"
        yield found


def connect(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, verify=False, timeout=5)


async def authorise(client: httpx.AsyncClient) -> dict[str, Any]:
    """Log in, and send the access token from then on."""
    answer = await client.post("/v1/tokens", json=ACCOUNT)
    pair: dict[str, Any] = answer.json()["data"]
    client.headers["Authorization"] = pair["accessToken"]
    return pair


async def send(
    client: httpx.AsyncClient, phone: str = PHONE, text: str = "hello", **more: Any
) -> httpx.Response:
    return await client.post(
        f"{LINE}/chats/{phone}/messages/text", json={"text": text, **more}
    )


async def register(client: httpx.AsyncClient, url: str, *events: str) -> httpx.Response:
    wanted = list(events) or ["message", "messageStatus"]
    return await client.put(f"{LINE}/callbackUrl", json={"events": wanted, "url": url})


def code_of(answer: httpx.Response) -> str:
    """The code of a refusal in the documented envelope."""
    body = answer.json()
    assert body["success"] is False
    assert set(body["error"]) == {"code", "message"}
    code: str = body["error"]["code"]
    return code
