"""uvicorn, made able to hang up on a client and to stop at once."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chatapp.sandbox.wire import TRANSPORT

_TURNS = 3


class SandboxProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, with the TCP transport shown to the application."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


class PromptServer(uvicorn.Server):
    """A server that does not wait for anybody when it is told to stop."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listeners, drop every connection, stop the application."""
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        # One that was accepted just now is handed on in the next turn of the loop; a
        # server that is closed by then loses it, socket and all (asyncio, Python 3.11).
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        # A request whose client is gone ends by itself; one that waits for something
        # else (the probe of a callback URL) is cancelled.
        if state.tasks:
            _, late = await asyncio.wait(set(state.tasks), timeout=0.05)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()
        await self.lifespan.shutdown()


def config(app: Any, *, log_level: str = "warning") -> uvicorn.Config:
    """How the sandbox is served: no access log, lifespan on, long keep-alive."""
    return uvicorn.Config(
        app,
        http=SandboxProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        log_level=log_level,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; OSError if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns off Nagle's algorithm on what it accepts;
    # without it (socket.create_server) a keep-alive answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except BaseException:
        listener.close()
        raise
    return listener


@contextlib.asynccontextmanager
async def serving(app: Any, *, port: int = 0) -> AsyncIterator[str]:
    """Serve an ASGI app on a loopback port in the running loop; yields its URL."""
    listener = listen("127.0.0.1", port)
    settings = config(app, log_level="critical")
    settings.load()
    server = PromptServer(settings)
    # What uvicorn's serve() does, without its signal handlers and its tenth of a
    # second before it notices that it should stop.
    server.lifespan = settings.lifespan_class(settings)
    await server.on_tick(0)
    await server.startup(sockets=[listener])
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await server.shutdown(sockets=[listener])
