"""Small servers that behave, well or badly, on real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Seen:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Behaviour = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """Behaves by the script, one entry a request; the last entry goes on for ever."""

    script: list[Behaviour]
    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    arrival: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def saw(self, count: int) -> None:
        async with self.arrival:
            await self.arrival.wait_for(lambda: len(self.seen) >= count)

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            while seen := await _read_request(reader):
                async with self.arrival:
                    self.seen.append(seen)
                    self.arrival.notify_all()
                    behave = self.script[min(len(self.seen), len(self.script)) - 1]
                await behave(seen, writer)
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            self.tasks.discard(task)


async def _read_request(reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode().split("\r\n")[:-2]
    headers = {
        name.lower(): value.strip()
        for name, value in (line.split(":", 1) for line in lines)
    }
    method, target, _ = first.split(" ")
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, target, headers, body)


@asynccontextmanager
async def serving(
    *script: Behaviour, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    server = Server(list(script))
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    server.url = f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        await stop(listener, server.tasks)


async def stop(listener: asyncio.Server, tasks: set[asyncio.Task[None]]) -> None:
    """Stops listening, and ends what serves a connection."""
    listener.close()
    # A connection may be on its way from the listener; a task that is cancelled before
    # it has begun would leave its socket open.
    for _ in range(5):
        await asyncio.sleep(0)
    for task in (under_way := list(tasks)):
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
    await listener.wait_closed()


def answers(
    status: int = 200, body: object = None, headers: dict[str, str] | None = None
) -> Behaviour:
    """Replies with JSON, or with bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + content)
        await writer.drain()

    return behave


def succeeds(data: object) -> Behaviour:
    return answers(200, {"success": True, "data": data})


def refuses(status: int, code: str, text: str = "No.") -> Behaviour:
    error = {"code": code, "message": text}
    return answers(status, {"success": False, "error": error})


def writes(content: bytes) -> Behaviour:
    """Writes these bytes and hangs up."""

    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(content)
        await writer.drain()
        writer.close()

    return behave


async def resets(seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def is_silent(seen: Seen, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def trickles(seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Never stops for long, never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


def waits_for(event: asyncio.Event, then: Behaviour) -> Behaviour:
    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> None:
        await event.wait()
        await then(seen, writer)

    return behave


@dataclass
class Clock:
    """A clock that only its own sleep moves."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
