"""One file of the spool: a header that counts, then a record a line.

The header is rewritten in place. A record is the CRC-32 of its base64 and the base64.
A torn one is known by its sum, and costs no other: nothing is ever written behind it.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

HEADER_BYTES = 51
# A batch ends here too: bodies may be large, and 200 of them are then too many.
CHUNK_BYTES = 1024 * 1024


def record_of(body: bytes) -> bytes:
    text = base64.b64encode(body)
    return b"%08x %s\n" % (binascii.crc32(text), text)


def body_of(line: bytes) -> bytes | None:
    """The body of a record without its line's end; None if it is damaged."""
    try:
        text = line[9:]
        if line[8:9] == b" " and int(line[:8], 16) == binascii.crc32(text):
            return base64.b64decode(text, validate=True)
    except ValueError:
        pass
    return None


def _header(offset: int, count: int) -> bytes:
    text = b"spool %016x %016x" % (offset, count)
    return b"%s %010x\n" % (text, binascii.crc32(text))


def read_header(head: bytes) -> tuple[int, int]:
    """Where the first record that waits begins, and how many wait.

    A header that is damaged sends the reader to the first record: to hand on twice
    does no harm.
    """
    with suppress(ValueError, IndexError):
        _, offset, count, crc = head[:HEADER_BYTES].split()
        if int(crc, 16) == binascii.crc32(head[: HEADER_BYTES - 12]):
            return int(offset, 16), int(count, 16)
    return HEADER_BYTES, 1 if head else 0


@dataclass(frozen=True)
class Batch:
    """What a read found; `damaged` counts lines that are no records."""

    records: list[bytes] = field(default_factory=list)
    damaged: int = 0
    after: int = 0

    @property
    def is_end(self) -> bool:
        return not (self.records or self.damaged)


class SpoolFile:
    """A file under its flock; threads may share it, and may still be at it when it
    is closed: it does nothing then."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._fd = -1
        self._is_closed = False
        self._offset = HEADER_BYTES
        self._end = HEADER_BYTES
        self._count = 0

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def create(self) -> bool:
        """Makes the file; False if somebody adopted it before it was locked."""
        with self._lock:
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
            self._fd = os.open(self.path, flags, 0o600)
            try:
                if not self._hold():
                    self._close()
                    return False
                _write(self._fd, _header(self._offset, 0), 0)
                sync_folder(self.path.parent)
            except OSError:
                self._abandon()
                raise
            return True

    def adopt(self) -> bool:
        """Takes over the file of a dead process; False if it is held, or gone."""
        with self._lock:
            if self._is_closed:
                return False
            try:
                self._fd = os.open(self.path, os.O_RDWR)
            except FileNotFoundError:
                return False
            if not self._hold():
                self._close()
                return False
            self._end = os.fstat(self._fd).st_size
            head = os.pread(self._fd, HEADER_BYTES, 0)
            self._offset, self._count = read_header(head)
            return True

    def is_gone(self) -> bool:
        """Whether somebody deleted it, so that what is appended would be lost."""
        with self._lock:
            return self._is_closed or os.fstat(self._fd).st_nlink == 0

    def append(self, body: bytes) -> None:
        """Writes a record and syncs it; of one that failed nothing stays.

        Raises OSError, and closes the file if it cannot be trusted any more.
        """
        record = record_of(body)
        with self._lock:
            try:
                _write(self._fd, record, self._end)
                _write(self._fd, _header(self._offset, self._count + 1), 0)
            except OSError:
                self._take_back()
                raise
            try:
                os.fsync(self._fd)
            except OSError:
                # The kernel reports a page that it could not write only once.
                self._take_back()
                self._abandon()
                raise
            self._end += len(record)
            self._count += 1

    def read(self, most: int) -> Batch:
        """The records that wait, as many as fit; the same again until `commit`."""
        with self._lock:
            if self._is_closed or self._offset >= self._end:
                return Batch()
            data = self._pread()
            records: list[bytes] = []
            damaged = start = 0
            while start < len(data) and len(records) + damaged < most:
                stop = data.find(b"\n", start)
                # No end: the last write of a process that was killed.
                stop = len(data) if stop < 0 else stop
                body = body_of(data[start:stop])
                if body is None:
                    damaged += 1
                else:
                    records.append(body)
                start = stop + 1
            return Batch(records, damaged, min(self._offset + start, self._end))

    def commit(self, batch: Batch) -> None:
        """Goes past a batch, for whoever opens the file next too.

        It is not synced, and may fail: then a crash repeats the batch.
        """
        with self._lock:
            if self._is_closed:
                return
            self._offset = batch.after
            self._count = max(self._count - len(batch.records) - batch.damaged, 0)
            with suppress(OSError):
                _write(self._fd, _header(self._offset, self._count), 0)

    def remove_if_drained(self) -> bool:
        with self._lock:
            if self._is_closed or self._offset < self._end:
                return False
            # First unlinked, then unlocked: nobody adopts what is drained.
            self.path.unlink(missing_ok=True)
            self._close()
            return True

    def close(self) -> None:
        """Lets go of the file, so that anybody may adopt it."""
        with self._lock:
            self._close()

    def _hold(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        # It may have been drained and removed before the lock was ours.
        return os.fstat(self._fd).st_nlink > 0

    def _pread(self) -> bytes:
        """Whole lines, at least one, and the rest of the file if it has no end."""
        size, left = CHUNK_BYTES, self._end - self._offset
        while True:
            data = os.pread(self._fd, min(size, left), self._offset)
            if size >= left:
                return data
            if whole := data.rfind(b"\n") + 1:
                return data[:whole]
            size *= 2

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._fd, self._end)
            _write(self._fd, _header(self._offset, self._count), 0)
        except OSError:
            self._abandon()

    def _abandon(self) -> None:
        if not self._count:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
        self._close()

    def _close(self) -> None:
        self._is_closed = True
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def sync_folder(folder: Path) -> None:
    """Makes a new name in a folder outlive a power cut."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write(fd: int, data: bytes, at: int) -> None:
    # A disk that fills up takes a part first and says so only at the next try.
    while data:
        written = os.pwrite(fd, data, at)
        data, at = data[written:], at + written
