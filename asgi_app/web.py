"""The web server: `python -m asgi_app.web [--host …] [--port …]`."""

from __future__ import annotations

import argparse

import uvicorn

# A page holds a database connection, and MySQL has 151 of them by default.
CONNECTIONS = 120
# For the answers under way when the server is told to stop; in seconds.
GRACE_S = 10


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m asgi_app.web")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    uvicorn.run(
        "asgi_app.asgi:application",
        host=arguments.host,
        port=arguments.port,
        # One process, whatever WEB_CONCURRENCY says.
        workers=1,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        # TRUSTED_PROXIES decides about such headers.
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE_S,
    )


if __name__ == "__main__":
    main()
