"""Where callbacks go while the database is away: files that outlive the process.

Each process appends to a file of its own and holds its flock while it lives; a file
whose lock is free belonged to a process that died, and whoever drains adopts it.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import os
import re
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, TypeVar

from campaigns.spoolfile import HEADER_BYTES, SpoolFile, read_header, sync_folder

P = ParamSpec("P")
R = TypeVar("R")
logger = logging.getLogger(__name__)

SUFFIX = ".spool"
MOST_BYTES = 512 * 1024 * 1024
FULL = {errno.ENOSPC, errno.EDQUOT}


class SpoolUnwritable(Exception):
    """The spool is no use; the message says why, in words for an operator."""


class _Undrainable(Exception):
    """A file that cannot be read, as against a `take` that raised an OSError."""


class Spool:
    """Keeps bodies on disk until somebody takes them, each at least once.

    The methods that are not coroutines block on the disk, and may be called from
    several threads.
    """

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()  # guards `_own`
        self._own: SpoolFile | None = None
        self._draining = threading.Lock()
        self._complained: set[str] = set()

    def check(self) -> None:
        """Makes the folder; raises SpoolUnwritable if it cannot be written.

        A full disk passes: it is only logged, as who does not start does not send.
        """
        try:
            self._make_folder()
            with tempfile.TemporaryFile(dir=self._folder) as probe:
                fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
                probe.write(bytes(HEADER_BYTES))
                probe.flush()
                os.fsync(probe.fileno())
        except OSError as error:
            if error.errno not in FULL:
                raise self._unwritable(error) from error
            logger.warning("%s", self._unwritable(error))

    def append(self, body: bytes) -> None:
        """Keeps a body; once it has returned, a power cut does not lose it.

        Raises SpoolUnwritable; the body may be there all the same.
        """
        with self._lock:
            try:
                self._check_room(len(body))
                if self._own is None or self._own.is_gone():
                    self._leave()
                    self._own = self._create()
                self._own.append(body)
            except OSError as error:
                raise self._unwritable(error) from error

    def waiting(self) -> int:
        """How many records of all processes wait; reads nothing but headers.

        After a crash it may be off by the record that was being written. Raises
        SpoolUnwritable when the folder cannot be read.
        """
        try:
            return sum(_count(Path(entry)) for entry in self._entries())
        except OSError as error:
            raise self._unwritable(error) from error

    async def drain(
        self, take: Callable[[list[bytes]], Awaitable[None]], *, most: int = 200
    ) -> int:
        """Hands the records on, the oldest file first, and returns how many went.

        A batch is done with once `take` has returned. When it raises, the batch and
        all behind it stay, and the error is raised again. What living processes
        hold is left to them. While this spool is being drained, a second call
        returns 0. Raises SpoolUnwritable when the folder cannot be read.
        """
        if not self._draining.acquire(blocking=False):
            return 0
        try:
            try:
                entries = await asyncio.to_thread(self._entries)
            except OSError as error:
                raise self._unwritable(error) from error
            drained = 0
            for entry in sorted(entries, key=lambda entry: entry.name):
                drained += await self._drain_file(Path(entry), take, most)
            return drained
        finally:
            self._draining.release()

    def close(self) -> None:
        """Leaves this process's file to the others; an append begins a new one."""
        with self._lock:
            self._leave()

    async def _drain_file(
        self, path: Path, take: Callable[[list[bytes]], Awaitable[None]], most: int
    ) -> int:
        own = self._own
        is_own = own is not None and own.path == path
        file = own if own is not None and is_own else SpoolFile(path)
        drained = 0
        try:
            if not is_own and not await _on_disk(file.adopt):
                return 0
            while not (batch := await _on_disk(file.read, most)).is_end:
                if batch.records:
                    await take(batch.records)
                    drained += len(batch.records)
                if batch.damaged:
                    logger.warning(
                        "%d torn records skipped in the spool file %s",
                        batch.damaged,
                        path.name,
                    )
                await _on_disk(file.commit, batch)
            await _on_disk(self._remove, file)
        except _Undrainable as error:
            # It does not hold up the others, and is named once.
            if path.name not in self._complained:
                self._complained.add(path.name)
                logger.error("the spool file %s cannot be drained: %s", path, error)
        finally:
            if not is_own:
                file.close()
        return drained

    def _entries(self) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self._folder) as entries:
                return [entry for entry in entries if entry.name.endswith(SUFFIX)]
        except FileNotFoundError:
            return []

    def _make_folder(self) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self._folder.parent)

    def _check_room(self, size: int) -> None:
        held = 0
        for entry in self._entries():
            with suppress(FileNotFoundError):  # drained by another process
                held += entry.stat().st_size
        # Base64 takes four bytes for three.
        if held + size * 4 // 3 > self._most_bytes:
            raise SpoolUnwritable(
                f"the spool folder {self._folder} is full: it may hold"
                f" {self._most_bytes // 1024:,} KiB and holds {held // 1024:,} KiB"
            )

    def _create(self) -> SpoolFile:
        self._make_folder()
        host = re.sub(r"[^A-Za-z0-9]+", "-", socket.gethostname())[:40]
        while True:
            # The time comes first, so that names sort by age.
            name = f"{time.time_ns():020}-{host}-{os.getpid()}-{secrets.token_hex(4)}"
            file = SpoolFile(self._folder / f"{name}{SUFFIX}")
            # Another process's drain may snatch it before it is locked.
            if file.create():
                return file

    def _remove(self, file: SpoolFile) -> None:
        with self._lock:
            if file.remove_if_drained() and file is self._own:
                self._own = None

    def _leave(self) -> None:
        if self._own is not None:
            self._own.close()
            self._own = None

    def _unwritable(self, error: OSError) -> SpoolUnwritable:
        reason = error.strerror or str(error)
        return SpoolUnwritable(
            f"the spool folder {self._folder} cannot be used: {reason}"
        )


async def _on_disk(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    try:
        return await asyncio.to_thread(call, *args, **kwargs)
    except OSError as error:
        raise _Undrainable(error) from error


def _count(path: Path) -> int:
    """The records that wait in a file; at least one if it cannot be told."""
    try:
        with path.open("rb") as file:
            return read_header(file.read(HEADER_BYTES))[1]
    except FileNotFoundError:
        return 0
    except OSError:
        return 1
