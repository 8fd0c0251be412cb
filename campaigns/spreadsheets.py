"""Uploaded files (.txt, .csv, .xlsx): bytes in, phones out."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Sequence
from enum import StrEnum

from python_calamine import (
    CalamineError,
    CalamineWorkbook,
    PasswordError,
    SheetVisibleEnum,
)

from campaigns.recipients import PhoneList, read_text, split_lines
from campaigns.tables import Row, find_columns, parse_csv, read_rows
from campaigns.zipguard import UnsafeZip, check_workbook

MAX_ROWS = 100_000
_SOURCE_LENGTH = 200
_HEAD = 64 * 1024
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b"))


class Unreadable(StrEnum):
    """Why a file as a whole can't be read."""

    EMPTY = "empty"
    NOT_A_TABLE = "not_a_table"
    BROKEN = "broken"
    PASSWORD_PROTECTED = "password_protected"
    TOO_BIG = "too_big"
    TOO_MANY_ROWS = "too_many_rows"
    NO_PHONE_COLUMN = "no_phone_column"
    OLD_WORKBOOK = "old_workbook"  # .xls: to be saved as .xlsx
    UNKNOWN_KIND = "unknown_kind"


class UnreadableFile(Exception):
    """The file can't be read; `code` says why."""

    def __init__(self, code: Unreadable) -> None:
        super().__init__(code.value)
        self.code = code


_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# PDF, PNG, JPEG, GIF, RAR, 7z, gzip, RTF: no text, whatever the name says.
_FOREIGN = (
    b"%PDF",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"{\\rtf",
)


def read_file(
    name: str, data: bytes, *, region: str, max_rows: int = MAX_ROWS
) -> PhoneList:
    """Reads a file by what is in it; the name only tells lists from tables.

    Raises UnreadableFile. CPU-bound: a second for some 30,000 rows.
    """
    source = re.split(r"[\\/]", name)[-1][:_SOURCE_LENGTH]
    if not data.strip(b"\0\r\n\t \xef\xbb\xbf\xff\xfe"):
        raise UnreadableFile(Unreadable.EMPTY)
    if data.startswith((_ZIP, _EMPTY_ZIP)):
        _check_zip(data)
        return _read_workbook(data, source, region, max_rows)
    if data.startswith(_OLE):
        raise UnreadableFile(_what_ole_holds(data))
    if data.startswith(_FOREIGN):
        raise UnreadableFile(Unreadable.UNKNOWN_KIND)
    text = decode(data)
    if not text.strip():
        raise UnreadableFile(Unreadable.EMPTY)
    if name.lower().endswith((".csv", ".tsv")):
        return _read_csv(text, source, region, max_rows)
    return _read_list(text, source, region, max_rows)


def _what_ole_holds(data: bytes) -> Unreadable:
    """Names a file of the old Office kind; none of them is opened.

    python-calamine 0.9.1 reads .xls, but a few flipped bytes make it ask for
    gigabytes, and a failed allocation in Rust aborts the whole process.
    """
    if "EncryptedPackage".encode("utf-16-le") in data:
        return Unreadable.PASSWORD_PROTECTED
    if any(name.encode("utf-16-le") in data for name in ("Workbook", "Book\0")):
        return Unreadable.OLD_WORKBOOK
    return Unreadable.UNKNOWN_KIND


def decode(data: bytes) -> str:
    """Decodes UTF-8 and UTF-16, with or without BOM, and cp1251.

    Raises UnreadableFile for what is no text.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    head = data[:_HEAD]
    if b"\0" in head:
        # Digits, delimiters and line ends have a zero for their upper byte.
        even, odd = head[::2].count(0), head[1::2].count(0)
        enough = len(head) // 40
        if odd > 4 * even and odd > enough:
            return data.decode("utf-16-le", errors="replace")
        if even > 4 * odd and even > enough:
            return data.decode("utf-16-be", errors="replace")
        raise UnreadableFile(Unreadable.UNKNOWN_KIND)
    if len(head) - len(head.translate(None, _CONTROLS)) > len(head) // 50:
        raise UnreadableFile(Unreadable.UNKNOWN_KIND)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1251", errors="replace")


def _read_csv(text: str, source: str, region: str, max_rows: int) -> PhoneList:
    rows, share = parse_csv(text)
    if share < 0.5:
        # No delimiter that holds for most rows: one column, or a plain list.
        rows = [[line] for line in split_lines(text)]
    result = _read_table(rows, source, region, max_rows)
    if result is None:
        raise UnreadableFile(Unreadable.NO_PHONE_COLUMN)
    return result


def _read_list(text: str, source: str, region: str, max_rows: int) -> PhoneList:
    """Reads a .txt like what is pasted, unless it is plainly a table."""
    lines = sum(1 for line in split_lines(text) if line and not line.isspace())
    if lines > max_rows:
        raise UnreadableFile(Unreadable.TOO_MANY_ROWS)
    rows, share = parse_csv(text)
    if share >= 0.9 and lines > 1:
        columns = find_columns(rows, region=region)
        # Two columns of phones without a header are a list with delimiters.
        if columns and (
            columns.is_named or (len(columns.phones) == 1 and columns.others < 0.1)
        ):
            return read_rows(rows, columns, region=region, source=source)
    return read_text(text, region=region, source=source)


def _read_table(
    rows: Sequence[Row], source: str, region: str, max_rows: int
) -> PhoneList | None:
    columns = find_columns(rows, region=region)
    if columns is None:
        return None
    below = rows[columns.first_row :]
    if len(below) > max_rows and (
        sum(1 for row in below if any(cell.strip() for cell in row)) > max_rows
    ):
        raise UnreadableFile(Unreadable.TOO_MANY_ROWS)
    return read_rows(rows, columns, region=region, source=source)


def _check_zip(data: bytes) -> None:
    try:
        check_workbook(data)
    except UnsafeZip as error:
        raise UnreadableFile(Unreadable(error.code)) from error


def _read_workbook(data: bytes, source: str, region: str, max_rows: int) -> PhoneList:
    """Reads the first sheet with phones, visible sheets before hidden ones."""
    is_empty = True
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
            hidden = [
                sheet.visible is not SheetVisibleEnum.Visible
                for sheet in book.sheets_metadata
            ]
            for index in sorted(range(len(hidden)), key=hidden.__getitem__):
                # iter_rows begins at row 1; to_python would skip empty ones above.
                cells = book.get_sheet_by_index(index).iter_rows()
                rows = [[_text(cell) for cell in row] for row in cells]
                is_empty = is_empty and not any(map(any, rows))
                result = _read_table(rows, source, region, max_rows)
                if result is not None:
                    return result
    except PasswordError as error:
        raise UnreadableFile(Unreadable.PASSWORD_PROTECTED) from error
    except CalamineError as error:
        raise UnreadableFile(Unreadable.BROKEN) from error
    raise UnreadableFile(Unreadable.EMPTY if is_empty else Unreadable.NO_PHONE_COLUMN)


def _text(
    cell: str
    | float
    | bool
    | datetime.time
    | datetime.date
    | datetime.datetime
    | datetime.timedelta,
) -> str:
    """Writes a cell so that a phone stored as a number keeps all its digits."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
