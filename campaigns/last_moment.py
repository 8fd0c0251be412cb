"""The moment after which a text is of no use, as far as its own words tell."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

# A date without a year that is further off was meant for the year that is over.
FAR = timedelta(days=270)
END = time(23, 59)


@dataclass(frozen=True)
class LastMoment:
    """An aware moment, and the word of the text that tells it."""

    at: datetime
    word: str


_MONTHS = [
    ("январ[ьяе]|янв", "january|jan"),
    ("феврал[ьяе]|фев", "february|feb"),
    ("марта?|марте|мар", "march|mar"),
    ("апрел[ьяе]|апр", "april|apr"),
    ("ма[йяе]", "may"),
    ("июн[ьяе]?", "june|jun"),
    ("июл[ьяе]?", "july|jul"),
    ("август[ае]?|авг", "august|aug"),
    ("сентябр[ьяе]|сент?", "september|sept?"),
    ("октябр[ьяе]|окт", "october|oct"),
    ("ноябр[ьяе]|нояб?", "november|nov"),
    ("декабр[ьяе]|дек", "december|dec"),
]
_MONTH = "|".join(name for names in _MONTHS for name in names)
# Without a capital it is seldom the month: "you may 3 times".
_MONTH_US = "|".join("(?-i:May|MAY)" if n == "may" else n for _, n in _MONTHS)
_WEEKDAYS = [
    ("понедельник[ау]?", "monday"),
    ("вторник[ау]?", "tuesday"),
    ("сред[ыуе]", "wednesday"),
    ("четверг[ау]?", "thursday"),
    ("пятниц[ыуе]", "friday"),
    ("суббот[ыуе]", "saturday"),
    ("воскресень[яею]", "sunday"),
]
_WEEKDAY = "|".join(name for names in _WEEKDAYS for name in names)
_UNTIL = r"до|по|until|till|by|before"
_SINCE = r"с|со|от|from|since"
# Without a year; of a time the minutes never look like a month.
_DAY, _OF_YEAR = r"(\d{1,2})(?:-?го|st|nd|rd|th)?", r"(?:,?\s+(20[2-9]\d))?"
_DATE_IN_WORDS = rf"{_DAY}\s+(?:of\s+)?({_MONTH})"
_DATE_IN_WORDS_US = rf"({_MONTH_US})\s+{_DAY}"
_DATE_IN_DIGITS = r"(\d{1,2})\.(0[1-9]|1[0-2])"


def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){pattern}(?!\w)", re.IGNORECASE)


_TODAY = _regex(r"(?:сегодня|сегодняшн\w+|today|tonight)")
_TOMORROW = _regex(r"(?:завтра|завтрашн\w+|(?<!day after )tomorrow)")
_DAY_AFTER = _regex(r"(?:послезавтра|day after tomorrow)")
_WEEK = _regex(
    r"(?:до конца (?:этой )?недели|на этой неделе|(?:в )?эти выходные|в выходные"
    r"|на (?:этих )?выходных"
    r"|(?:until|by) the end of (?:the|this) week|this week(?:end)?)"
)
_MONTH_END = _regex(
    r"(?:до конца (?:этого )?месяца|(?:until|by) the end of (?:the|this) month)"
)
# Of another day where the text names one.
_DAY_END = _regex(
    r"(?:до конца (?:этого )?дня|до полуночи"
    r"|(?:until|till|by|before) (?:the )?(?:end of (?:the|this) day|midnight))"
)
_ON_WEEKDAY = _regex(
    rf"(?:(?:в|во|до|по|к|ко|on|until|till|by|this)\s+(?:эт[уо]т?\s+)?({_WEEKDAY}))"
)
_IN_WORDS = _regex(_DATE_IN_WORDS + _OF_YEAR)
_IN_WORDS_US = _regex(_DATE_IN_WORDS_US + _OF_YEAR)
_IN_DIGITS = _regex(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})")
# Without a year it may be a price, unless a word before says that it is a day.
_DAY_AND_MONTH = _regex(rf"(?:{_UNTIL}|{_SINCE}|к|на|on)\s+{_DATE_IN_DIGITS}(?!\.\d)")
_CLOCK = _regex(
    rf"(?:{_UNTIL})\s+(?P<hour>\d{{1,2}})"
    r"(?::(?P<minute>\d{2})|\.(?P<dotted>00|1[3-9]|[2-5]\d)(?!\.\d))?"
    r"(?:\s*(?P<unit>[ap]\.?m|ч|час\w*))?"
)
# What stands before a day, or behind it, with which something only begins.
_BEGINS = re.compile(rf"(?<!\w)(?:{_SINCE})\s+$", re.IGNORECASE)
_GOES_ON = re.compile(
    rf"\s*(?:-|–|—|(?:до|по|to|until|till|through)\s)\s*"
    rf"(?:{_DATE_IN_WORDS}|{_DATE_IN_WORDS_US}|{_DATE_IN_DIGITS})(?!\w)",
    re.IGNORECASE,
)


def propose(text: str, now: datetime) -> LastMoment | None:
    """The first moment from `now` on that the text names; None for none.

    `now` is aware and in the zone in which days are meant. A day lasts until 23:59,
    unless the text says "until 18:00" as well. What lasts from one day to another ends
    with the other.
    """
    days = list(_days(text, now.date()))
    if not days and (found := _DAY_END.search(text)):
        days = [(found[0], now.date())]
    moments = [LastMoment(_at(text, day, now), word) for word, day in days]
    to_come = [moment for moment in moments if _in_utc(moment.at) > _in_utc(now)]
    return min(to_come, key=lambda moment: _in_utc(moment.at), default=None)


def _in_utc(at: datetime) -> datetime:
    # In one zone Python compares the hands of the clock, as if none were put back.
    return at.astimezone(UTC)


def _at(text: str, day: date, now: datetime) -> datetime:
    for found in _CLOCK.finditer(text):
        if clock := _clock(found):
            named = datetime.combine(day, clock, now.tzinfo)
            # Where the clock shows it twice, or jumps over it, the later is meant.
            named = max(named, named.replace(fold=1), key=_in_utc)
            if _in_utc(named) > _in_utc(now):
                return named
            break
    return datetime.combine(day, END, now.tzinfo)


def _clock(found: re.Match[str]) -> time | None:
    """The time of day; None for a number that is none, such as "5 minutes"."""
    minute, unit = found["minute"] or found["dotted"], (found["unit"] or "").lower()
    if minute is None and not unit:
        return None
    hour = int(found["hour"])
    if unit.endswith("m"):
        hour = hour % 12 + (12 if unit.startswith("p") else 0)
    if hour > 23 or int(minute or 0) > 59:
        return None
    return time(hour, int(minute or 0))


def _days(text: str, today: date) -> Iterator[tuple[str, date]]:
    """The days that the text names, each with its word, but for mere beginnings."""
    tomorrow, day_after = (today + timedelta(days=n) for n in (1, 2))
    near: list[tuple[re.Pattern[str], Callable[[re.Match[str]], date]]] = [
        (_TODAY, lambda _: today),
        (_TOMORROW, lambda _: tomorrow),
        (_DAY_AFTER, lambda _: day_after),
        (_WEEK, lambda _: today + timedelta(days=6 - today.weekday())),
        (_MONTH_END, lambda _: _last_of_month(today)),
        (_ON_WEEKDAY, lambda found: _next_weekday(found[1], today)),
    ]
    for pattern, day_of in near:
        for found in pattern.finditer(text):
            if not _BEGINS.search(text, 0, found.start()):
                yield found[0], day_of(found)
    dates: list[tuple[re.Pattern[str], Callable[[re.Match[str]], date | None]]] = [
        (_IN_WORDS, lambda found: _date(found[1], found[2], found[3], today)),
        (_IN_WORDS_US, lambda found: _date(found[2], found[1], found[3], today)),
        (_IN_DIGITS, lambda found: _date(found[1], found[2], found[3], today)),
        (_DAY_AND_MONTH, lambda found: _date(found[1], found[2], None, today)),
    ]
    for pattern, date_of in dates:
        for found in pattern.finditer(text):
            if not _GOES_ON.match(text, found.end()) and (day := date_of(found)):
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
        if any(re.fullmatch(one, name, re.IGNORECASE) for one in names)
    )
