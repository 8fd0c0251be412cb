"""How long, and how much, a connection may take to say what it asks for."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# From the connection, or the first byte of a further request, to the end of its head.
HEAD_S = 20.0
# A cookie and a password fit many times; neither uvicorn nor httptools has a limit.
HEAD_BYTES = 64 * 1024


class Connection(HttpToolsProtocol):
    """Hangs up on who does not come to the point.

    uvicorn lets a connection that says nothing stand for ever, and counts it among
    those that it serves.
    """

    _timer: asyncio.TimerHandle | None = None
    _is_asking = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        is_idle = self.cycle is None or self.cycle.response_complete
        if not (self._is_asking or is_idle) or self.transport.is_closing():
            return
        # An empty line is no request yet, and ends uvicorn's own wait for one.
        self._wait()
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._hang_up()

    def on_message_begin(self) -> None:
        self._is_asking = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_asking = False
        self._head_bytes = 0
        self._wait_no_more()
        super().on_headers_complete()

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_S, self._hang_up)

    def _wait_no_more(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hang_up(self) -> None:
        self._timer = None
        self.transport.close()
