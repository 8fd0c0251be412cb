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
from collections.abc import Iterator, Sequence
from pathlib import Path

from asgi_app import children
from asgi_app.valkey import free_port

START_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
LOOPBACK = "127.0.0.1"
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


class NoMariaDB(RuntimeError):
    """There is no MariaDB on this machine, or it does not start."""


class PrivateMariaDB:
    """One server on a free port of its host with an empty database.

    Port, password and data outlast `kill()` and a new `launch()`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        host: str = LOOPBACK,
        inside: Sequence[str] = (),
        password: str = "",
    ) -> None:
        """`inside` is a command that starts it where `host` is its address."""
        self.host = host
        self._inside = inside
        self._folder = folder
        self._password = password or secrets.token_urlsafe(16)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        return f"mysql://tests:{self._password}@{self.host}:{self.port}/campaigns"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it has not been launched"
        return self._process

    @property
    def password(self) -> str:
        return self._password

    def start(self, *options: str) -> None:
        """Makes the database and returns once it can be used. Raises NoMariaDB."""
        _program("mariadbd")
        # A server that starts removes the temporary tables of all who share the folder.
        (self._folder / "tmp").mkdir(exist_ok=True)
        if not (self._folder / "data").exists():
            _install(self._folder)
        # The port opens before it is read.
        script = self._folder / "start.sql"
        clients = LOOPBACK if self.host == LOOPBACK else "%"
        script.write_text(
            "CREATE DATABASE IF NOT EXISTS campaigns CHARACTER SET utf8mb4;\n"
            f"CREATE OR REPLACE USER 'tests'@'{clients}'"
            f" IDENTIFIED BY '{self._password}';\n"
            f"GRANT ALL ON *.* TO 'tests'@'{clients}' WITH GRANT OPTION;\n"
        )
        if os.geteuid() == 0:
            _give_away(self._folder)
        self.launch(f"--init-file={script}", *options)
        self.wait()
        self._log_in()

    def _log_in(self) -> None:
        """Returns once the user is there: nobody is served while the script is read."""
        import MySQLdb

        connection = MySQLdb.connect(
            host=self.host, port=self.port, user="tests", password=self._password
        )
        connection.close()

    def launch(self, *options: str) -> None:
        """Starts the server and does not wait; call it from the main thread."""
        folder = self._folder
        with (folder / "log").open("ab") as output:
            self._process = children.spawn(
                [
                    *(*self._inside, *_as_nobody()),
                    *(_program("mariadbd"), "--no-defaults"),
                    *(f"--datadir={folder}/data", f"--socket={folder}/s"),
                    f"--tmpdir={folder}/tmp",
                    *(f"--pid-file={folder}/pid", f"--port={self.port}"),
                    *(f"--bind-address={self.host}", "--skip-name-resolve"),
                    *("--character-set-server=utf8mb4", "--skip-log-bin"),
                    "--collation-server=utf8mb4_unicode_ci",
                    "--transaction-isolation=READ-COMMITTED",
                    "--innodb-buffer-pool-size=64M",
                    # The tests kill programs, not the power supply.
                    "--innodb-flush-log-at-trx-commit=2",
                    *options,
                ],
                death_signal=signal.SIGKILL,
                output=output,
            )

    def wait(self) -> None:
        """Returns once the server takes connections. Raises NoMariaDB."""
        process, log = self._process, self._folder / "log"
        deadline = time.monotonic() + START_LIMIT_S
        while (
            process is not None
            and process.poll() is None
            and time.monotonic() < deadline
        ):
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise NoMariaDB(f"mariadbd does not start: {log.read_text()[-500:].strip()}")

    def kill(self) -> None:
        """Ends the server as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Ends the server in good order; does nothing when it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()


@contextlib.contextmanager
def private_mariadb(*options: str, kept: Path | None = None) -> Iterator[str]:
    """The `mysql://` address of an empty database on a free port of 127.0.0.1.

    The server's `options` go before those of tests. What is in the folder `kept` stays
    there, and is there the next time. Raises NoMariaDB.
    """
    with contextlib.ExitStack() as stack:
        if kept is None:
            folder = tempfile.TemporaryDirectory(prefix="mariadb-")
            kept = Path(stack.enter_context(folder))
        kept.mkdir(parents=True, exist_ok=True)
        server = PrivateMariaDB(kept)
        try:
            server.start(*options)
            yield server.url
        finally:
            server.stop()


def _install(folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    made = subprocess.run(
        [_program("mariadb-install-db"), "--no-defaults", f"--datadir={data}"]
        + [f"--tmpdir={folder}/tmp"]
        + ["--auth-root-authentication-method=normal", "--skip-test-db"]
        + (["--user=root"] if os.geteuid() == 0 else []),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if made.returncode:
        # What follows its own words is advice.
        raise NoMariaDB(f"mariadb-install-db: {made.stdout[:500].strip()}")


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


def _program(name: str) -> str:
    path = shutil.which(name, path=_PATH)
    if path is None:
        raise NoMariaDB(f"there is no {name}")
    return path
