"""Reads a workbook in a process of its own: `python sheetreader.py [SHEET]`.

python-calamine allocates as a file tells it to, and a failed allocation in Rust aborts
the process: here that is this one. The file comes by stdin; lines of JSON go to stdout,
a sheet's number, its count of rows and the first ones, or all rows of one sheet.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetVisibleEnum,
)

HEAD_ROWS = 2_000
BROKEN, PASSWORD_PROTECTED = 3, 4  # exit codes
# What the largest grid that `zipguard` lets pass takes, twice.
MEMORY_BYTES = 2 << 30
CPU_S = 300


def main(sheet: int | None) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    data = sys.stdin.buffer.read()
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(data)) as book:
            _write(_sheets(book) if sheet is None else _rows(book, sheet))
    except PasswordError:
        return PASSWORD_PROTECTED
    except CalamineError:
        return BROKEN
    return 0


def _sheets(book: CalamineWorkbook) -> Iterator[Any]:
    """Visible sheets before hidden ones."""
    hidden = [
        sheet.visible is not SheetVisibleEnum.Visible for sheet in book.sheets_metadata
    ]
    for index in sorted(range(len(hidden)), key=hidden.__getitem__):
        sheet = book.get_sheet_by_index(index)
        rows = (sheet.end or (0, 0))[0] + 1
        yield index, rows, list(islice(_rows_of(sheet), HEAD_ROWS))


def _rows(book: CalamineWorkbook, index: int) -> Iterator[Any]:
    return _rows_of(book.get_sheet_by_index(index))


def _rows_of(sheet: CalamineSheet) -> Iterator[list[str]]:
    # iter_rows begins at row 1; to_python would skip empty ones above.
    return ([_text(cell) for cell in row] for row in sheet.iter_rows())


def _text(cell: str | float | bool | time | date | datetime | timedelta) -> str:
    """Writes a cell so that a phone stored as a number keeps all its digits."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _write(lines: Iterable[Any]) -> None:
    for line in lines:
        sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else None))
