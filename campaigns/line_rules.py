"""The rules of lines as they are stored, and what has left by their clocks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Min, QuerySet

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns.models import Campaign, LineClock, LineRules, Message
from campaigns.rules import HOUSE, Rules, Tally, read_hours, write_hours
from campaigns.slices import may_leave
from campaigns.states import MessageStatus
from chatapp.models import Line

logger = logging.getLogger(__name__)


def rules_of(line_id: int) -> Rules:
    return rules_of_lines([line_id])[line_id]


def rules_of_lines(
    line_ids: Iterable[int], clocks: Mapping[int, LineClock] | None = None
) -> Mapping[int, Rules]:
    """By line; one that has never sent is to be warmed up, unless people said else.

    `clocks` are those of the lines, where they have been read already.
    """
    ids = set(line_ids)
    rows = LineRules.objects.in_bulk(ids)
    if clocks is None:
        clocks = LineClock.objects.in_bulk(ids - rows.keys())
    return {
        pk: _read(rows[pk])
        if pk in rows
        else Rules(_house(), warm_up=() if pk in clocks else tuple(settings.WARM_UP))
        for pk in ids
    }


def tally_of(clock: LineClock | None) -> Tally:
    if clock is None:
        return Tally()
    return Tally(
        clock.hour_at,
        clock.hour_count,
        clock.day_at,
        clock.day_count,
        clock.warm_days,
    )


def begin_warm_up(line_id: int) -> None:
    """Gives a line that sends for the first time its steps to climb."""
    if settings.WARM_UP:
        LineRules.objects.get_or_create(
            line_id=line_id, defaults={"warm_up": list(settings.WARM_UP)}
        )


class ChangedMeanwhile(Exception):
    """Somebody else has saved the rules since they were shown."""

    def __init__(self, by: str) -> None:
        self.by = by
        super().__init__(f"{by} has saved other rules")


def read_for_edit(*, line_id: int) -> tuple[Line, Rules, str]:
    """A line, its rules, and a mark of when they were saved last.

    Raises Line.DoesNotExist.
    """
    line = Line.objects.get(pk=line_id)
    return line, rules_of(line_id), _mark(LineRules.objects.filter(line=line).first())


@repeated
def save_rules(*, line_id: int, rules: Rules, seen: str, operator: str) -> None:
    """Stores a line's rules, which hold from its next message on.

    Raises ChangedMeanwhile unless `seen` is the mark of what is stored.
    """
    with transaction.atomic():
        # The line's row is held, because there may be no rules yet to be held.
        Line.objects.select_for_update().get(pk=line_id)
        stored = LineRules.objects.filter(line=line_id).first()
        if _mark(stored) != seen:
            raise ChangedMeanwhile(stored.edited_by if stored else "")
        now = orm_now()
        hours = rules.hours
        LineRules.objects.update_or_create(
            line_id=line_id,
            defaults={
                "windows": write_hours(hours),
                "days_off": sorted(day.isoformat() for day in hours.days_off),
                "in_recipients_zone": rules.in_recipients_zone,
                "hour_cap": rules.hour_cap,
                "day_cap": rules.day_cap,
                "warm_up": list(rules.warm_up),
                "edited_by": operator,
                "edited_at": now,
            },
        )
        wake(line_id, now)
        logger.info("%s saved the rules of line %s", operator, line_id)


def zones_waiting(campaign: Campaign, rules: Rules) -> list[str]:
    """In which zones recipients wait that it may send to, where that matters."""
    return _zones(may_leave(campaign)) if _go_by_zone(rules) else [HOUSE]


def count_zones(campaign: Campaign, rules: Rules) -> Mapping[str, int]:
    """How many wait in each zone; empty where it does not matter."""
    if not _go_by_zone(rules):
        return {}
    waiting = Message.objects.filter(campaign=campaign, status=MessageStatus.WAITING)
    if _zones(waiting) == [HOUSE]:
        return {}
    rows = waiting.order_by().values_list("zone").annotate(count=Count("pk"))
    return dict(rows)


def _go_by_zone(rules: Rules) -> bool:
    return rules.in_recipients_zone and rules.hours.are_limited


def _zones(waiting: QuerySet[Message]) -> list[str]:
    """Hops from zone to zone by the index (campaign, status, zone), as the ledger."""
    zones: list[str] = []
    while True:
        beyond = waiting.filter(zone__gt=zones[-1]) if zones else waiting
        found = beyond.aggregate(first=Min("zone"))["first"]
        if found is None:
            return zones or [HOUSE]
        zones.append(found)


def wake(line_id: int, now: datetime) -> None:
    """Lets a line that rests look anew at what its rules allow."""
    LineClock.objects.filter(line=line_id, is_resting=True).update(
        next_at=now, turn=F("turn") + 1, is_resting=False
    )


def _mark(stored: LineRules | None) -> str:
    edited_at = stored.edited_at if stored else None
    return edited_at.isoformat() if edited_at else ""


def _house() -> ZoneInfo:
    return ZoneInfo(settings.TIME_ZONE)


def _read(row: LineRules) -> Rules:
    return Rules(
        zone=_house(),
        hours=read_hours(row.windows, row.days_off),
        in_recipients_zone=row.in_recipients_zone,
        hour_cap=row.hour_cap,
        day_cap=row.day_cap,
        warm_up=tuple(row.warm_up),
    )
