"""In which zone the owner of a phone lives, as far as the number tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from campaigns.rules import HOUSE, ZONE_MARK

# So many characters tell where a phone is, but for a few numbers that need more.
_TELLING, _MOST_TELLING = 7, 10
# Zones are put in order by what their clocks show then.
_A_DAY = datetime(2026, 1, 15, 12, tzinfo=UTC)


def zone_of(phone: str, *, house: str) -> str:
    """The zone of a phone in E.164, as `rules.may_send` reads it.

    `phonenumbers` knows zones by the number's first digits. A Russian mobile number may
    be at home in any of sixteen: where the house's own is among them it is taken, else
    the two outermost are. HOUSE also where nothing is known.
    """
    beginning = phone[:_TELLING]
    if beginning in _ambiguous():
        beginning = phone[:_MOST_TELLING]
    return _zone_of(beginning, len(phone), house)


@lru_cache(maxsize=1)
def _ambiguous() -> frozenset[str]:
    """Beginnings that are not enough."""
    from phonenumbers.tzdata import TIMEZONE_DATA

    keys = (f"+{digits}" for digits in TIMEZONE_DATA)
    return frozenset(key[:_TELLING] for key in keys if len(key) > _TELLING)


@lru_cache(maxsize=2**15)
def _zone_of(beginning: str, length: int, house: str) -> str:
    # Imported only where phones are read: it takes a while.
    from phonenumbers import NumberParseException, parse
    from phonenumbers.timezone import time_zones_for_number

    # What follows does not matter, but a number must have its length to be one.
    whole = beginning.ljust(length, "2")
    try:
        names = time_zones_for_number(parse(whole))
    except NumberParseException:
        return HOUSE
    if house in names:
        return HOUSE
    known = {name: offset for name in names if (offset := _offset(name)) is not None}
    if not known:
        return HOUSE
    ordered = sorted(known, key=lambda name: (known[name], name))
    first, last = ordered[0], ordered[-1]
    return first if known[first] == known[last] else f"{first}{ZONE_MARK}{last}"


def _offset(name: str) -> timedelta | None:
    """None for a zone that this computer's tables do not have."""
    try:
        return _A_DAY.astimezone(ZoneInfo(name)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):
        return None
