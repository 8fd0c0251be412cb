"""Sending hours: windows by weekday and days off, as stretches of time in UTC.

Pure. Where clocks are put forward or back a window opens late and closes early, rather
than let a message out that the clock on the wall forbids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY_MINUTES = 24 * 60
# Hours that do not open for so long open never.
LONGEST_REST = timedelta(days=400)
# What is open without a break is told as far as this.
FAR = timedelta(days=8)
_DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Window:
    """A part of a day, in minutes from its midnight; `closes` may be 24:00."""

    opens: int
    closes: int

    def __str__(self) -> str:
        return f"{clock(self.opens)}–{clock(self.closes)}"


@dataclass(frozen=True)
class Hours:
    """When sending is allowed, by the clock on the wall of a zone.

    `windows` are those of each weekday, from Monday on; None allows every hour.
    """

    windows: tuple[tuple[Window, ...], ...] | None = None
    days_off: frozenset[date] = frozenset()

    @property
    def are_limited(self) -> bool:
        return self.windows is not None or bool(self.days_off)

    def of_day(self, day: date) -> Sequence[Window]:
        if day in self.days_off:
            return ()
        if self.windows is None:
            return (Window(0, DAY_MINUTES),)
        return self.windows[day.weekday()]


@dataclass(frozen=True)
class Stretch:
    """Time without a break: from `since` on, up to but not including `until`."""

    since: datetime
    until: datetime


ALWAYS = Hours()


def clock(minutes: int) -> str:
    """Minutes from midnight as "09:30"; 1440 as "24:00"."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def next_stretch(
    hours: Hours, zones: Sequence[ZoneInfo], at: datetime
) -> Stretch | None:
    """The first stretch that is open in all zones and not over at `at`.

    It begins at `at` if that lies within it. None where there is none to come.
    """
    if not hours.are_limited:
        return Stretch(at, at + FAR)
    for stretch in _open_in_all(hours, tuple(zones), at):
        if stretch.until > at:
            return Stretch(max(stretch.since, at), stretch.until)
    return None


@lru_cache(maxsize=1024)
def meet_in_week(hours: Hours, zones: tuple[ZoneInfo, ...], monday: date) -> bool:
    """Whether any moment of a week is open in all zones at once, days off aside."""
    weekly = Hours(hours.windows)
    return len(zones) < 2 or any(
        _shared(weekly, zones, monday + number * _DAY) for number in range(7)
    )


def _open_in_all(
    hours: Hours, zones: tuple[ZoneInfo, ...], at: datetime
) -> Iterator[Stretch]:
    """Stretches from `at` on, those that touch made one, a day's worth at a time."""
    # A day of the first zone begins up to a day before it does elsewhere.
    day = at.astimezone(zones[0]).date() - _DAY
    last = day + LONGEST_REST
    open_now: Stretch | None = None
    while day <= last:
        for stretch in _shared(hours, zones, day):
            if open_now and stretch.since <= open_now.until:
                open_now = Stretch(open_now.since, max(open_now.until, stretch.until))
                continue
            if open_now:
                yield open_now
            open_now = stretch
        if open_now and open_now.until - at > FAR:
            break
        day += _DAY
    if open_now:
        yield open_now


@lru_cache(maxsize=4096)
def _shared(
    hours: Hours, zones: tuple[ZoneInfo, ...], day: date
) -> tuple[Stretch, ...]:
    """What is open in all zones within a day of the first, and only there."""
    first, *others = zones
    shared = _of_day(hours, first, day)
    for zone in others:
        near = [
            stretch
            for number in (-1, 0, 1)
            for stretch in _of_day(hours, zone, day + number * _DAY)
        ]
        shared = tuple(
            Stretch(max(a.since, b.since), min(a.until, b.until))
            for a in shared
            for b in near
            if max(a.since, b.since) < min(a.until, b.until)
        )
    return tuple(sorted(shared, key=lambda stretch: stretch.since))


def _of_day(hours: Hours, zone: ZoneInfo, day: date) -> tuple[Stretch, ...]:
    stretches = []
    for window in hours.of_day(day):
        # At a time that comes twice, or never, the clock may show either side.
        since = max(_moments(day, window.opens, zone))
        until = min(_moments(day, window.closes, zone))
        if since < until:
            stretches.append(Stretch(since, until))
    return tuple(stretches)


def _moments(day: date, minutes: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    days, left = divmod(minutes, DAY_MINUTES)
    at = datetime.combine(day + days * _DAY, time(left // 60, left % 60), zone)
    return at.astimezone(UTC), at.replace(fold=1).astimezone(UTC)
