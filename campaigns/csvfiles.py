"""CSV that a spreadsheet opens as it is meant: no cell computes, no digit is lost.

A cell that a spreadsheet would take for a formula, or for a number that it shortens
(a phone, a long id), begins with an apostrophe: of all ways to keep it text it is the
only one that is no formula itself. `="+7…"` is one, and a tab is swallowed or splits
the cell. Excel shows the apostrophe; the workbook (.xlsx) does without.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

Cell = str | int | datetime | None

BOM = "\ufeff".encode()
# The full-width forms are what East Asian spreadsheets read as formulas too.
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n\0]")
# More than 11 digits are shown as 7.9E+10 and lose the last ones behind the 15th;
# 12E5 is taken for a number.
_NUMBER = re.compile(r"\s*(?:\d[\d\s]{11,}|\d+(?:[.,]\d+)?[eE]\d+)\s*")


def csv_lines(rows: Iterable[Sequence[Cell]], *, delimiter: str) -> bytes:
    """Rows as lines of UTF-8; a file of them begins with BOM."""
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([_text(cell) for cell in row] for row in rows)
    return lines.getvalue().encode("utf-8", "replace")


def delimiter_for(language: str) -> str:
    """What Excel splits at: a semicolon where a comma stands before decimals."""
    return "," if language.startswith("en") else ";"


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        # Every Excel reads this as a time, whatever its language; a zone none does.
        return f"{cell:%Y-%m-%d %H:%M:%S}"
    if isinstance(cell, int):
        return str(cell)
    return f"'{cell}" if _FORMULA.match(cell) or _NUMBER.fullmatch(cell) else cell
