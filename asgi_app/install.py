"""Puts the packages into `.venv`: `install.py [EXTRA…]`; `mysql?`: if it can be built.

Runs on the system's Python before anything is installed, so it needs the standard
library only, and any Python 3 must be able to read it and be told that it is too old.
Without arguments it takes the extra `mysql` if `DATABASE_URL` asks for it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
VENV = BASE_DIR / ".venv"
STAMP, LOG = VENV / "installed", VENV / "install.log"
APT = "apt-get install -y --no-install-recommends"
# mysqlclient has no wheel for Linux.
MYSQL_BUILD = "default-libmysqlclient-dev pkg-config gcc libc6-dev python3-dev"


def main(extras: list[str]) -> str | None:
    """Installs what is not installed yet; returns what hinders it, in one line."""
    if sys.hexversion < 0x030B0000:
        version = ".".join(map(str, sys.version_info[:3]))
        return (
            f"error: PYTHON: {sys.executable} is Python {version}, and 3.11 or later "
            "is needed; if you have one: make run PYTHON=python3.11"
        )
    wanted = set(extras)
    if not wanted and _uses_mysql():
        wanted = {"mysql"}
    if "mysql?" in wanted:
        wanted.discard("mysql?")
        if not mysql_build_lacks():
            wanted.add("mysql")
    stamp = STAMP.read_text().split() if STAMP.is_file() else []
    place, packages = _place(), _packages()
    if stamp[:1] != [place] or not (VENV / "bin" / "python").exists():
        problem = _make_venv()
        if problem:
            return problem
        stamp = [place]
    extras_there = set(stamp[2:])
    if stamp[1:2] == [packages] and wanted <= extras_there:
        return None
    STAMP.write_text(place)  # what follows may be interrupted
    wanted |= extras_there
    problem = _pip(sorted(wanted))
    if problem is None:
        STAMP.write_text(" ".join([place, packages, *sorted(wanted)]))
    return problem


def mysql_build_lacks() -> str:
    """What a build of mysqlclient would miss, in a word or two; empty if nothing."""
    for program in ("gcc", "pkg-config"):
        if shutil.which(program) is None:
            return program
    for library in ("mysqlclient", "mariadb", "libmariadb"):
        if subprocess.run(["pkg-config", "--exists", library], check=False).returncode:
            continue
        header = Path(sysconfig.get_paths()["include"], "Python.h")
        return "" if header.exists() else "Python.h"
    return "the headers of MySQL's client"


def _uses_mysql() -> bool:
    url = os.environ.get("DATABASE_URL")
    dotenv = Path(os.environ.get("ENV_FILE") or BASE_DIR / ".env")
    if url is None and dotenv.is_file():
        for line in dotenv.read_text(encoding="utf-8").splitlines():
            name, _, value = line.strip().partition("=")
            if name.replace("export ", "").strip() == "DATABASE_URL":
                url = value
    return (url or "").strip(" '\"").startswith(("mysql:", "mariadb:"))


def _place() -> str:
    """Changes with the Python and the folder, to both of which a venv is bound."""
    where = f"{sys.version} {sys.executable} {BASE_DIR}"
    return hashlib.sha256(where.encode()).hexdigest()


def _packages() -> str:
    """Changes with the packages asked for."""
    names = ("pyproject.toml", "constraints.txt")
    return hashlib.sha256(
        b"".join((BASE_DIR / x).read_bytes() for x in names)
    ).hexdigest()


def _make_venv() -> str | None:
    if importlib.util.find_spec("ensurepip") is None:
        return f"error: python3-venv is missing: {APT} python3-venv"
    # --clear: one that was moved or copied points to where it was.
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if made.returncode:
        return f"error: cannot make {VENV}: {' '.join(made.stdout.split())}"
    return None


def _pip(extras: list[str]) -> str | None:
    print("installing packages into .venv, about a minute …", flush=True)
    what = f".[{','.join(extras)}]" if extras else "."
    with LOG.open("w") as log:
        done = subprocess.run(
            [
                *(str(VENV / "bin" / "python"), "-m", "pip", "install", "--no-input"),
                *("--disable-pip-version-check", "-c", "constraints.txt", "-e", what),
            ],
            cwd=BASE_DIR,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode == 0:
        return None
    lacking = mysql_build_lacks() if "mysql" in extras else ""
    if lacking:
        return (
            f"error: DATABASE_URL: the MySQL client cannot be built without {lacking}: "
            f"{APT} {MYSQL_BUILD}"
        )
    last = LOG.read_text(errors="replace").strip().splitlines()[-8:]
    where = f"error: pip could not install the packages; all of it is in {LOG}"
    return "\n".join([*last, where])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
