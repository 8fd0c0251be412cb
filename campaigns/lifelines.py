"""Locks that tell the dead from the slow: a worker holds one for as long as it lives.

A claim is given up when its deadline has passed, because a worker that is only slow
may still send until then. Of one that died nothing comes any more: the kernel lets go
of its lock, and whoever shares its folder need not wait.

Only on one machine, though: over a network file system a lock may bind its own machine
alone, or be lost while its holder lives. So each lock names the machine, as it is since
its last start, and of another's nothing is concluded.

`python -m campaigns.lifelines FOLDER` is the health check of a worker's container: it
fails where no worker of this host has moved lately.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

logger = logging.getLogger(__name__)

# In VAR_DIR.
FOLDER = "workers"
SUFFIX = ".alive"
# A worker sweeps every five seconds, unless Redis or the database is away.
MOVES_WITHIN_S = 30.0
# By then nobody asks any more for whom nobody could say whether he lives.
FORGOTTEN_S = 24 * 3600.0
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Lifelines:
    """The locks in a folder; the methods block on the disk for a moment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: int | None = None
        self._name = ""

    def hold(self, name: str) -> None:
        """Says that `name`, which nobody had before, lives; until this process ends.

        Where the folder cannot be written claims end by their deadlines, as they do
        on another machine.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Locked before it has its name, or it would look dead for an instant.
            new = self._folder / f"{secrets.token_hex(8)}.new"
            self._own = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._own, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(self._own, _machine())
            new.rename(self._path(name))
            self._name = name
        except OSError as error:
            logger.warning("no lock tells that this worker lives: %s", error)

    def move(self) -> None:
        """Says that the worker has done something just now."""
        if self._own is not None:
            os.utime(self._own)

    def dead(self) -> list[str]:
        """Who held a lock on this machine and does not live any more."""
        found, machine = [], _machine()
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            with suppress(OSError):
                held = os.open(path, os.O_RDWR)
                try:
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.read(held, 100) == machine:
                        found.append(path.name.removesuffix(SUFFIX))
                    elif time.time() - os.fstat(held).st_mtime > FORGOTTEN_S:
                        path.unlink(missing_ok=True)
                finally:
                    os.close(held)
        return found

    def bury(self, name: str) -> None:
        """Forgets one of the dead, once nothing is left of it."""
        self._path(name).unlink(missing_ok=True)

    def close(self) -> None:
        """Lets go of the own lock: this worker has left nothing behind."""
        if self._own is not None:
            if self._name:
                self.bury(self._name)
            os.close(self._own)
            self._own = None

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"


def name_of_worker() -> str:
    """A name that no other worker has, ever: numbers of processes are given again."""
    return f"{_host()}:{os.getpid()}:{secrets.token_hex(3)}"


def has_moved(folder: Path, *, now: float) -> bool:
    """Whether a worker of this host has done something lately."""
    found = folder.glob(f"{_host()}:*{SUFFIX}")
    return any(now - path.stat().st_mtime < MOVES_WITHIN_S for path in found)


def _machine() -> bytes:
    """The same in all containers of a machine, another after it was started again."""
    try:
        return BOOT_ID.read_bytes().strip()
    except OSError:
        return b""  # no Linux


def _host() -> str:
    return socket.gethostname()[:40]


if __name__ == "__main__":
    if not has_moved(Path(sys.argv[1]), now=time.time()):
        sys.exit(f"no worker of {_host()} has moved for {MOVES_WITHIN_S:g} s")
