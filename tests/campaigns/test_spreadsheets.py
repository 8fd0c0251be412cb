from __future__ import annotations

import io
import struct
import time
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.recipients import PhoneList, Reason, Remark
from campaigns.spreadsheets import Unreadable, UnreadableFile, read_file

SAMPLES = Path(__file__).parent / "samples"


def read_sample(name: str) -> PhoneList:
    return read_file(name, (SAMPLES / name).read_bytes(), region="RU")


def read(name: str, data: str | bytes, max_rows: int = 100_000) -> PhoneList:
    raw = data.encode() if isinstance(data, str) else data
    return read_file(name, raw, region="RU", max_rows=max_rows)


def phones(result: PhoneList) -> list[str]:
    return [r.phone for r in result.recipients]


def refusal(name: str, data: str | bytes, max_rows: int = 100_000) -> Unreadable:
    with pytest.raises(UnreadableFile) as caught:
        read(name, data, max_rows)
    return caught.value.code


def numbered(
    first: int, last: int, *, but: set[int], row: int
) -> list[tuple[int, str]]:
    return [
        (row + n - first, f"+7999000{n}")
        for n in range(first, last + 1)
        if n not in but
    ]


def sheet_of(*rows: dict[str, str | float]) -> str:
    """Writes the XML of a sheet; the keys are cell names such as C7."""
    lines = []
    for row in rows:
        cells = "".join(
            f'<c r="{at}"><v>{value}</v></c>'
            if isinstance(value, (int, float))
            else f'<c r="{at}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
            for at, value in row.items()
        )
        lines.append(f"<row>{cells}</row>")
    return (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{''.join(lines)}</sheetData></worksheet>"
    )


def workbook(*sheets: str, extra: dict[str, bytes] | None = None) -> bytes:
    """Puts sheets in place of those in the sample, which has two."""
    parts = [*sheets, sheet_of()][:2]
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(SAMPLES / "clients.xlsx") as sample,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as book,
    ):
        for name in sample.namelist():
            if not name.startswith("xl/worksheets/"):
                book.writestr(name, sample.read(name))
        for number, part in enumerate(parts, start=1):
            book.writestr(f"xl/worksheets/sheet{number}.xml", part)
        for name, content in (extra or {}).items():
            book.writestr(name, content)
    return buffer.getvalue()


def test_it_reads_the_crm_export_row_by_row() -> None:
    result = read_sample("clients-cp1251.csv")
    wrong = {2015, 2030, 2045, 2060, 2075}
    assert [(r.line, r.phone) for r in result.recipients] == numbered(
        2001, 2120, but=wrong, row=2
    )
    name = "clients-cp1251.csv"
    again = "8 (999) 000-20-44"
    assert result.remarks == (
        Remark(16, "7,999E+10", Reason.DIGITS_LOST, source=name),
        Remark(31, "Борис Казань 1500,00", Reason.EMPTY, source=name),
        Remark(46, again, Reason.DOUBLE, "+79990002044", 45, name, name),
        Remark(61, '=HYPERLINK("x")', Reason.NOT_A_NUMBER, source=name),
        Remark(76, "+7 999 000 21", Reason.TOO_SHORT, source=name),
    )
    assert result.lines == 120


def test_it_reads_the_sample_with_commas_and_a_bom() -> None:
    result = read_sample("clients-utf8-bom.csv")
    assert [(r.line, r.phone) for r in result.recipients] == numbered(
        3000, 3059, but=set(), row=2
    )
    assert result.remarks == ()
    assert result.lines == 60


def test_it_reads_the_sample_with_tabs_and_no_header() -> None:
    result = read_sample("noheader-tabs.txt")
    assert [(r.line, r.phone) for r in result.recipients] == numbered(
        4000, 4039, but=set(), row=1
    )
    assert result.remarks == ()
    assert result.lines == 40


