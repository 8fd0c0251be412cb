"""Times as pages write them, in their language and in the zone of TIME_ZONE."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language


def in_full(at: datetime) -> str:
    """The date with the time to the second."""
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def in_short(at: datetime) -> str:
    """The time of day to the second, with the day unless it is today."""
    local = timezone.localtime(at)
    # TIME_FORMAT of `formats`, as every language here has it.
    time = f"{local:%H:%M:%S}"
    if local.date() == timezone.localdate():
        return time
    return f"{_month_day(local.date(), get_language())}, {time}"


@lru_cache(maxsize=1024)
def _month_day(day: date, _language: str | None) -> str:
    return date_format(day, "MONTH_DAY_FORMAT")


def weekday(at: datetime) -> str:
    """The day of the week in short, as it stands within a sentence."""
    name = date_format(timezone.localtime(at), "D")
    # Django gives it as it begins a sentence; Russian has no capital there.
    return name.lower() if get_language() == "ru" else name
