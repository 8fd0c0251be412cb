"""The hours of a line's days: what was sent, what is planned, and why nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Sum
from django.db.models.functions import Left

from campaigns.models import MinuteCount
from campaigns.plan import Plan
from campaigns.rules import (
    NOTHING_LEFT,
    Rules,
    Why,
    day_after,
    day_of,
    hour_after,
    hour_of,
    may_send,
)
from campaigns.spells import Spell, read_spells
from chatapp.models import Line

_TEN_MINUTES = len("2026-11-25 22:2")


@dataclass
class Hour:
    """What the clock on the wall of the house calls one hour of a day.

    `rests` is why the rules let nothing out in any part of it that is to come; `spells`
    are what was written down in the part that is past.
    """

    since: datetime
    until: datetime
    sent: int = 0
    failed: int = 0
    planned: int = 0
    of_draft: int = 0
    rests: Why | None = None
    spells: Sequence[Spell] = ()
    is_past: bool = False
    is_now: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.sent or self.failed or self.planned or self.of_draft)


@dataclass(frozen=True)
class Day:
    """A day of a line, hours 0 to 23; None where the clock has jumped over one.

    `cap` is the most that may leave on it, `step` that of the warm-up, from 0; where a
    day sends nothing the step stays.
    """

    day: date
    hours: Sequence[Hour | None]
    cap: int | None = None
    step: int | None = None

    @property
    def step_number(self) -> int:
        """The step as people count."""
        return (self.step or 0) + 1

    @property
    def sent(self) -> int:
        return sum(hour.sent for hour in self.hours if hour)

    @property
    def planned(self) -> int:
        return sum(hour.planned + hour.of_draft for hour in self.hours if hour)


def empty_day(day: date, rules: Rules) -> Day:
    hours: list[Hour | None] = [None] * 24
    noon = datetime.combine(day, time(12), rules.zone)
    at, end = day_of(noon, rules.zone), day_after(noon, rules.zone)
    while at < end:
        until = min(hour_after(at, rules.zone), end)
        number = at.astimezone(rules.zone).hour
        known = hours[number]
        if known is None:
            hours[number] = Hour(at, until)
        else:
            known.until = until  # clocks were put back, and it came twice
        at = until
    return Day(day, hours)


def count_past(
    line: Line, hours: Mapping[datetime, Hour], rules: Rules, now: datetime
) -> None:
    """By the index (campaign, kind, minute); both databases write a time alike."""
    since, until = min(hours), max(hour.until for hour in hours.values())
    if since > now:
        return
    found = (
        MinuteCount.objects.filter(
            campaign__line=line,
            kind__in=("sent", "failed"),
            minute__gte=since,
            minute__lt=until,
        )
        .order_by()
        .annotate(bucket=Left("minute", _TEN_MINUTES))
        .values_list("kind", "bucket")
        .annotate(sum=Sum("count"))
    )
    for kind, bucket, count in found:
        at = datetime.fromisoformat(f"{bucket}0").replace(tzinfo=UTC)
        if hour := _find(hours, at, rules):
            setattr(hour, kind, getattr(hour, kind) + count)


def explain_past(line: Line, hours: Mapping[datetime, Hour], now: datetime) -> None:
    ordered = sorted(hours.values(), key=lambda hour: hour.since)
    spells = read_spells(line.pk, ordered[0].since, min(ordered[-1].until, now))
    for hour in ordered:
        hour.is_past, hour.is_now = hour.until <= now, hour.since <= now < hour.until
        hour.spells = [
            replace(
                spell,
                since=max(spell.since, hour.since),
                until=min(spell.until, hour.until),
            )
            for spell in spells
            if spell.since < hour.until and spell.until > hour.since
        ]


def count_planned(
    plan: Plan | None,
    hours: Mapping[datetime, Hour],
    rules: Rules,
    now: datetime,
    place: int | None,
) -> None:
    end = max(hour.until for hour in hours.values())
    counts: dict[bool, Counter[datetime]] = {True: Counter(), False: Counter()}
    for run in plan.runs if plan else ():
        left, at = run.count, run.at
        while left and at < end:
            until = hour_after(at, rules.zone)
            fits = left
            if run.gap_s:
                room_s = (until - at).total_seconds()
                fits = min(left, max(-int(-room_s // run.gap_s), 1))
            counts[run.stint == place][hour_of(at, rules.zone)] += fits
            left -= fits
            at += timedelta(seconds=fits * run.gap_s)
    for of_draft, by_hour in counts.items():
        for at, count in by_hour.items():
            if hour := _find(hours, at, rules):
                name = "of_draft" if of_draft else "planned"
                setattr(hour, name, getattr(hour, name) + count)


def explain_future(
    plan: Plan | None, hours: Mapping[datetime, Hour], rules: Rules, now: datetime
) -> None:
    free = replace(rules, hour_cap=None, day_cap=None, warm_up=())
    for hour in hours.values():
        since = max(hour.since, now)
        if since >= hour.until or hour.planned or hour.of_draft:
            continue
        verdict = may_send(free, NOTHING_LEFT, since)
        if verdict.room == 0 and (verdict.until or hour.until) >= hour.until:
            hour.rests = verdict.why
        for rest in plan.rests if plan else ():
            if rest.since <= since and rest.until >= hour.until:
                hour.rests = hour.rests or rest.why


def _find(hours: Mapping[datetime, Hour], at: datetime, rules: Rules) -> Hour | None:
    since = hour_of(at, rules.zone)
    if since not in hours:  # the second of two hours with one name
        since -= timedelta(hours=1)
    found = hours.get(since)
    return found if found and at < found.until else None