def test_it_reads_the_workbook_row_by_row() -> None:
    result = read_sample("clients.xlsx")
    assert [(r.line, r.phone) for r in result.recipients] == numbered(
        5001, 5200, but={5011, 5024, 5039}, row=2
    )
    name = "clients.xlsx"
    again = "8 (999) 000-50-38"
    assert result.remarks == (
        Remark(12, "нет", Reason.NOT_A_NUMBER, source=name),
        Remark(25, "24 Борис c24@example.com", Reason.EMPTY, source=name),
        Remark(40, again, Reason.DOUBLE, "+79990005038", 39, name, name),
    )
    assert result.lines == 200


def test_a_text_file_is_read_like_what_is_pasted() -> None:
    result = read_sample("paste.txt")
    assert len(result.recipients) == 20
    assert [r.line for r in result.remarks] == [3, 9, 10, 16, 17, 18]
    assert {r.source for r in result.recipients} == {"paste.txt"}


TABLE = "Имя;Телефон\nВера;89990000101\nЯн;89990000102\n"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251"],
)
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_every_encoding_delimiter_and_line_end(
    encoding: str, delimiter: str, ends: str
) -> None:
    text = TABLE.replace(";", delimiter).replace("\n", ends)
    for name in ("list.csv", "list.txt"):
        result = read(name, text.encode(encoding))
        assert [(r.line, r.phone) for r in result.recipients] == [
            (2, "+79990000101"),
            (3, "+79990000102"),
        ]
        assert result.remarks == ()


def test_a_workbook_with_phones_on_its_second_sheet() -> None:
    first = sheet_of({"A1": "Отчёт"}, {"A2": 15.5})
    second = sheet_of({"C3": "Моб."}, {"C4": 79990000101.0}, {"C5": "8 999 000 01 02"})
    result = read("a.xlsx", workbook(first, second))
    assert [(r.line, r.phone) for r in result.recipients] == [
        (4, "+79990000101"),
        (5, "+79990000102"),
    ]


def test_files_that_cannot_be_read_say_why() -> None:
    assert refusal("a.txt", b"") is Unreadable.EMPTY
    assert refusal("a.txt", b"\xef\xbb\xbf \r\n") is Unreadable.EMPTY
    assert refusal("a.csv", "name,city\nA,B\nC,D\n") is Unreadable.NO_PHONE_COLUMN
    assert refusal("a.pdf", b"%PDF-1.7 ...") is Unreadable.UNKNOWN_KIND
    assert refusal("a.txt", bytes(range(256)) * 9) is Unreadable.UNKNOWN_KIND
    assert refusal("a.txt", bytes(range(1, 256)) * 9) is Unreadable.UNKNOWN_KIND
    sample = (SAMPLES / "clients.xlsx").read_bytes()
    assert refusal("a.xlsx", sample[:5000]) is Unreadable.BROKEN
    assert refusal("a.xlsx", workbook("<worksheet><broken")) is Unreadable.BROKEN
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
    assert refusal("a.doc", ole) is Unreadable.UNKNOWN_KIND
    old = (SAMPLES / "old.xls").read_bytes()
    assert refusal("a.xls", old) is Unreadable.OLD_WORKBOOK
    assert refusal("a.xlsx", workbook(sheet_of())) is Unreadable.EMPTY
    words = workbook(sheet_of({"A1": "имя"}, {"A2": "Вера"}))
    assert refusal("a.xlsx", words) is Unreadable.NO_PHONE_COLUMN
    protected = (SAMPLES / "protected.xlsx").read_bytes()
    assert refusal("a.xlsx", protected) is Unreadable.PASSWORD_PROTECTED


def test_a_zip_that_is_no_workbook_is_not_a_table() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert refusal("a.docx", buffer.getvalue()) is Unreadable.NOT_A_TABLE


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
def test_more_rows_than_allowed_are_refused(name: str) -> None:
    text = "\n".join(f"8999000{n:04};x" for n in range(11))
    assert refusal(name, text, max_rows=10) is Unreadable.TOO_MANY_ROWS
    assert len(read(name, text, max_rows=11).recipients) == 11


