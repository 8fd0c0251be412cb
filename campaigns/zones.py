"""In which zone the owner of a phone lives, as far as the number tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from campaigns.rules import HOUSE, ZONE_MARK

# So many characters tell where a phone is, but for a few numbers that need more.
_TELLING, _MOST_TELLING = 7, 10
# What clocks show is compared in each month: summer time is not had everywhere.
_MONTHS = [datetime(2026, month, 15, 12, tzinfo=UTC) for month in range(1, 13)]
# `phonenumbers` has no Kaliningrad; Bucharest is like it, but in summer.
_RUSSIA, _LIKE_KALININGRAD = 7, "Europe/Bucharest"

_Clock = tuple[timedelta, ...]


def zone_of(phone: str, *, house: str) -> str:
    """The zone of a phone in E.164, as `rules.may_send` reads it.

    `phonenumbers` knows zones by the number's first digits. A Russian mobile number may
    be at home in any of sixteen: where one of them has the house's clock that is taken,
    else the two outermost are. HOUSE also where nothing is known.
    """
    beginning = phone[:_TELLING]
    if beginning in _ambiguous():
        beginning = phone[:_MOST_TELLING]
    # What follows does not matter, but a number must have its length to be one. Where
    # the made-up one is none, the phone itself is asked.
    alike = _names(beginning.ljust(len(phone), "2"))
    return _choose(alike or _names(phone), house)


@lru_cache(maxsize=1)
def _ambiguous() -> frozenset[str]:
    """Beginnings that are not enough."""
    from phonenumbers.tzdata import TIMEZONE_DATA

    keys = (f"+{digits}" for digits in TIMEZONE_DATA)
    return frozenset(key[:_TELLING] for key in keys if len(key) > _TELLING)


@lru_cache(maxsize=2**15)
def _names(phone: str) -> tuple[str, ...]:
    """The zones in which its owner may live; none where that is not known."""
    # Imported only where phones are read: it takes a while.
    from phonenumbers import NumberParseException, parse
    from phonenumbers.timezone import time_zones_for_number

    try:
        number = parse(phone)
    except NumberParseException:
        return ()
    names = (
        "Europe/Kaliningrad"
        if name == _LIKE_KALININGRAD and number.country_code == _RUSSIA
        else name
        for name in time_zones_for_number(number)
    )
    return tuple(name for name in names if _clock(name))


@lru_cache(maxsize=2**12)
def _choose(names: tuple[str, ...], house: str) -> str:
    known = {name: clock for name in names if (clock := _clock(name))}
    if not known or house in known or _clock(house) in known.values():
        return HOUSE
    ordered = sorted(known, key=lambda name: (sum(known[name], timedelta()), name))
    first, last = ordered[0], ordered[-1]
    return first if known[first] == known[last] else f"{first}{ZONE_MARK}{last}"


@lru_cache(maxsize=2**10)
def _clock(name: str) -> _Clock | None:
    """None for a zone that this computer's tables do not have."""
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None
    return tuple(at.astimezone(zone).utcoffset() or timedelta() for at in _MONTHS)
