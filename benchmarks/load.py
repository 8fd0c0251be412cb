"""Requests from many connections at once, on bare asyncio: never what is waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_END = b"\r\n\r\n"


@dataclass
class Answers:
    """When each request was answered, and after how long; in seconds."""

    at: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)

    def add(self, began: float) -> None:
        now = time.perf_counter()
        self.at.append(now)
        self.took_s.append(now - began)

    @property
    def per_s(self) -> float:
        first = min(at - took for at, took in zip(self.at, self.took_s, strict=True))
        return len(self.at) / (max(self.at) - first)


async def as_fast_as_possible(
    port: int, path: str, bodies: Sequence[bytes], *, connections: int
) -> Answers:
    """Each connection sends its next request once it has an answer, which is 200."""
    answers = Answers()
    left = iter(bodies)
    await asyncio.gather(
        *(_send_all(port, path, left, answers) for _ in range(connections))
    )
    return answers


async def at_a_rate(
    port: int, path: str, bodies: Sequence[bytes], *, per_s: float, connections: int
) -> Answers:
    """A request is due every 1/per_s, and its time counts from when it was due."""
    answers = Answers()
    waiting: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()

    async def serve() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (item := await waiting.get()) is not None:
            await _ask(reader, writer, path, item[1])
            answers.add(item[0])
        writer.close()

    servers = [asyncio.create_task(serve()) for _ in range(connections)]
    began = time.perf_counter()
    for number, body in enumerate(bodies):
        due = began + number / per_s
        if (wait_s := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait_s)
        waiting.put_nowait((due, body))
    for _ in servers:
        waiting.put_nowait(None)
    await asyncio.gather(*servers)
    return answers


async def _send_all(
    port: int, path: str, bodies: Iterator[bytes], answers: Answers
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for body in bodies:
        began = time.perf_counter()
        await _ask(reader, writer, path, body)
        answers.add(began)
    writer.close()


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    path: str,
    body: bytes,
) -> None:
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    head = await reader.readuntil(_END)
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"not answered with 200: {head[:200]!r}")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
