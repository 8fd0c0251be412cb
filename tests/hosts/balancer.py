"""The one public address of several webs, as a proxy in front of them is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

CONNECT_S = 1.0
_CHUNK = 64 * 1024


class Balancer:
    """Gives each connection to the next web that takes it."""

    def __init__(self, webs: list[tuple[str, int]]) -> None:
        self._webs = webs
        self._turn = 0
        self._serving: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    @contextlib.asynccontextmanager
    async def serving(self, host: str, port: int) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, host, port)
        try:
            yield
        finally:
            server.close()
            tasks = [task for task in self._serving.values() if task]
            for writer in self._serving:
                writer.transport.abort()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._serving[writer] = asyncio.current_task()
        try:
            there = await self._connect()
            if there is not None:
                from_web, to_web = there
                self._serving[to_web] = None
                try:
                    await asyncio.gather(_pump(reader, to_web), _pump(from_web, writer))
                finally:
                    self._serving.pop(to_web)
                    to_web.close()
        except OSError:
            pass  # either side hung up, which the other sees
        finally:
            self._serving.pop(writer)
            writer.close()

    async def _connect(
        self,
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self._webs:
            self._turn += 1
            host, port = self._webs[self._turn % len(self._webs)]
            try:
                async with asyncio.timeout(CONNECT_S):
                    return await asyncio.open_connection(host, port)
            except OSError:
                continue
        return None


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
