"""Sending hours and days off as people type them, and as they are shown again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

from campaigns.hours import DAY_MINUTES, Window

# A range of days off that is longer is a slip of the pen.
LONGEST_RANGE = timedelta(days=366)
MOST_DAYS = 1000

_PART = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*[-–—]\s*(\d{1,2})(?:[:.](\d{2}))?")
_DATE = r"(\d{1,4})[.\-/](\d{1,2})(?:[.\-/](\d{1,4}))?"
_RANGE = re.compile(rf"{_DATE}(?:\s*[–—]\s*|\s+-\s+|\s*\.\.\.?\s*){_DATE}")
_ONE = re.compile(_DATE)


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
        if match := _RANGE.fullmatch(piece):
            last = _date(match[4], match[5], match[6], today=today)
            year = str(last.year) if last else None
            first = _date(match[1], match[2], match[3] or year, today=today)
            if first and last and match[3] is None and first > last:
                first = first.replace(year=first.year - 1)  # over the New Year
        elif match := _ONE.fullmatch(piece):
            first = last = _date(match[1], match[2], match[3], today=today)
        else:
            raise NotUnderstood(piece)
        if first is None or last is None:
            raise NotUnderstood(piece)
        if not timedelta() <= last - first <= LONGEST_RANGE:
            raise NotUnderstood(piece, "backwards")
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


def _date(first: str, second: str, third: str | None, *, today: date) -> date | None:
    """None for a day that no calendar has."""
    try:
        if len(first) == 4 and third:
            return date(int(first), int(second), int(third))
        if third:
            year = int(third)
            return date(year + 2000 if year < 100 else year, int(second), int(first))
        day = date(today.year, int(second), int(first))
        return day if day >= today else date(today.year + 1, int(second), int(first))
    except ValueError:
        return None
