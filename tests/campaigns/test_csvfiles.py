from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.csvfiles import csv_lines, delimiter_for


def written(*row: str | int | datetime | None, delimiter: str = ",") -> list[str]:
    text = csv_lines([row], delimiter=delimiter).decode()
    (read,) = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return read


@pytest.mark.parametrize(
    "text",
    [
        "+79031234567",
        "=1+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\u00a0+1",
        "＝1",
        "79031234567890123",
        "7 903 123 45 67 8",
        "3E50123",
        "1.5e7",
    ],
)
def test_what_a_spreadsheet_would_compute_or_shorten_stays_text(text: str) -> None:
    assert written(text) == [f"'{text}"]


@pytest.mark.parametrize(
    "text", ["", "accepted", "404", "3EB0A1", "12.5", "a=b", "'+7"]
)
def test_what_is_harmless_is_left_alone(text: str) -> None:
    assert written(text) == [text]


def test_times_and_numbers_are_written_so_that_any_excel_reads_them() -> None:
    assert written(datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), 7, None) == [
        "2026-01-02 03:04:05",
        "7",
        "",
    ]


def test_the_delimiter_is_what_excel_splits_at_in_that_language() -> None:
    assert [delimiter_for(x) for x in ("en", "en-gb", "ru")] == [",", ",", ";"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_no_cell_is_a_formula_and_every_cell_is_whole(texts: list[str]) -> None:
    for text, cell in zip(texts, written(*texts, delimiter=";"), strict=True):
        assert cell in {text, f"'{text}"}
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
