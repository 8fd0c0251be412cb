"""The servers of a run: a private MariaDB, a Valkey, and the stand-in for the API.

They keep to one core, what is measured to the other, so that ratios hold where others
work on the machine too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asgi_app.valkey import PrivateValkey, free_port
from tests.mariadb import private_mariadb

# How long the stand-in for the API takes to answer.
API_S = 0.05
START_LIMIT_S = 20.0
STOP_LIMIT_S = 20.0
# A flush at every commit, which is the server's own default, and memory for its rows.
AS_IN_PRODUCTION = (
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=1G",
)


@dataclass(frozen=True)
class Rig:
    """Where the servers are, and which core is whose; Django is set up on them."""

    api_url: str
    database_url: str
    redis_url: str
    folder: Path
    measured: int
    rest: int

    @contextlib.contextmanager
    def beside(self) -> Iterator[None]:
        """For what puts load on something measured that is a process of its own."""
        os.sched_setaffinity(0, {self.rest})
        try:
            yield
        finally:
            os.sched_setaffinity(0, {self.measured})

    @property
    def settings(self) -> dict[str, str]:
        """Of a process of the program on these servers."""
        return {
            "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(self.folder),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "CHATAPP_BASE_URL": self.api_url,
            "BASIC_AUTH_USERS": "anna:correct horse",
            "SEND_DELAY_MIN": "0",
            "SEND_DELAY_MAX": "0",
        }


@contextlib.contextmanager
def open_rig(*, delay_s: float, kept: Path | None = None) -> Iterator[Rig]:
    """Starts the servers, sets Django up on them, and pins this process.

    The database in the folder `kept` is made once, and found there again.
    """
    cores = sorted(os.sched_getaffinity(0))
    measured, rest = cores[0], cores[-1]
    os.sched_setaffinity(0, {rest})
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database_url = stack.enter_context(
            private_mariadb(*AS_IN_PRODUCTION, kept=kept)
        )
        valkey = PrivateValkey(folder / "valkey")
        valkey.start()
        stack.callback(valkey.stop)
        api_url = stack.enter_context(stand_in(delay_s))
        os.environ["DATABASE_URL"] = database_url
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        import django
        from django.conf import settings
        from django.core.management import call_command

        django.setup()
        settings.REDIS_URL = valkey.url
        call_command("migrate", verbosity=0)
        os.sched_setaffinity(0, {measured})
        yield Rig(api_url, database_url, valkey.url, folder, measured, rest)


@contextlib.contextmanager
def serving(rig: Rig, argv: Sequence[str], more: Mapping[str, str]) -> Iterator[int]:
    """The port of a server that is measured: a process on the measured core."""
    port = free_port()
    command = [part.format(port=port) for part in argv]
    with running(rig, command, more):
        wait_for(port)
        yield port


@contextlib.contextmanager
def running(
    rig: Rig, argv: Sequence[str], more: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process on the measured core, ended in good order."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {rig.measured})
    try:
        process = subprocess.Popen(
            [sys.executable, *argv], env={**os.environ, **rig.settings, **more}
        )
    finally:
        os.sched_setaffinity(0, before)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def stand_in(delay_s: float) -> Iterator[str]:
    """The address of a stand-in for the API on this process's core."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.stand_in", str(port), str(delay_s)]
    with subprocess.Popen(command) as process:
        try:
            wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)


def wait_for(port: int) -> None:
    until = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
