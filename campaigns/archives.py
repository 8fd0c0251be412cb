"""A ZIP that leaves while it is written, with the sums to check its files by."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

SUMS = "SHA256SUMS"


class Archive:
    """Files one after another; in memory lies only what has not left yet.

    Blocks while it packs. Each method returns the bytes that may leave now. A file may
    have up to 2 GiB: beyond, an archive that is not rewound is not read everywhere.
    """

    def __init__(self, at: datetime) -> None:
        self._out = _Out()
        self._zip = ZipFile(self._out, "w")
        self._at = at.timetuple()[:6]
        self._sums: list[str] = []
        self._file: IO[bytes] | None = None
        self._name, self._sum = "", hashlib.sha256()

    def begin(self, name: str) -> bytes:
        """Ends the file before, and begins another."""
        self._end()
        info = ZipInfo(name, self._at)
        info.compress_type = ZIP_DEFLATED
        self._file = self._zip.open(info, "w")
        self._name, self._sum = name, hashlib.sha256()
        return self._out.take()

    def add(self, data: bytes) -> bytes:
        """Adds to the file that was begun last."""
        assert self._file is not None, "begin a file first"
        self._file.write(data)
        self._sum.update(data)
        return self._out.take()

    def close(self) -> bytes:
        """Adds the sums of all files, as `sha256sum -c` reads them, and ends it."""
        self._end()
        sums = "".join(self._sums).encode()
        last = [self.begin(SUMS), self.add(sums)]
        self._end()
        self._zip.close()
        return b"".join([*last, self._out.take()])

    def _end(self) -> None:
        if self._file is None:
            return
        self._file.close()
        self._file = None
        self._sums.append(f"{self._sum.hexdigest()}  {self._name}\n")


class _Out:
    """What was written and not yet taken; without `seek`, so that nothing is rewound.

    https://docs.python.org/3/library/zipfile.html: an unseekable stream is allowed.
    """

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def flush(self) -> None:
        """Everything is there at once."""

    def close(self) -> None:
        """There is nothing to let go of."""

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data
