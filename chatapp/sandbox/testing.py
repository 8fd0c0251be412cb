"""A running sandbox for tests, on a real socket."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType

from chatapp.sandbox.app import SandboxApp, create_app
from chatapp.sandbox.knobs import Knobs
from chatapp.sandbox.options import Credentials, SandboxOptions
from chatapp.sandbox.record import Record
from chatapp.sandbox.server import serving

# No limit of requests, and the statuses at once, all in one batch.
QUICK = SandboxOptions(
    rate_limit=None, statuses=(("sent", 0.0), ("delivered", 0.0), ("viewed", 0.0))
)


class SandboxServer:
    """``async with SandboxServer() as sandbox`` runs one in the running event loop.

    With a ``port`` and a ``state_path`` a second one goes on where a first one ended,
    which is how a test takes the API away and brings it back. Read the record before
    the end: it is closed with the server.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        state_path: Path | None = None,
        credentials: Credentials | None = None,
        options: SandboxOptions = QUICK,
    ) -> None:
        self._port = port
        self._state_path = state_path
        self._credentials = credentials
        self._options = options
        self._stack = contextlib.AsyncExitStack()
        self.app: SandboxApp
        self.url = ""

    @property
    def record(self) -> Record:
        return self.app.record

    @property
    def knobs(self) -> Knobs:
        return self.app.knobs

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rsplit(":", 1)[1])

    async def __aenter__(self) -> SandboxServer:
        self.app = create_app(
            state_path=self._state_path,
            credentials=self._credentials,
            options=self._options,
        )
        try:
            self.url = await self._stack.enter_async_context(
                serving(self.app, port=self._port)
            )
        except BaseException:
            self.app.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()
