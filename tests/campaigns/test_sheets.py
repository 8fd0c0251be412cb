"""Workbooks that were made to kill who reads them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from campaigns import sheetreader
from campaigns.layouts import Unreadable, UnreadableFile
from campaigns.sheets import read_rows, read_sheets
from campaigns.spreadsheets import read_file
from tests.fuzz.lists import make_workbook, sheet

PHONE = "<v>79990000101</v></c>"
NEAR = f'<row r="1"><c r="A1">{PHONE}</row>'
FAR = f'{NEAR}<row r="1048576"><c r="XFD1048576">{PHONE}</row>'
PREFIX = "p" * 30


def far_with(cell: str) -> bytes:
    return sheet(f'{NEAR}<row r="1048576"><{cell}>{PHONE}</row>')


@pytest.mark.parametrize(
    "book",
    [
        make_workbook(far_with('c x=">" r="XFD1048576"')),
        make_workbook(far_with(f'c x="{"y" * 500}" r="XFD1048576"')),
        make_workbook(far_with('c q:r="A1" r="XFD1048576"')),
        make_workbook(far_with('c r  =  "XFD1048576"')),
        make_workbook(
            sheet(
                f'{NEAR}<row r="1048576"><{PREFIX}:c r="XFD1048576">{PHONE}</row>'
            ).replace(b"</c></row></sheet", f"</{PREFIX}:c></row></sheet".encode())
        ),
        make_workbook(sheet(""), {"xl/media/1.png": sheet(FAR)}, target="media/1.png"),
    ],
    ids=["sign", "long", "prefixed", "spaced", "namespace", "elsewhere"],
)
def test_a_grid_that_the_guard_does_not_see_kills_the_reader_only(book: bytes) -> None:
    with pytest.raises(UnreadableFile) as caught:
        read_file("a.xlsx", book, region="RU")
    assert caught.value.code is Unreadable.BROKEN


def test_a_column_past_all_letters_harms_nobody() -> None:
    """Its number overflows, to what hangs on the letters."""
    for letters in ("A" + "r" * 28, "R" * 27, "z" * 21):
        book = make_workbook(sheet(f'<row r="1"><c r="{letters}1">{PHONE}</row>{NEAR}'))
        try:
            read_file("a.xlsx", book, region="RU")
        except UnreadableFile as error:
            assert error.code in {Unreadable.BROKEN, Unreadable.EMPTY}


def test_the_reader_reads_rows_from_the_first_on() -> None:
    book = make_workbook(sheet(f'<row r="3"><c r="B3">{PHONE}</row>'))
    (found,) = read_sheets(book)
    assert (found.number, found.rows) == (0, 3)
    assert list(read_rows(book, 0)) == [[""], [""], ["79990000101"]]


def test_who_has_seen_enough_leaves_no_process() -> None:
    rows = read_rows(make_workbook(sheet(NEAR * 50_000)), 0)
    assert next(rows) == ["79990000101"]
    rows.close()
    children = Path("/proc/self/task").glob("*/children")
    pids = [pid for file in children for pid in file.read_text().split()]
    told = [Path("/proc", pid, "cmdline").read_bytes() for pid in pids]
    assert not [one for one in told if b"sheetreader" in one]


def test_the_reader_is_told_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "a secret of the house")
    told: list[object] = []

    class Watched(subprocess.Popen[bytes]):
        def __init__(self, *args: object, env: dict[str, str], **kwargs: object):
            told.append(env)
            super().__init__(*args, env=env, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", Watched)
    assert list(read_sheets(make_workbook(sheet(NEAR))))
    assert told and "SECRET_KEY" not in str(told)


def test_what_is_no_workbook_has_a_code_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-I", sheetreader.__file__],
        input=b"PK\x03\x04",
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (sheetreader.BROKEN, b"")
