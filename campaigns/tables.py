"""Rows of a table: which delimiter, which columns hold phones, and reading them."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from campaigns.numbers import Reason
from campaigns.recipients import Entry, nothing
from campaigns.scanning import find_numbers
from campaigns.texts import NAME_LENGTH, fold

Row = Sequence[str]

VALUE_LENGTH = 200

_SAMPLE_ROWS = 300
_HEADER_WITHIN = 20
_DELIMITERS = "\t;|,"
_HEADER_LENGTH = 60
# A quote that is open for longer was never meant to hold line ends.
_LINES_IN_QUOTES = 10

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
    """Where the phones are, none if that is not clear, and how the others are called.

    `first_row` is the index of the first row below the header; `names` are the
    header's cells by column.
    """

    phones: tuple[int, ...]
    first_row: int
    names: Mapping[int, str]
    is_named: bool  # by a header that leaves no doubt
    others: float  # the greatest share of phones in any other column


def find_delimiter(lines: Sequence[str]) -> tuple[str, float]:
    """The delimiter, "" for none, and which share of the lines has the same width."""
    if directive := read_directive(lines[0] if lines else ""):
        return directive, 1.0
    sample = [line for line in lines[:_SAMPLE_ROWS] if line]
    best = (0.0, "")
    for delimiter in _DELIMITERS:
        rows = split_rows(sample, delimiter)
        widths = Counter(len(row) for row in rows if row)
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        share = count / widths.total() if 1 < width <= _WIDEST else 0.0
        # Decimal commas are as regular as the real delimiter; the order decides.
        if share > best[0] + 0.02:
            best = share, delimiter
    return best[1], best[0]


def read_directive(line: str) -> str:
    """The delimiter that Excel's own first line names, "sep=;"; "" without one."""
    found = re.fullmatch(r"sep=(.)", line)
    return found[1] if found else ""


def split_rows(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Splits lines into cells; blank lines give empty rows, so that rows keep count.

    A quoted cell may hold line ends. A quote that is never closed swallows nothing.
    """
    ahead: list[str] = []
    remaining = iter(lines)
    while True:
        line = ahead.pop(0) if ahead else next(remaining, None)
        if line is None:
            return
        if not delimiter:
            yield [line] if line.strip() else []
        elif '"' not in line:
            yield line.split(delimiter) if line else []
        else:
            ahead += islice(remaining, max(_LINES_IN_QUOTES - len(ahead), 0))
            row, taken = _quoted(line, ahead, delimiter)
            del ahead[:taken]
            yield row


def _quoted(line: str, ahead: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    """The cells of a line with quotes, and how many of the next lines belong to it."""
    for taken in range(len(ahead) + 1):
        whole = [line, *ahead[:taken]]
        ends = [part + "\n" for part in whole[:-1]]
        try:
            rows = list(
                csv.reader([*ends, whole[-1]], delimiter=delimiter, strict=True)
            )
        except csv.Error:
            continue
        return (rows[0] if len(rows) == 1 else _cells(line, delimiter)), taken
    return _cells(line, delimiter), 0


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"') for cell in line.split(delimiter)]


def find_columns(
    rows: Sequence[Row], *, region: str, chosen: int | None = None
) -> Columns:
    """Finds the phone columns by their header and by what is in them.

    A column that a person has chosen is taken whatever is in it.
    """
    header, names = _find_header(rows, region)
    below = rows[header + 1 :]
    shares = _shares(below, region)
    columns = range(len(shares))
    named = [c for c in columns if _SURELY_PHONE.search(names.get(c, ""))]
    hinted = [c for c in columns if _MAYBE_PHONE.search(names.get(c, ""))]
    usable = {c for c in columns if not _OTHER.search(names.get(c, ""))}
    phones = (
        [chosen]
        if chosen is not None
        else [c for c in named if c in usable and shares[c] >= 0.1]
        or [c for c in hinted if c in usable and shares[c] >= 0.3]
        or [c for c in named if shares[c] >= 0.1]
        or [c for c in columns if c in usable and shares[c] >= 0.5]
        # Every cell is broken: the receipt names each.
        or named
    )
    others = max((s for c, s in enumerate(shares) if c not in phones), default=0.0)
    is_named = bool(phones) and set(phones) <= set(named)
    return Columns(tuple(phones), header + 1, names, is_named, others)


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


def folded(names: Mapping[int, str]) -> dict[str, int]:
    """The columns by the names by which a text can call them; the first of two wins."""
    columns: dict[str, int] = {}
    for column, name in sorted(names.items()):
        if len(name) <= NAME_LENGTH:
            columns.setdefault(fold(name), column)
    return columns


def read_rows(
    rows: Iterable[tuple[int, Row]],
    phones: Sequence[int],
    *,
    region: str,
    values: Mapping[str, int] | None = None,
    keeps_empty: bool = False,
) -> Iterator[Entry]:
    """Reads the phone cells of numbered rows, and the values of named columns.

    Rows without anything in them are left out, unless each is to be accounted for.
    """
    wanted = (values or {}).items()
    for number, row in rows:
        if not (row if keeps_empty else any(cell.strip() for cell in row)):
            continue
        fields = {
            name: value
            for name, column in wanted
            if column < len(row) and (value := row[column].strip()[:VALUE_LENGTH])
        }
        cells = [row[c] for c in phones if c < len(row) and row[c].strip()]
        if cells:
            found = [
                number
                for cell in cells
                for number in find_numbers(cell, region=region) or [nothing(cell)]
            ]
        else:
            text = " ".join(cell.strip() for cell in row if cell.strip())
            found = [nothing(text, Reason.EMPTY)]
        yield Entry(number, found, fields)


def wanted(values: Mapping[str, int], names: Collection[str]) -> dict[str, int]:
    """Only the columns that a text names."""
    return {name: column for name, column in values.items() if name in names}
