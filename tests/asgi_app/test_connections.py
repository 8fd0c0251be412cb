from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from asgi_app import connections
from asgi_app.connections import Connection
from tests.eventually import eventually

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def answers(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def talking() -> AsyncIterator[Talk]:
    config = uvicorn.Config(
        answers, port=0, http=Connection, lifespan="off", log_level="error"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await serving


async def answered(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    while await reader.readline() != b"0\r\n":
        pass
    await reader.readline()


@pytest.mark.parametrize("said", [b"", b"\r\n", b"GET / HTTP/1.1\r\nHost: loc"])
async def test_who_does_not_come_to_the_point_is_hung_up_on(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.1)
    async with talking() as (reader, writer):
        writer.write(said)
        assert await reader.read() == b""


@pytest.mark.parametrize("said", [b"\r\n", b"GET / HTTP/1.1\r\nHost: loc"])
async def test_nor_may_a_further_request_take_for_ever(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking() as (reader, writer):
        writer.write(REQUEST)
        await answered(reader)
        monkeypatch.setattr(connections, "HEAD_S", 0.1)
        writer.write(said)
        assert await reader.read() == b""


async def test_a_head_without_end_is_not_kept() -> None:
    async with talking() as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                writer.write(b"x" * 65_536)
                await writer.drain()


async def test_who_asks_in_pieces_and_again_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with talking() as (reader, writer):
        for _ in range(3):
            for at in range(0, len(REQUEST), 9):
                writer.write(REQUEST[at : at + 9])
                await writer.drain()
            await answered(reader)
        # A long body is no head.
        size = 3 * connections.HEAD_BYTES
        head = (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size
        )
        monkeypatch.setattr(connections, "HEAD_S", 0.0)
        writer.write(head)
        writer.write(b"x" * size)
        await answered(reader)
