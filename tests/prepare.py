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
MARIADB = (
    "mariadb-server-core mariadb-client-core default-libmysqlclient-dev "
    "pkg-config gcc libc6-dev python3-dev python3-venv"
)
# Without a font of its own it draws boxes.
CHROMIUM = "chromium fonts-dejavu-core"
# Each by itself: where one cannot be had, the other still can.
_WANTED = {
    "MariaDB and the headers of its client": (
        MARIADB,
        (
            *("mariadbd", "mariadb-install-db", "mariadb_config"),
            *("pkg-config", "gcc", "python3-config"),
        ),
    ),
    "Chromium": (CHROMIUM, ("chromium",)),
}


def lacking(programs: tuple[str, ...]) -> list[str]:
    """The programs that are not there."""
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    return [name for name in programs if shutil.which(name, path=path) is None]


def main() -> int:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return 0
    no_venv = importlib.util.find_spec("ensurepip") is None
    wanted = {
        what: packages
        for what, (packages, programs) in _WANTED.items()
        if lacking(programs) or (no_venv and "python3-venv" in packages)
    }
    if not wanted or not _apt_get("update", "-qq"):
        return 0
    for what, packages in wanted.items():
        print(f"installing {what} by apt …", flush=True)
        _apt_get("install", "-yqq", "--no-install-recommends", *packages.split())
    return 0


def _apt_get(*arguments: str) -> bool:
    done = subprocess.run(
        ["apt-get", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout[-2000:], f"`apt-get {' '.join(arguments)}` failed", sep="\n")
    return not done.returncode


if __name__ == "__main__":
    sys.exit(main())
