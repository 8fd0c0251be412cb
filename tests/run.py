"""Runs all tests on SQLite and, beside them, on a private MariaDB: `make test`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from asgi_app import children
from asgi_app.install import APT
from tests.browser.chromium import NoChromium, chromium_program
from tests.mariadb import NoMariaDB, private_mariadb
from tests.prepare import CHROMIUM, MARIADB

_NOTICE = """
******************************************************************************
  NOT TESTED {where}: {reason}
  {instead}. What is missing is installed by, as root:
    {apt} {packages}
******************************************************************************
"""
_LOOK_S = 0.5


def main(arguments: list[str]) -> int:
    """The exit code: 0 only if everything that could be run has passed."""
    # Whatever ends us ends both of the runs.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    notices = []
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    with contextlib.ExitStack() as stack:
        on_mariadb: tuple[subprocess.Popen[bytes], Path] | None = None
        try:
            if importlib.util.find_spec("MySQLdb") is None:
                raise NoMariaDB("the Python package mysqlclient is not installed")
            url = stack.enter_context(private_mariadb())
            on_mariadb = stack.enter_context(_running_beside(command, url))
        except NoMariaDB as exc:
            instead = "All tests ran on SQLite only"
            notices.append(_notice("ON MARIADB", exc, instead, MARIADB))
        try:
            chromium_program()
        except NoChromium as exc:
            instead = "The pages were tried without one only"
            notices.append(_notice("IN A BROWSER", exc, instead, CHROMIUM))
        print("\n=== tests on SQLite ===", flush=True)
        on_sqlite = subprocess.run(
            command, env={**os.environ, "DATABASE_URL": ""}, check=False
        )
        failed = on_sqlite.returncode != 0
        if on_mariadb:
            print("\n=== tests on MariaDB, run beside them ===", flush=True)
            failed |= _follow(*on_mariadb) != 0
    for notice in notices:
        print(notice, flush=True)
    failed |= bool(notices and os.environ.get("CI"))
    return int(failed)


def _notice(where: str, reason: Exception, instead: str, packages: str) -> str:
    return _NOTICE.format(
        where=where, reason=reason, instead=instead, apt=APT, packages=packages
    )


@contextlib.contextmanager
def _running_beside(
    command: list[str], url: str
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The process and the file that it prints to; it ends with the block."""
    with tempfile.NamedTemporaryFile(prefix="tests-on-mariadb-") as output:
        process = children.spawn(command, env={"DATABASE_URL": url}, output=output.file)
        try:
            yield process, Path(output.name)
        finally:
            process.terminate()
            process.wait()


def _follow(process: subprocess.Popen[bytes], output: Path) -> int:
    """Prints what a process has printed, and prints, to its end; its exit code."""
    with output.open(errors="replace") as printed:
        while True:
            code = process.poll()
            sys.stdout.write(printed.read())
            sys.stdout.flush()
            if code is not None:
                return code
            time.sleep(_LOOK_S)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
