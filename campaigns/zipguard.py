"""Checks an .xlsx before it is opened, so that a small file can't eat the memory."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

MAX_UNPACKED = 200 * 1024 * 1024
# python-calamine keeps a dense grid of some 30 bytes a cell, from A1 to the last
# cell in use: one cell in XFD1048576 would ask for 500 GB and abort the process.
MAX_GRID = 8_000_000

_CHUNK = 1 << 20
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
_TAG = re.compile(rb"<(?:\w{1,20}:)?(row|c)(\s[^<>]{0,400})?>")
_PLACE = re.compile(rb"\br\s?=\s?[\"']([A-Za-z]{0,20})(\d{1,20})[\"']")
_TAG_LENGTH = 512


class UnsafeZip(Exception):
    """The file is not to be opened; `code` is one of spreadsheets.Unreadable."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check_workbook(data: bytes) -> None:
    """Unpacks everything once, keeping nothing; raises UnsafeZip.

    The sizes in the zip's directory are looked at first and not trusted.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UnsafeZip("broken") from error
    names = {entry.filename for entry in entries}
    if not any(_SHEET.fullmatch(name) for name in names):
        raise UnsafeZip("not_a_table" if entries else "empty")
    if any(entry.flag_bits & 1 for entry in entries):
        raise UnsafeZip("password_protected")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise UnsafeZip("too_big")
    left = MAX_UNPACKED
    for entry in entries:
        grid = _Grid() if _SHEET.fullmatch(entry.filename) else None
        for chunk in _unpack(data, entry):
            left -= len(chunk)
            if left < 0:
                raise UnsafeZip("too_big")
            if grid:
                grid.feed(chunk)
                if grid.rows * grid.columns > MAX_GRID:
                    raise UnsafeZip("too_big")


class _Grid:
    """Follows the XML of a sheet to know how far its filled cells reach."""

    def __init__(self) -> None:
        self.rows = 0
        self.columns = 0
        self._row = 0
        self._column = 0
        self._tail = b""

    def feed(self, chunk: bytes) -> None:
        window = self._tail + chunk
        end = 0
        for tag in _TAG.finditer(window):
            end = tag.end()
            place = _PLACE.search(tag[2]) if tag[2] else None
            if tag[1] == b"row":
                self._row = int(place[2]) if place else self._row + 1
                self._column = 0
                continue
            if place:
                self._row = int(place[2])
                self._column = _column(place[1])
            else:
                self._column += 1
            if not (tag[2] and tag[2].endswith(b"/")):
                self.rows = max(self.rows, self._row)
                self.columns = max(self.columns, self._column)
        self._tail = window[max(end, len(window) - _TAG_LENGTH) :]


def _unpack(data: bytes, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    """Inflates an entry to its real end, whatever size it claims."""
    start = entry.header_offset
    # The directory may lie about where it begins itself: below zero.
    if not 0 <= start <= len(data) - _LOCAL_HEADER.size:
        raise UnsafeZip("broken")
    header = _LOCAL_HEADER.unpack_from(data, start)
    start += _LOCAL_HEADER.size + header[-2] + header[-1]
    packed = memoryview(data)[start : start + entry.compress_size]
    if entry.compress_type == zipfile.ZIP_STORED:
        yield from (
            bytes(packed[i : i + _CHUNK]) for i in range(0, len(packed), _CHUNK)
        )
        return
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        raise UnsafeZip("broken")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        chunk = inflater.decompress(packed, _CHUNK)
        while chunk:
            yield chunk
            chunk = inflater.decompress(inflater.unconsumed_tail, _CHUNK)
    except zlib.error as error:
        raise UnsafeZip("broken") from error


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
