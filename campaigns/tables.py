"""Rows of a table: which delimiter, which columns hold phones, and reading them."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from campaigns.numbers import Reason
from campaigns.recipients import Collector, PhoneList, split_lines
from campaigns.scanning import find_numbers

Row = Sequence[str]

_SAMPLE_ROWS = 300
_HEADER_WITHIN = 20
_DELIMITERS = "\t;|,"
_HEADER_LENGTH = 60

# "Тел" begins телефон and Телеграм alike.
_SURELY_PHONE = re.compile(
    r"phone|whats?\s?app|ватсап|вотсап|вацап|телефон|сотов|msisdn"
    r"|(?<![^\W_])(?:тел(?!е)|tel(?!egr)|моб|mob|cell)",
    re.IGNORECASE,
)
_MAYBE_PHONE = re.compile(r"номер|number|contact|контакт|handy", re.IGNORECASE)
# Whole words, so that neither "заказчик" nor "candidate" is taken for one.
_OTHER = re.compile(
    r"(?<![^\W_])(?:менеджер\w{0,3}|manager|ответствен\w{0,5}|оператор\w{0,3}|факс|fax"
    r"|дат[аы]|date|заказ[аеу]?|order|сч[её]та?|invoice|инн|карт[аы]|card"
    r"|договор\w{0,2}|сумм[аы]|price|verified|код|code)(?![^\W_])|^\W*id\W*$",
    re.IGNORECASE,
)
# Wider than any list of clients; a line of 60,000 numbers is not a table.
_WIDEST = 256


class Columns(NamedTuple):
    """Where the phones are.

    `first_row` is the index of the first row below the header.
    """

    phones: tuple[int, ...]
    first_row: int
    is_named: bool  # by a header that leaves no doubt
    others: float  # the greatest share of phones in any other column


def parse_csv(text: str) -> tuple[list[list[str]], float]:
    """Splits a delimited text; also says which share of rows has the same width.

    Rows keep their place, blank ones are empty lists. A text without a delimiter
    gives one column.
    """
    directive = re.match(r"sep=(.)\r?\n", text)
    sample = [line for line in split_lines(text[:200_000])[:_SAMPLE_ROWS] if line]
    best = (0.0, "")
    for delimiter in directive[1] if directive else _DELIMITERS:
        widths = Counter(len(row) for row in _rows("\n".join(sample), delimiter) if row)
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        share = count / widths.total() if 1 < width <= _WIDEST else 0.0
        # Decimal commas are as regular as the real delimiter; the order decides.
        if share > best[0] + 0.02:
            best = share, delimiter
    rows = _rows(text, best[1])
    if directive and rows:
        rows[0] = []
    return rows, best[0]


def _rows(text: str, delimiter: str) -> list[list[str]]:
    if not delimiter:
        return [[line] if line.strip() else [] for line in split_lines(text)]
    try:
        rows = list(
            csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        )
    except csv.Error:
        rows = None
    # A quote that is never closed swallows the rows behind it.
    if rows is None or any(cell.count("\n") > 10 for row in rows for cell in row):
        return [
            [cell.strip().strip('"') for cell in line.split(delimiter)] if line else []
            for line in split_lines(text)
        ]
    return rows


def find_columns(rows: Sequence[Row], *, region: str) -> Columns | None:
    """Finds the phone columns by their header and by what is in them."""
    header, names = _find_header(rows, region)
    below = rows[header + 1 :]
    shares = _shares(below, region)
    columns = range(len(shares))
    named = [c for c in columns if _SURELY_PHONE.search(names.get(c, ""))]
    hinted = [c for c in columns if _MAYBE_PHONE.search(names.get(c, ""))]
    usable = {c for c in columns if not _OTHER.search(names.get(c, ""))}
    chosen = (
        [c for c in named if c in usable and shares[c] >= 0.1]
        or [c for c in hinted if c in usable and shares[c] >= 0.3]
        or [c for c in named if shares[c] >= 0.1]
        or [c for c in columns if c in usable and shares[c] >= 0.5]
        # Every cell is broken: the receipt names each.
        or named
    )
    if not chosen:
        return None
    others = max((s for c, s in enumerate(shares) if c not in chosen), default=0.0)
    return Columns(tuple(chosen), header + 1, set(chosen) <= set(named), others)


def _find_header(rows: Sequence[Row], region: str) -> tuple[int, dict[int, str]]:
    """Returns the header's index (-1: none) and its names by column."""
    above: list[tuple[int, dict[int, str]]] = []
    for index, row in enumerate(rows[:_HEADER_WITHIN]):
        cells = {c: cell.strip() for c, cell in enumerate(row) if cell.strip()}
        if any(find_numbers(cell[:500], region=region) for cell in cells.values()):
            break
        if cells:
            above.append((index, cells))
    for words in (_SURELY_PHONE, _MAYBE_PHONE):
        fitting = [
            (index, cells)
            for index, cells in above
            if any(len(c) <= _HEADER_LENGTH and words.search(c) for c in cells.values())
        ]
        if fitting:
            # A title above the header fills fewer cells than the header.
            return max(fitting, key=lambda found: len(found[1]))
    if above:
        index, cells = above[0]
        has_digits = any(char.isdigit() for cell in cells.values() for char in cell)
        if len(cells) > 1 and not has_digits:
            return index, cells
    return -1, {}


def _shares(rows: Sequence[Row], region: str) -> list[float]:
    """Says for each column which share of its filled cells are phones."""
    step = max(1, len(rows) // _SAMPLE_ROWS)
    filled: Counter[int] = Counter()
    phones: Counter[int] = Counter()
    width = 0
    for row in rows[::step]:
        width = max(width, min(len(row), _WIDEST))
        for column, cell in enumerate(row[:_WIDEST]):
            if cell.strip():
                filled[column] += 1
                numbers = find_numbers(cell[:500], region=region)
                phones[column] += any(number.reading.phone for number in numbers)
    return [phones[c] / filled[c] if filled[c] else 0.0 for c in range(width)]


def read_rows(
    rows: Sequence[Row], columns: Columns, *, region: str, source: str
) -> PhoneList:
    """Reads the phone cells; rows are counted from 1, the header included."""
    collector = Collector(source)
    for number, row in enumerate(rows[columns.first_row :], columns.first_row + 1):
        if not any(cell.strip() for cell in row):
            continue
        collector.count_line()
        cells = [row[c] for c in columns.phones if c < len(row) and row[c].strip()]
        if not cells:
            text = " ".join(cell.strip() for cell in row if cell.strip())
            collector.remark(number, text, Reason.EMPTY)
        for cell in cells:
            found = find_numbers(cell, region=region)
            if found:
                collector.add(number, found)
            else:
                collector.remark(number, cell, Reason.NOT_A_NUMBER)
    return collector.result()
