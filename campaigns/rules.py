"""May a line send now, and if not, why and until when?

Pure; asked by the worker, the finish time and the pages alike. Caps count by the hours
and days of the house's zone, whatever zone the sending hours are meant in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.hours import (
    ALWAYS,
    LONGEST_REST,
    Hours,
    Stretch,
    Window,
    clock,
    meet_in_week,
    next_stretch,
)

HOUSE = ""  # the zone of who is at home with the house, or nobody knows where
ZONE_MARK = "|"


class Why(StrEnum):
    """Which rule lets a line rest."""

    DAY_OFF = "day_off"
    OUTSIDE_HOURS = "outside_hours"
    HOUR_CAP = "hour_cap"
    DAY_CAP = "day_cap"
    WARM_UP = "warm_up"


CAPS = frozenset({Why.HOUR_CAP, Why.DAY_CAP, Why.WARM_UP})


@dataclass(frozen=True)
class Rules:
    """When and how much a line may send; `zone` is the house's.

    `warm_up` is how many may leave on its first day of sending, its second, …
    """

    zone: ZoneInfo
    hours: Hours = ALWAYS
    in_recipients_zone: bool = False
    hour_cap: int | None = None
    day_cap: int | None = None
    warm_up: tuple[int, ...] = ()

    @property
    def are_limiting(self) -> bool:
        return bool(
            self.hours.are_limited or self.hour_cap or self.day_cap or self.warm_up
        )


NO_RULES = Rules(ZoneInfo("UTC"))


@dataclass(frozen=True)
class Tally:
    """What left in the hour and on the day that begin then.

    `warm_days` is on how many days the line has sent, that day included.
    """

    hour_at: datetime | None = None
    hour_count: int = 0
    day_at: datetime | None = None
    day_count: int = 0
    warm_days: int = 0

    def at(self, now: datetime, zone: ZoneInfo) -> Tally:
        """The same when it is `now`: what is over counts no more."""
        hour, day = hour_of(now, zone), day_of(now, zone)
        return replace(
            self,
            hour_at=hour,
            hour_count=self.hour_count if self.hour_at == hour else 0,
            day_at=day,
            day_count=self.day_count if self.day_at == day else 0,
        )

    def after(self, count: int, now: datetime, zone: ZoneInfo) -> Tally:
        """The same after so many have left at `now`."""
        then = self.at(now, zone)
        return replace(
            then,
            hour_count=then.hour_count + count,
            day_count=then.day_count + count,
            warm_days=self.warm_days + (self.day_at != then.day_at),
        )


NOTHING_LEFT = Tally()


@dataclass(frozen=True)
class Verdict:
    """How many may leave now: `room`, None for any number.

    Without room: `why` and `until` when, None where that never ends by itself. With
    it: the zones that are `awake`, and `open_until` when the next of them closes.
    """

    room: int | None
    why: Why | None = None
    until: datetime | None = None
    awake: tuple[str, ...] = (HOUSE,)
    open_until: datetime | None = None


def may_send(
    rules: Rules, tally: Tally, now: datetime, zones: Sequence[str] = (HOUSE,)
) -> Verdict:
    """The answer for a line at `now` with recipients in these zones.

    A zone is a name, or two with a bar between them where nobody knows which of them,
    or of those in between, it is.
    """
    if not rules.are_limiting:
        return Verdict(None, awake=tuple(zones))
    keys = tuple(zones) if rules.in_recipients_zone and zones else (HOUSE,)
    awake = {
        key: stretch.until
        for key in keys
        if (stretch := _open_from(rules, key, now)) and stretch.since <= now
    }
    if not awake:
        opens = _opens(rules, keys, now)
        while opens and room_of(rules, tally, opens) == 0:
            opens = _opens(rules, keys, _cap_ends(rules, tally, opens))
        return Verdict(0, _closed_because(rules, keys, now), opens)
    room = room_of(rules, tally, now)
    if room == 0:
        opens = _opens(rules, keys, _cap_ends(rules, tally, now))
        return Verdict(0, _full_because(rules, tally, now), opens)
    return Verdict(room, awake=tuple(awake), open_until=min(awake.values()))


def room_of(rules: Rules, tally: Tally, now: datetime) -> int | None:
    """How many more the caps let out in this hour and on this day; None for any."""
    then = tally.at(now, rules.zone)
    rooms = []
    if rules.hour_cap is not None:
        rooms.append(rules.hour_cap - then.hour_count)
    day_caps = [rules.day_cap, warm_up_cap(rules, tally, now)]
    rooms += [cap - then.day_count for cap in day_caps if cap is not None]
    return max(min(rooms), 0) if rooms else None


def warm_up_step(rules: Rules, tally: Tally, now: datetime) -> int | None:
    """The step of the warm-up that a line is on today, from 0; None when it is warm."""
    is_today = tally.day_at == day_of(now, rules.zone)
    step = max(tally.warm_days - is_today, 0)
    return step if step < len(rules.warm_up) else None


def warm_up_cap(rules: Rules, tally: Tally, now: datetime) -> int | None:
    step = warm_up_step(rules, tally, now)
    return None if step is None else rules.warm_up[step]


def hour_of(now: datetime, zone: ZoneInfo) -> datetime:
    """When the hour that it is by the clock on the wall has begun, in UTC."""
    local = now.astimezone(zone)
    passed = timedelta(
        minutes=local.minute, seconds=local.second, microseconds=local.microsecond
    )
    return now.astimezone(UTC) - passed


def hour_after(now: datetime, zone: ZoneInfo) -> datetime:
    """When the hour after this one begins, an hour later whatever clocks do."""
    return hour_of(now, zone) + timedelta(hours=1)


def day_of(now: datetime, zone: ZoneInfo) -> datetime:
    """When the day that it is by the clock on the wall has begun, in UTC."""
    return _midnight(now.astimezone(zone).date(), zone)


def day_after(now: datetime, zone: ZoneInfo) -> datetime:
    """When the next day begins."""
    return _midnight(now.astimezone(zone).date() + timedelta(days=1), zone)


def read_hours(windows: Any, days_off: Sequence[str]) -> Hours:
    """Hours from what `LineRules` stores."""
    return Hours(
        None
        if windows is None
        else tuple(
            tuple(Window(_minutes(opens), _minutes(closes)) for opens, closes in day)
            for day in windows
        ),
        frozenset(date.fromisoformat(day) for day in days_off),
    )


def write_hours(hours: Hours) -> list[list[list[str]]] | None:
    """The windows as `LineRules` stores them."""
    if hours.windows is None:
        return None
    return [
        [[clock(window.opens), clock(window.closes)] for window in day]
        for day in hours.windows
    ]


def zones_of(rules: Rules, key: str, at: datetime) -> tuple[ZoneInfo, ...]:
    """The zones that must all be open for a recipient.

    Between the two outermost zones of a wide country no hour may be open in both: in a
    week without one it is the house's zone.
    """
    if not key:
        return (rules.zone,)
    zones = tuple(_zone(name) for name in key.split(ZONE_MARK))
    meet = meet_in_week(rules.hours, zones, _monday(at, rules.zone))
    return zones if meet else (rules.zone,)


def _open_from(rules: Rules, key: str, at: datetime) -> Stretch | None:
    """The first stretch from `at` on, within a week where weeks may differ."""
    if ZONE_MARK not in key:
        return next_stretch(rules.hours, zones_of(rules, key, at), at)
    since = at
    while since - at < LONGEST_REST:
        next_monday = _monday(since, rules.zone) + timedelta(days=7)
        ends = _midnight(next_monday, rules.zone)
        found = next_stretch(rules.hours, zones_of(rules, key, since), since)
        if found and found.since < ends:
            return Stretch(found.since, min(found.until, ends))
        since = ends
    return None


def _monday(at: datetime, zone: ZoneInfo) -> date:
    """That of the week that it is."""
    today = at.astimezone(zone).date()
    return today - timedelta(days=today.weekday())


def _opens(rules: Rules, keys: Sequence[str], at: datetime) -> datetime | None:
    """The first moment, from `at` on, at which one of the zones is open."""
    stretches = [_open_from(rules, key, at) for key in keys]
    return min((s.since for s in stretches if s is not None), default=None)


def _closed_because(rules: Rules, keys: Sequence[str], now: datetime) -> Why:
    zones = zones_of(rules, keys[0], now)
    is_off = any(now.astimezone(z).date() in rules.hours.days_off for z in zones)
    return Why.DAY_OFF if is_off else Why.OUTSIDE_HOURS


def _cap_ends(rules: Rules, tally: Tally, now: datetime) -> datetime:
    """When the cap that is reached counts anew."""
    is_hours = _full_because(rules, tally, now) is Why.HOUR_CAP
    return hour_after(now, rules.zone) if is_hours else day_after(now, rules.zone)


def _full_because(rules: Rules, tally: Tally, now: datetime) -> Why:
    """The cap that holds longest: a day's outlasts an hour's."""
    then = tally.at(now, rules.zone)
    step = warm_up_cap(rules, tally, now)
    if step is not None and then.day_count >= step:
        return Why.WARM_UP
    if rules.day_cap is not None and then.day_count >= rules.day_cap:
        return Why.DAY_CAP
    return Why.HOUR_CAP


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a date begins, in UTC."""
    at = datetime.combine(day, time(), zone)
    sides = sorted([at.astimezone(UTC), at.replace(fold=1).astimezone(UTC)])
    # A midnight that the clock jumps over is still the day before on one side.
    return next((t for t in sides if t.astimezone(zone).date() >= day), sides[-1])


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
