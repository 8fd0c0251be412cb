"""The moment after which a text is of no use, as far as its own words tell."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

# A date without a year that is further off was meant for the year that is over.
FAR = timedelta(days=270)
END = time(23, 59)


@dataclass(frozen=True)
class LastMoment:
    """An aware moment, and the word of the text that tells it."""

    at: datetime
    word: str


_MONTHS = [
    ("янв", "jan"),
    ("фев", "feb"),
    ("мар", "mar"),
    ("апр", "apr"),
    ("ма[йя]", "may"),
    ("июн", "jun"),
    ("июл", "jul"),
    ("авг", "aug"),
    ("сен", "sep"),
    ("окт", "oct"),
    ("ноя", "nov"),
    ("дек", "dec"),
]
_MONTH = "|".join(name for names in _MONTHS for name in names)
_WEEKDAYS = [
    ("понедельник[ау]?", "monday"),
    ("вторник[ау]?", "tuesday"),
    ("сред[ыу]", "wednesday"),
    ("четверг[ау]?", "thursday"),
    ("пятниц[ыу]", "friday"),
    ("суббот[ыу]", "saturday"),
    ("воскресень[яе]", "sunday"),
]
_WEEKDAY = "|".join(name for names in _WEEKDAYS for name in names)
_UNTIL = r"до|по|until|till|by|before"


def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){pattern}(?!\w)", re.IGNORECASE)


_TODAY = _regex(r"(?:сегодня|сегодняшн\w+|today|tonight)")
_TOMORROW = _regex(r"(?:завтра|завтрашн\w+|tomorrow)")
_DAY_AFTER = _regex(r"(?:послезавтра|day after tomorrow)")
_WEEK = _regex(
    r"(?:до конца (?:этой )?недели|на этой неделе|(?:в )?эти выходные|в выходные"
    r"|(?:until|by) the end of (?:the|this) week|this week(?:end)?)"
)
_MONTH_END = _regex(
    r"(?:до конца (?:этого )?месяца|(?:until|by) the end of (?:the|this) month)"
)
_ON_WEEKDAY = _regex(
    rf"(?:(?:в|во|до|по|on|until|till|by|this)\s+(?:эт[уо]т?\s+)?({_WEEKDAY}))"
)
_IN_WORDS = _regex(rf"(\d{{1,2}})(?:-?го|st|nd|rd|th)?\s+(?:of\s+)?({_MONTH})\w*")
_IN_WORDS_US = _regex(rf"({_MONTH})\w*\s+(\d{{1,2}})(?:st|nd|rd|th)?")
_IN_DIGITS = _regex(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})")
# Without a year it may be a price, unless a word before says that it is a day.
_DAY_AND_MONTH = _regex(rf"(?:{_UNTIL}|с|на|on|from)\s+(\d{{1,2}})\.(\d{{2}})(?!\.\d)")
_CLOCK = _regex(
    rf"(?:{_UNTIL})\s+(\d{{1,2}})(?:[:.](\d{{2}})(?!\.\d)|\s*(?:ч\b|час\w*|(am|pm)))"
)


def propose(text: str, now: datetime) -> LastMoment | None:
    """The first moment from `now` on that the text names; None for none.

    `now` is aware and in the zone in which days are meant. A day lasts until 23:59,
    unless the text says "until 18:00" as well.
    """
    moments = []
    for word, day in _days(text, now.date()):
        at = _at(text, day, now)
        if at > now:
            moments.append(LastMoment(at, word))
    return min(moments, key=lambda moment: moment.at, default=None)


def _at(text: str, day: date, now: datetime) -> datetime:
    ends = datetime.combine(day, END, now.tzinfo)
    if match := _CLOCK.search(text):
        hour, minute = int(match[1]), int(match[2] or 0)
        if (match[3] or "").lower() == "pm" and hour < 12:
            hour += 12
        if hour < 24 and minute < 60:
            named = datetime.combine(day, time(hour, minute), now.tzinfo)
            return named if named > now else ends
    return ends


def _days(text: str, today: date) -> Iterator[tuple[str, date]]:
    """The days that the text names, each with its word."""
    rules: list[tuple[re.Pattern[str], Callable[[re.Match[str]], date | None]]] = [
        (_TODAY, lambda _: today),
        (_TOMORROW, lambda _: today + timedelta(days=1)),
        (_DAY_AFTER, lambda _: today + timedelta(days=2)),
        (_WEEK, lambda _: today + timedelta(days=6 - today.weekday())),
        (_MONTH_END, lambda _: _last_of_month(today)),
        (_ON_WEEKDAY, lambda found: _next_weekday(found[1], today)),
        (_IN_WORDS, lambda found: _date(found[1], found[2], None, today)),
        (_IN_WORDS_US, lambda found: _date(found[2], found[1], None, today)),
        (_IN_DIGITS, lambda found: _date(found[1], found[2], found[3], today)),
        (_DAY_AND_MONTH, lambda found: _date(found[1], found[2], None, today)),
    ]
    for pattern, day_of in rules:
        for found in pattern.finditer(text):
            if day := day_of(found):
                yield found[0], day


def _last_of_month(today: date) -> date:
    return today.replace(day=calendar.monthrange(today.year, today.month)[1])


def _next_weekday(name: str, today: date) -> date:
    number = next(
        number
        for number, names in enumerate(_WEEKDAYS)
        if any(re.fullmatch(one, name, re.IGNORECASE) for one in names)
    )
    return today + timedelta(days=(number - today.weekday()) % 7)


def _date(day: str, month: str, year: str | None, today: date) -> date | None:
    """None for what is no date, or was one long ago."""
    number = int(month) if month.isdigit() else _month_of(month)
    years = [today.year, today.year + 1]
    if year:
        years = [int(year) + (2000 if len(year) == 2 else 0)]
    for one in years:
        try:
            found = date(one, number, int(day))
        except ValueError:
            continue
        if today <= found <= today + FAR or (year and found >= today):
            return found
    return None


def _month_of(name: str) -> int:
    return next(
        number
        for number, names in enumerate(_MONTHS, start=1)
        if any(re.match(one, name, re.IGNORECASE) for one in names)
    )
