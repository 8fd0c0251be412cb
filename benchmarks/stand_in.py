"""A stand-in for the API that answers every request after a fixed time, and no more.

A process of its own: `python -m benchmarks.stand_in PORT DELAY_S`. Written on bare
asyncio, so that it is never what is waited for.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import sys

_LENGTH = re.compile(rb"(?im)^content-length:\s*(\d+)")
_END = b"\r\n\r\n"


class Answers(asyncio.Protocol):
    """One connection: requests one after another, each answered after the delay."""

    numbers = itertools.count(1)

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(_END)) >= 0:
            found = _LENGTH.search(self._read, 0, end)
            whole = end + len(_END) + (int(found[1]) if found else 0)
            if len(self._read) < whole:
                return
            self._read = self._read[whole:]
            loop = asyncio.get_running_loop()
            loop.call_later(self._delay_s, self._answer)

    def _answer(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        told = {"success": True, "data": {"id": f"m{next(self.numbers)}"}}
        body = json.dumps(told).encode()
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)


async def serve(port: int, delay_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answers(delay_s), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
