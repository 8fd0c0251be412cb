"""Sending hours and days off as people type them, and as they are shown again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta
from itertools import pairwise

from campaigns.hours import DAY_MINUTES, Window

# A range of days off that is longer is a slip of the pen.
LONGEST_RANGE = timedelta(days=366)
MOST_DAYS = 1000
# The same where it goes over a New Year that nobody has written.
LONGEST_UNWRITTEN = timedelta(days=183)
CENTURY = range(2000, 2100)  # another year is a slip as well
LEAPS_APART = 8  # years, at most

_PART = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*[-–—−]\s*(\d{1,2})(?:[:.](\d{2}))?")
# One sign divides all of a date: by "1-8.01" people mean two days, not 2001.
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})([.\-/])(?P<month>\d{1,2})\2(?P<day>\d{1,2})")
_DAY_FIRST = re.compile(
    r"(?P<day>\d{1,2})([.\-/])(?P<month>\d{1,2})(?:\2(?P<year>\d{4}|\d{2}))?(?:\s*г\.?)?"
)
_RANGES = (
    re.compile(r"(.+?)(?:\s*[–—−]\s*|\s+-\s+|\s*\.\.\.?\s*)(.+)"),
    re.compile(r"([^-]+)-([^-]+)"),
)


class NotUnderstood(ValueError):
    """This piece of what was typed is no window, or no date."""

    def __init__(self, piece: str, why: str = "") -> None:
        self.piece = piece
        self.why = why
        super().__init__(piece)


def read_windows(text: str) -> tuple[Window, ...]:
    """Windows of a day from "9–13, 14:30-19"; none for an empty text.

    Raises NotUnderstood: `why` is "backwards" or "overlap" where a time is there.
    """
    windows = []
    for piece in filter(None, (part.strip() for part in re.split("[,;]", text))):
        match = _PART.fullmatch(piece)
        if match is None:
            raise NotUnderstood(piece)
        opens, closes = _minutes(match[1], match[2]), _minutes(match[3], match[4])
        if opens is None or closes is None:
            raise NotUnderstood(piece)
        if closes <= opens:
            raise NotUnderstood(piece, "backwards")
        windows.append(Window(opens, closes))
    windows.sort()
    for one, other in pairwise(windows):
        if other.opens < one.closes:
            raise NotUnderstood(str(other), "overlap")
    return tuple(windows)


def read_days(text: str, *, today: date) -> frozenset[date]:
    """Dates from lines such as "31.12.2026" or "01.01–08.01.2027".

    A date without a year is the next such day. Raises NotUnderstood.
    """
    days: set[date] = set()
    for piece in filter(None, (part.strip() for part in re.split("[,;\n]", text))):
        first, last = _ends(piece, today)
        days.update(first + timedelta(days=n) for n in range((last - first).days + 1))
        if len(days) > MOST_DAYS:
            raise NotUnderstood(piece, "too_many")
    return frozenset(days)


def write_windows(windows: Sequence[Window]) -> str:
    return ", ".join(map(str, windows))


def write_days(days: Iterable[date]) -> str:
    """One day or range a line, as they are read again."""
    lines: list[list[date]] = []
    for day in sorted(days):
        if lines and day - lines[-1][-1] == timedelta(days=1):
            lines[-1].append(day)
        else:
            lines.append([day])
    return "\n".join(
        f"{run[0]:%d.%m.%Y}" + (f" – {run[-1]:%d.%m.%Y}" if len(run) > 1 else "")
        for run in lines
    )


def _minutes(hours: str, minutes: str | None) -> int | None:
    found = int(hours) * 60 + int(minutes or 0)
    is_time = int(minutes or 0) < 60 and found <= DAY_MINUTES
    return found if is_time else None


def _ends(piece: str, today: date) -> tuple[date, date]:
    """The first and the last of the days that a piece names."""
    longest = LONGEST_RANGE
    if typed := _typed(piece):
        first = last = _coming(typed, today)
    elif both := _split(piece):
        last = _coming(both[1], today)
        first = _before(both[0], last) if last else None
        if not both[0]["year"]:
            longest = LONGEST_UNWRITTEN
    else:
        raise NotUnderstood(piece)
    if first is None or last is None:
        raise NotUnderstood(piece)
    if not timedelta() <= last - first <= longest:
        raise NotUnderstood(piece, "backwards")
    return first, last


def _typed(text: str) -> re.Match[str] | None:
    return _YEAR_FIRST.fullmatch(text) or _DAY_FIRST.fullmatch(text)


def _split(piece: str) -> tuple[re.Match[str], re.Match[str]] | None:
    for pattern in _RANGES:
        if (match := pattern.fullmatch(piece)) and (
            (first := _typed(match[1])) and (last := _typed(match[2]))
        ):
            return first, last
    return None


def _coming(typed: re.Match[str], today: date) -> date | None:
    """The day as written, else the next such day; None where no calendar has it."""
    years = range(today.year, today.year + LEAPS_APART + 1)
    days = _days(typed, years)
    return next((day for day in days if typed["year"] or day >= today), None)


def _before(typed: re.Match[str], last: date) -> date | None:
    """The day as written, else the last such day up to another."""
    years = range(last.year, last.year - LEAPS_APART - 1, -1)
    days = _days(typed, years)
    return next((day for day in days if typed["year"] or day <= last), None)


def _days(typed: re.Match[str], years: Iterable[int]) -> Iterator[date]:
    if written := typed["year"]:
        years = [int(written) + 2000 if len(written) == 2 else int(written)]
    for year in years:
        with suppress(ValueError):
            if year in CENTURY:
                yield date(year, int(typed["month"]), int(typed["day"]))
