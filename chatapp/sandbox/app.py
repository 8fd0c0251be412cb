"""The sandbox as an ASGI application."""

from __future__ import annotations

from pathlib import Path

from chatapp.sandbox.api import Api
from chatapp.sandbox.control import Control
from chatapp.sandbox.errors import ApiError
from chatapp.sandbox.options import DEFAULT, Credentials, SandboxOptions
from chatapp.sandbox.parts import Parts
from chatapp.sandbox.wire import (
    Receive,
    Request,
    Response,
    Scope,
    Send,
    error_response,
    read_request,
    respond,
)


class SandboxApp:
    """A ChatApp of its own, with its record and its knobs at hand."""

    def __init__(
        self,
        *,
        state_path: Path | None,
        credentials: Credentials | None,
        options: SandboxOptions,
    ) -> None:
        parts = Parts.make(state_path, credentials, options)
        self.knobs = parts.knobs
        self.record = parts.record
        self.tokens = parts.tokens
        self.callbacks = parts.callbacks
        self._store = parts.store
        self._api = Api(parts)
        self._control = Control(parts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        try:
            request = await read_request(scope, receive)
        except ApiError as error:
            await respond(error_response(error, ""), scope, receive, send)
            return
        if request is not None:
            await respond(await self._answer(request), scope, receive, send)

    def close(self) -> None:
        """Close the state of a sandbox that never was started."""
        self._store.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.callbacks.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.callbacks.close()
        self.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, request: Request) -> Response:
        if request.path.startswith("/v1/"):
            return await self._api.answer(request)
        return await self._control.answer(request)


def create_app(
    *,
    state_path: Path | None = None,
    credentials: Credentials | None = None,
    options: SandboxOptions = DEFAULT,
) -> SandboxApp:
    """A sandbox; without a path its state lives in memory and ends with it."""
    return SandboxApp(state_path=state_path, credentials=credentials, options=options)
