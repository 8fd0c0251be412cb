"""Installs by apt what the tests need beside Python packages, where it may.

Runs on the system's Python before `.venv` exists. Where it may not install, `tests.run`
says later what was not tested.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys

# The servers' programs only: mariadb-server would start a service of its own.
PACKAGES = (
    "mariadb-server-core mariadb-client-core default-libmysqlclient-dev "
    "pkg-config gcc libc6-dev python3-dev python3-venv"
)
_PROGRAMS = (
    *("mariadbd", "mariadb-install-db", "mariadb_config"),
    *("pkg-config", "gcc", "python3-config"),
)


def lacking() -> list[str]:
    """The programs that are not there, and Python's ensurepip."""
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    programs = [name for name in _PROGRAMS if shutil.which(name, path=path) is None]
    return programs + ["ensurepip"] * (importlib.util.find_spec("ensurepip") is None)


def main() -> int:
    if not lacking() or os.geteuid() != 0 or shutil.which("apt-get") is None:
        return 0
    print("installing MariaDB and the headers of its client by apt …", flush=True)
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-yqq", "--no-install-recommends", *PACKAGES.split()],
    ):
        done = subprocess.run(
            command,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            print(done.stdout[-2000:], f"`{' '.join(command)}` failed", sep="\n")
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