def test_the_header_does_not_count_as_a_row() -> None:
    rows: list[dict[str, str | float]] = [
        {f"A{n}": 79990000000.0 + n} for n in range(2, 12)
    ]
    book = workbook(sheet_of({"A1": "Телефон"}, *rows))
    assert read("a.xlsx", book, max_rows=10).lines == 10
    assert refusal("a.xlsx", book, max_rows=9) is Unreadable.TOO_MANY_ROWS


def test_a_zip_bomb_is_refused_before_it_is_opened() -> None:
    bomb = workbook(sheet_of(), extra={"xl/sharedStrings.xml": bytes(210 << 20)})
    assert len(bomb) < 1 << 20
    assert refusal("a.xlsx", bomb) is Unreadable.TOO_BIG


def test_a_zip_bomb_that_lies_about_its_size_is_refused() -> None:
    bomb = bytearray(
        workbook(sheet_of(), extra={"xl/sharedStrings.xml": bytes(210 << 20)})
    )
    size = struct.pack("<L", 210 << 20)
    assert bomb.count(size) == 2
    assert refusal("a.xlsx", bytes(bomb).replace(size, struct.pack("<L", 100))) is (
        Unreadable.TOO_BIG
    )


def test_a_zip_whose_directory_lies_about_its_place_is_broken() -> None:
    """Its entries begin before the file does, or behind its end."""
    for begins in (0, 1 << 20, (1 << 32) - 2):
        book = bytearray(workbook(sheet_of({"A1": "+79990000101"})))
        struct.pack_into("<L", book, len(book) - 6, begins)
        assert refusal("a.xlsx", bytes(book)) is Unreadable.BROKEN


@pytest.mark.parametrize("at", ["XFD1048576", "xfd1048576", "A99999999999", "ZZZZZZ1"])
def test_one_far_cell_does_not_ask_for_a_grid_of_gigabytes(at: str) -> None:
    far = sheet_of({"A1": "Телефон"}, {"A2": 79990000101.0}, {at: 1})
    assert refusal("a.xlsx", workbook(far)) is Unreadable.TOO_BIG


def test_cells_that_leave_their_place_out_are_counted() -> None:
    cells = "<c><v>1</v></c>"
    sheet = sheet_of({"A1": "Телефон"}).replace(
        "</sheetData>",
        f"<row>{cells * 9}</row><row r='1048576'>{cells}</row></sheetData>",
    )
    assert refusal("a.xlsx", workbook(sheet)) is Unreadable.TOO_BIG
    few = sheet.replace("<row r='1048576'>", "<row>").replace(">1<", ">79990000101<")
    assert phones(read("a.xlsx", workbook(few))) == ["+79990000101"]


def test_a_big_table_takes_seconds() -> None:
    rows = (f"{n};Иван;8 (999) {n:07};1500,00" for n in range(100_000))
    data = ("id;Имя;Телефон;Сумма\n" + "\n".join(rows)).encode("cp1251")
    began = time.process_time()
    assert len(read("a.csv", data).recipients) == 100_000
    assert time.process_time() - began < 10


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(), st.text().map(str.encode)),
    st.sampled_from(["a.txt", "a.csv", "a.xlsx"]),
)
def test_no_bytes_raise_anything_but_unreadable(data: bytes, name: str) -> None:
    try:
        read(name, data)
    except UnreadableFile as error:
        assert error.code in Unreadable


# Each takes a process.
@settings(max_examples=60, deadline=None)
@given(st.integers(4, 10_000), st.binary(min_size=1, max_size=20))
def test_a_damaged_workbook_never_breaks_the_reader(at: int, junk: bytes) -> None:
    data = bytearray((SAMPLES / "clients.xlsx").read_bytes())
    data[at : at + len(junk)] = junk
    try:
        read("a.xlsx", bytes(data))
    except UnreadableFile as error:
        assert error.code in Unreadable
