"""Runs all tests on SQLite, then all of them on a private MariaDB: `make test`."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

from asgi_app.install import APT
from tests.mariadb import NoMariaDB, private_mariadb
from tests.prepare import PACKAGES

_NOTICE = """
******************************************************************************
  NOT TESTED ON MARIADB: {reason}
  All tests ran on SQLite only. What is missing is installed by, as root:
    {apt} {packages}
******************************************************************************
"""


def main(arguments: list[str]) -> int:
    """The exit code: 0 only if everything that could be run has passed."""
    failed = _pytest("SQLite", "", arguments)
    try:
        if importlib.util.find_spec("MySQLdb") is None:
            raise NoMariaDB("the Python package mysqlclient is not installed")
        with private_mariadb() as url:
            failed |= _pytest("MariaDB", url, arguments)
    except NoMariaDB as exc:
        print(_NOTICE.format(reason=exc, apt=APT, packages=PACKAGES), flush=True)
        failed |= bool(os.environ.get("CI"))
    return int(failed)


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
