"""A MariaDB server of our own in a folder of its own, for as long as a block lasts."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from asgi_app import children
from asgi_app.valkey import free_port

START_LIMIT_S = 60.0
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


class NoMariaDB(RuntimeError):
    """There is no MariaDB on this machine, or it does not start."""


@contextlib.contextmanager
def private_mariadb() -> Iterator[str]:
    """The `mysql://` address of an empty database on a free port of 127.0.0.1.

    Raises NoMariaDB.
    """
    server = _program("mariadbd")
    with tempfile.TemporaryDirectory(prefix="mariadb-") as name:
        folder = Path(name)
        password = secrets.token_urlsafe(16)
        port = free_port()
        _install(folder)
        start = folder / "start.sql"
        start.write_text(
            "CREATE DATABASE campaigns CHARACTER SET utf8mb4;\n"
            f"CREATE USER 'tests'@'127.0.0.1' IDENTIFIED BY '{password}';\n"
            "GRANT ALL ON *.* TO 'tests'@'127.0.0.1';\n"
        )
        if os.geteuid() == 0:
            _give_away(folder)
        with (folder / "log").open("wb") as output:
            process = children.spawn(
                [
                    *_as_nobody(),
                    *(server, "--no-defaults", f"--datadir={folder}/data"),
                    *(f"--socket={folder}/s", f"--pid-file={folder}/pid"),
                    *(f"--port={port}", "--bind-address=127.0.0.1"),
                    *("--skip-name-resolve", f"--init-file={start}"),
                    *("--character-set-server=utf8mb4", "--skip-log-bin"),
                    "--collation-server=utf8mb4_unicode_ci",
                    "--transaction-isolation=READ-COMMITTED",
                    "--innodb-buffer-pool-size=64M",
                    # The tests kill programs, not the power supply.
                    "--innodb-flush-log-at-trx-commit=2",
                ],
                death_signal=signal.SIGKILL,
                output=output,
            )
        try:
            _wait(process, port, folder / "log")
            yield f"mysql://tests:{password}@127.0.0.1:{port}/campaigns"
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _install(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    made = subprocess.run(
        [_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}"]
        + ["--auth-root-authentication-method=normal", "--skip-test-db"]
        + (["--user=root"] if os.geteuid() == 0 else []),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if made.returncode:
        raise NoMariaDB(f"mariadb-install-db: {made.stdout[-500:].strip()}")


def _as_nobody() -> list[str]:
    """The server refuses root; `--user` of its own would untie it from our end."""
    if os.geteuid() != 0:
        return []
    return [
        *(_program("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
        *("--pdeathsig", "KILL"),
    ]


def _give_away(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            # The port opens after the init file has been run.
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise NoMariaDB(f"mariadbd does not start: {log.read_text()[-500:].strip()}")


def _program(name: str) -> str:
    path = shutil.which(name, path=_PATH)
    if path is None:
        raise NoMariaDB(f"there is no {name}")
    return path
