"""What holds of every file that may be a list."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from campaigns.encodings import read_text_lines
from campaigns.layouts import Kind, Layout, Unreadable, UnreadableFile
from campaigns.recipients import Entry, judge
from campaigns.scanning import find_numbers
from campaigns.spreadsheets import look_at, read_entries
from campaigns.tables import split_rows
from campaigns.zipguard import UnsafeZip, check_workbook
from tests.fuzz.phones import REGIONS, check_phone, is_seen, told_lines

_NAMES = ("list.txt", "list.csv")
_DELIMITERS = (";", ",", "\t", "|", "")
# Enough of them to see that nothing stands above the phones that is one.
_HEAD = 20


def check_lists(data: bytes) -> None:
    """The first bytes choose the region, the name, and where the file is cut."""
    head, body = data[:3].ljust(3, b"\0"), data[3:]
    region = REGIONS[head[0] % len(REGIONS)]
    name = _NAMES[head[1] % len(_NAMES)]
    check_rows(body.decode(errors="replace"), _DELIMITERS[head[2] % len(_DELIMITERS)])
    check_file(name, body, region, size=head[2] % 64 + 1)


def check_file(name: str, data: bytes, region: str, size: int) -> None:
    try:
        layout = look_at(name, data, region=region)
        assert Layout.from_json(layout.to_json()) == layout
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        entries = list(read_entries(pieces, layout, region=region))
        whole = list(read_entries([data], layout, region=region))
    except UnreadableFile:
        return
    assert entries == whole, "it is read otherwise in pieces"
    _check_resumed(data, layout, region, entries)
    if layout.kind == Kind.WORKBOOK:
        return
    lines = list(read_text_lines([data], layout.encoding))
    if layout.kind == Kind.LIST:
        _check_list(lines, entries)
    else:
        rows = list(split_rows(lines, layout.delimiter))
        _check_table(rows, layout, entries)
        _check_above(rows[: layout.first_row], layout, region)
    result = judge(entries)
    for recipient in result.recipients:
        check_phone(recipient.phone, region)
    assert told_lines(result) == {entry.line for entry in entries}


def check_rows(text: str, delimiter: str) -> None:
    """Splitting takes delimiters and quotes away, and nothing else."""
    rows = split_rows(text.split("\n"), delimiter)
    cells = "".join(cell for row in rows for cell in row)
    assert _told(cells) == _told(text), (cells, text)


def _told(text: str) -> str:
    return "".join(char for char in text if char.isalnum() or char == "+")


def _check_resumed(
    data: bytes, layout: Layout, region: str, entries: Sequence[Entry]
) -> None:
    """An import that was interrupted goes on with the next line."""
    if entries:
        after = entries[len(entries) // 2].line
        rest = list(read_entries([data], layout, region=region, after=after))
        assert rest == [entry for entry in entries if entry.line > after]


def _check_list(lines: Sequence[str], entries: Sequence[Entry]) -> None:
    seen = [number for number, line in enumerate(lines, start=1) if is_seen(line)]
    assert [entry.line for entry in entries] == seen


def _check_table(
    rows: Sequence[Sequence[str]], layout: Layout, entries: Sequence[Entry]
) -> None:
    filled = [
        number
        for number, row in enumerate(rows, start=1)
        if number > layout.first_row and any(cell.strip() for cell in row)
    ]
    assert [entry.line for entry in entries] == filled
    assert all(entry.found for entry in entries)


def _check_above(rows: Sequence[Sequence[str]], layout: Layout, region: str) -> None:
    """Nothing that is passed over as a header is a phone."""
    for row in islice(rows, _HEAD):
        for cell in row:
            found = find_numbers(cell, region=region)
            assert not found, (cell, layout)


def check_workbooks(data: bytes) -> None:
    """An even first byte: a damaged zip; an odd one: the XML of a sheet in a good."""
    first = data[0] if data else 0
    book = make_workbook(data[1:]) if first % 2 else b"PK\x03\x04" + data[1:]
    try:
        check_workbook(book)
    except UnsafeZip as error:
        assert error.code in set(Unreadable)
        return
    # The reader behind the guard takes a process, a thousand times as long.
    if zlib.crc32(book) % 500 == 0:
        check_file("list.xlsx", book, "RU", size=len(book))


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
    "_rels/.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r"'
        f' Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="r"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r"'
        f' Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}


def make_workbook(
    content: bytes,
    extra: Mapping[str, bytes] | None = None,
    *,
    target: str = "worksheets/sheet1.xml",
) -> bytes:
    """Stored, not packed: what the fuzzer changes stays what the reader sees."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as book:
        for name, part in _PARTS.items():
            book.writestr(name, part.replace("worksheets/sheet1.xml", target))
        book.writestr("xl/worksheets/sheet1.xml", content)
        for name, added in (extra or {}).items():
            book.writestr(name, added)
    return buffer.getvalue()


def sheet(rows: str) -> bytes:
    return (
        f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    ).encode()


def sheets() -> Iterator[bytes]:
    """Sheets to begin with."""
    yield sheet(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>Phone</t></is></c></row>'
        '<row r="2"><c r="A2"><v>79990000101</v></c><c r="C2"><v>1.5</v></c></row>'
    )
    yield sheet(
        '<row><c><v>79990000101</v></c></row><row/><row r="9"><c t="str"><v>x</v></c>'
        '<c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c><c t="d"><v>2026-01-01</v></c>'
        '<c t="s"><v>0</v></c><c s="0"><f>1+1</f><v>2</v></c></row>'
    )
