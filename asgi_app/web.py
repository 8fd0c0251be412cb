"""The web server: `python -m asgi_app.web [--host …] [--port …] [--queue]`."""

from __future__ import annotations

import argparse
import gc
import os
import sys

import uvicorn
from django.core.exceptions import ImproperlyConfigured

from asgi_app.connections import Connection

# Past this uvicorn answers 503 by itself, which a callback must not be told; pages
# wait in line long before, at the gate.
CONNECTIONS = 2000
# For the answers under way when the server is told to stop; in seconds.
GRACE_S = 10


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m asgi_app.web")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--queue", action="store_true", help="the queue page at /, the rest at /desk/"
    )
    arguments = parser.parse_args()
    if arguments.queue:
        os.environ["DJANGO_SETTINGS_MODULE"] = "asgi_app.queue_settings"
    try:
        # Only now: it takes the settings of the environment.
        from asgi_app.asgi import application
    except ImproperlyConfigured as error:
        sys.exit(f"error: {error}")
    # What is there by now stays: the collector need not look through it again.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        application,
        host=arguments.host,
        port=arguments.port,
        # One process, whatever WEB_CONCURRENCY says.
        workers=1,
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="on",
        # Its own would write past LOG_FORMAT, and without masks.
        log_config=None,
        access_log=False,
        # TRUSTED_PROXIES decides about such headers.
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE_S,
    )


if __name__ == "__main__":
    main()
