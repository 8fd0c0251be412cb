"""Runs all tests on SQLite, then all of them on a private MariaDB: `make test`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

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


def main(arguments: list[str]) -> int:
    """The exit code: 0 only if everything that could be run has passed."""
    notices = []
    failed = _pytest("SQLite", "", arguments)
    try:
        chromium_program()
    except NoChromium as exc:
        instead = "The pages were tried without one only"
        notices.append(_notice("IN A BROWSER", exc, instead, CHROMIUM))
    try:
        if importlib.util.find_spec("MySQLdb") is None:
            raise NoMariaDB("the Python package mysqlclient is not installed")
        with private_mariadb() as url:
            failed |= _pytest("MariaDB", url, arguments)
    except NoMariaDB as exc:
        instead = "All tests ran on SQLite only"
        notices.append(_notice("ON MARIADB", exc, instead, MARIADB))
    for notice in notices:
        print(notice, flush=True)
    failed |= bool(notices and os.environ.get("CI"))
    return int(failed)


def _notice(where: str, reason: Exception, instead: str, packages: str) -> str:
    return _NOTICE.format(
        where=where, reason=reason, instead=instead, apt=APT, packages=packages
    )


def _pytest(database: str, url: str, arguments: list[str]) -> bool:
    print(f"\n=== tests on {database} ===", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        env={**os.environ, "DATABASE_URL": url},
        check=False,
    )
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
