"""Uploaded files (.txt, .csv, .xlsx): bytes in, lines with phones and values out.

A file is looked at once, which gives a `Layout`; by that it is read as often as need
be, from pieces, each time the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice

from campaigns.encodings import (
    count_lines,
    find_encoding,
    is_workbook,
    read_text_lines,
)
from campaigns.layouts import (
    SOURCE_LENGTH,
    Kind,
    Layout,
    Unreadable,
    UnreadableFile,
    source_of,
)
from campaigns.recipients import Entry, PhoneList, judge, read_lines
from campaigns.sheets import read_rows as read_sheet
from campaigns.sheets import read_sheets
from campaigns.tables import (
    Columns,
    Row,
    find_columns,
    find_delimiter,
    read_directive,
    read_rows,
    split_rows,
    wanted,
)
from campaigns.texts import Template
from campaigns.zipguard import UnsafeZip, check_workbook

__all__ = [
    "MAX_ROWS",
    "Unreadable",
    "UnreadableFile",
    "look_at",
    "look_at_text",
    "read_entries",
    "read_file",
]

MAX_ROWS = 1_000_000
HEAD_SHOWN = 6
_HEAD_ROWS = 2_000
_CELL_SHOWN = 60
_WIDEST_SHOWN = 30


def look_at(
    name: str,
    data: bytes,
    *,
    region: str,
    column: int | None = None,
    max_rows: int = MAX_ROWS,
) -> Layout:
    """Says how a file is to be read, by what is in it; its name only tells lists from
    tables. `column` is the phones' column where a person has chosen one.

    Raises UnreadableFile. Reads the first rows only, but unpacks a whole workbook.
    """
    if is_workbook(data):
        _check_zip(data)
        layout = _look_at_workbook(data, region, column)
    else:
        is_table = name.lower().endswith((".csv", ".tsv"))
        layout = _look_at_text(data, is_table, region, column)
    if layout.rows - layout.first_row > max_rows:
        raise UnreadableFile(Unreadable.TOO_MANY_ROWS)
    return layout


def look_at_text(data: bytes, *, region: str) -> Layout:
    """Says the same of what is pasted, in UTF-8; raises UnreadableFile."""
    return _look_at_text(data, False, region, None)


def read_entries(
    pieces: Iterable[bytes],
    layout: Layout,
    *,
    region: str,
    names: Collection[str] = (),
    after: int = 0,
) -> Iterator[Entry]:
    """Reads a file in pieces by its layout, from the line behind `after` on.

    `names` are the folded names of the columns whose values are wanted. CPU-bound: a
    second for some 30,000 rows. Raises UnreadableFile where a workbook is damaged.
    """
    if layout.kind == Kind.WORKBOOK:
        rows: Iterator[Row] = read_sheet(b"".join(pieces), layout.sheet)
    else:
        lines = read_text_lines(pieces, layout.encoding)
        if layout.kind == Kind.LIST:
            numbered = enumerate(lines, start=1)
            yield from read_lines(
                (line for line in numbered if line[0] > after), region=region
            )
            return
        rows = split_rows(lines, layout.delimiter)
    first = max(layout.first_row, after)
    yield from read_rows(
        enumerate(islice(rows, first, None), start=first + 1),
        layout.phones,
        region=region,
        values=wanted(layout.values, names),
        keeps_empty=layout.keeps_empty,
    )


def read_file(
    name: str,
    data: bytes,
    *,
    region: str,
    max_rows: int = MAX_ROWS,
    template: Template | None = None,
    column: int | None = None,
) -> PhoneList:
    """Reads and judges a whole file at once; raises UnreadableFile."""
    layout = look_at(name, data, region=region, max_rows=max_rows, column=column)
    if layout.is_unclear:
        raise UnreadableFile(Unreadable.NO_PHONE_COLUMN)
    names = template.names if template else ()
    entries = read_entries([data], layout, region=region, names=names)
    return judge(entries, source=source_of(name), template=template)


def _look_at_text(
    data: bytes, is_table: bool, region: str, column: int | None
) -> Layout:
    encoding = find_encoding(data)
    lines = list(islice(read_text_lines([data], encoding), _HEAD_ROWS))
    if not any(line.strip() for line in lines) and len(lines) < _HEAD_ROWS:
        raise UnreadableFile(Unreadable.EMPTY)
    delimiter, share = find_delimiter(lines)
    if is_table and share < 0.5:
        # No delimiter that holds for most rows: one column, or a plain list.
        delimiter = ""
    rows = list(split_rows(lines, delimiter))
    if directive := read_directive(lines[0]):
        rows[0] = []
    columns = find_columns(rows, region=region, chosen=column)
    filled = sum(1 for line in lines if line and not line.isspace())
    layout = Layout(
        kind=Kind.TABLE,
        rows=max(count_lines(data, encoding), len(lines)),
        encoding=encoding,
        delimiter=delimiter,
    )
    if not (is_table or _is_plainly_a_table(columns, share, filled)):
        return replace(layout, kind=Kind.LIST, head=_shown([[x] for x in lines]))
    layout = _with_columns(layout, columns, rows)
    return replace(layout, first_row=max(layout.first_row, int(bool(directive))))


def _is_plainly_a_table(columns: Columns, share: float, lines: int) -> bool:
    """Whether what has no name of a table is one all the same.

    Two columns of phones without a header are a list with delimiters.
    """
    return (
        share >= 0.9
        and lines > 1
        and (columns.is_named or (len(columns.phones) == 1 and columns.others < 0.1))
    )


def _with_columns(layout: Layout, columns: Columns, rows: Sequence[Row]) -> Layout:
    return replace(
        layout,
        phones=columns.phones,
        first_row=columns.first_row,
        names=tuple(
            (column, name[:SOURCE_LENGTH]) for column, name in columns.names.items()
        ),
        head=_shown(rows),
    )


def _shown(rows: Sequence[Row]) -> tuple[tuple[str, ...], ...]:
    """The first rows that are not empty, cut to what can be shown."""
    filled = (row for row in rows if any(cell.strip() for cell in row))
    return tuple(
        tuple(cell.strip()[:_CELL_SHOWN] for cell in row[:_WIDEST_SHOWN])
        for row in islice(filled, HEAD_SHOWN)
    )


def _check_zip(data: bytes) -> None:
    try:
        check_workbook(data)
    except UnsafeZip as error:
        raise UnreadableFile(Unreadable(error.code)) from error


def _look_at_workbook(data: bytes, region: str, column: int | None) -> Layout:
    """Takes the first sheet with phones, visible sheets before hidden ones.

    Without any it is the first with something in it.
    """
    unclear: Layout | None = None
    with closing(read_sheets(data)) as sheets:
        for sheet in sheets:
            if not any(map(any, sheet.head)):
                continue
            layout = _with_columns(
                Layout(Kind.WORKBOOK, rows=sheet.rows, sheet=sheet.number),
                find_columns(sheet.head, region=region, chosen=column),
                sheet.head,
            )
            if layout.phones:
                return layout
            unclear = unclear or layout
    if unclear is None:
        raise UnreadableFile(Unreadable.EMPTY)
    return unclear
