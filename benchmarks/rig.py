"""The servers of a run: a private MariaDB at its own durability, and the stand-in.

They keep to one core, what is measured to the other, so that ratios hold where others
work on the machine too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.request import urlopen

from asgi_app.valkey import free_port
from tests.mariadb import private_mariadb

START_LIMIT_S = 10.0
# A flush at every commit, which is the server's own default, and memory for its rows.
AS_IN_PRODUCTION = (
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=1G",
)


@dataclass(frozen=True)
class Rig:
    """Where the stand-in is; Django is set up on the database."""

    api_url: str


@contextlib.contextmanager
def open_rig(*, delay_s: float) -> Iterator[Rig]:
    """Starts the servers, sets Django up on them, and pins this process."""
    cores = sorted(os.sched_getaffinity(0))
    measured, rest = cores[0], cores[-1]
    os.sched_setaffinity(0, {rest})
    with private_mariadb(*AS_IN_PRODUCTION) as url, _stand_in(delay_s) as api_url:
        os.environ["DATABASE_URL"] = url
        os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        os.sched_setaffinity(0, {measured})
        yield Rig(api_url)


@contextlib.contextmanager
def _stand_in(delay_s: float) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.stand_in", str(port), str(delay_s)]
    with subprocess.Popen(command) as process:
        try:
            _wait(f"http://127.0.0.1:{port}/")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)


def _wait(url: str) -> None:
    until = time.monotonic() + START_LIMIT_S
    while True:
        try:
            with urlopen(url, timeout=1):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
