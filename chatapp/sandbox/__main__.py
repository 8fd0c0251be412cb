"""``python -m chatapp.sandbox``: the sandbox as a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

from chatapp.sandbox.app import create_app
from chatapp.sandbox.options import DEFAULT, Credentials
from chatapp.sandbox.server import PromptServer, config, listen

_VARIABLES = ("SANDBOX_EMAIL", "SANDBOX_PASSWORD", "SANDBOX_APP_ID")


class _AnnouncedServer(PromptServer):
    """Says in one line where it listens, once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            address = f"http://{host}:{port}/"
            print(f"Sandbox ChatApp on {address}: nothing leaves it", flush=True)


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m chatapp.sandbox")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--state", type=Path, help="SQLite file; without it nothing is kept"
    )
    parser.add_argument(
        "--rate-limit",
        type=int,
        default=DEFAULT.rate_limit,
        help="requests a second from one address",
    )
    arguments = parser.parse_args()
    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as error:
        sys.exit(f"--port {arguments.port}: {os.strerror(error.errno or 0)}")
    app = create_app(
        state_path=arguments.state,
        credentials=_credentials(),
        options=replace(DEFAULT, rate_limit=arguments.rate_limit),
    )
    with contextlib.suppress(KeyboardInterrupt):
        _AnnouncedServer(config(app)).run(sockets=[listener])


def _credentials() -> Credentials | None:
    """The account of the environment; all three variables, or none."""
    given = {name: os.environ.get(name, "") for name in _VARIABLES}
    if not any(given.values()):
        return None
    missing = [name for name, value in given.items() if not value]
    if missing:
        sys.exit(f"{missing[0]} is missing: set all of {', '.join(_VARIABLES)} or none")
    return Credentials(*given.values())


if __name__ == "__main__":
    main()
