"""Starts a whole installation on this computer: the launcher behind `make run`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading

import django
from django.core.exceptions import ImproperlyConfigured

from asgi_app import preflight
from asgi_app.env import SettingError
from asgi_app.installation import Installation
from asgi_app.supervisor import GaveUp, Service, Supervisor
from asgi_app.valkey import ValkeyError

WEB_LIMIT_S = 30.0
SANDBOX_LIMIT_S = 15.0
# `timeout` and the like signal the process and its group: two signals for one.
ONE_CTRL_C_S = 0.5
_printing = threading.Lock()


def say(text: str) -> None:
    """Prints a line, whole, whatever threads print beside it."""
    # A reader that went away (`make run | head`) must not end what runs.
    with _printing, contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def main() -> int:
    """Runs until Ctrl-C; 0 after that, 1 when something gave up, 2 for bad settings."""
    os.umask(0o077)  # phones and texts are nobody else's business
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a TextIOWrapper
    try:
        with contextlib.ExitStack() as stack:
            return _main(stack)
    except ImproperlyConfigured as exc:  # a SettingError is one
        return _fail(exc, code=2)
    except (GaveUp, ValkeyError, OSError) as exc:
        return _fail(exc, code=1)
    except KeyboardInterrupt:
        return 0


def _main(stack: contextlib.ExitStack) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")
    django.setup()
    here = Installation()
    port = here.port
    try:
        lock = stack.enter_context(preflight.only_one(here.lock_file, say))
    except preflight.FolderInUse as exc:
        if preflight.port_is_free(port):
            raise
        raise SettingError(
            "PORT", f"{port} is in use by another `make run` (process {exc.holder})"
        ) from None
    if not preflight.port_is_free(port):
        raise SettingError(
            "PORT",
            f"{port} is already in use on 127.0.0.1; choose another, "
            f"for instance: make run PORT={port + 10}",
        )
    preflight.require_database()
    if here.redis_url:
        preflight.require_redis(here.redis_url)
    here.migrate(say)
    return asyncio.run(_run(here, lock))


async def _run(here: Installation, lock: int) -> int:
    supervisor = Supervisor(say)
    stop = asyncio.Event()

    loop = asyncio.get_running_loop()
    first_s = 0.0

    def interrupted() -> None:
        nonlocal first_s
        if not stop.is_set():
            first_s = loop.time()
            stop.set()
        elif loop.time() - first_s > ONE_CTRL_C_S:
            supervisor.hurry()

    loop.add_signal_handler(signal.SIGINT, interrupted)
    # Only Ctrl-C hurries: make hands its own SIGTERM on, so that two may come for one.
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)

    services = here.services(say, lock)
    stopped = asyncio.create_task(stop.wait())
    started = asyncio.create_task(_start(here, supervisor, services))
    try:
        await asyncio.wait({stopped, started}, return_when=asyncio.FIRST_COMPLETED)
        if not started.done():
            started.cancel()
        else:
            started.result()
            say(here.banner())
            failed = asyncio.create_task(supervisor.first_failure())
            await asyncio.wait({stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result()
            failed.cancel()
    finally:
        say("stopping …")
        await supervisor.stop(*(x for x in services if x.name in {"web", "worker"}))
        for service in reversed(services):
            await supervisor.stop(service)
        stopped.cancel()
    say("stopped; `make run` goes on where it left off")
    return 0


async def _start(
    here: Installation, supervisor: Supervisor, services: list[Service]
) -> None:
    """Starts everything in its order and returns when all of it runs.

    The worker comes after web answers: it registers an address for callbacks, and
    ChatApp tries that address at once.
    """
    for service in services:
        supervisor.add(service)
        if service.name == "sandbox":
            await supervisor.until(here.sandbox_answers, SANDBOX_LIMIT_S, "sandbox")
        elif service.name == "web":
            await supervisor.until(here.web_answers, WEB_LIMIT_S, "web")


def _fail(problem: Exception, *, code: int) -> int:
    print(f"error: {' '.join(str(problem).split())}", file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
