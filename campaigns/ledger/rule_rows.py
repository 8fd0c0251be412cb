"""Reads the rules of a line, and what has left by them, from rows of SQL."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from asgi_app.database import as_time
from campaigns.rules import Rules, Tally, read_hours


def read_tally(
    hour_at: Any, hour_count: int, day_at: Any, day_count: int, warm_days: int
) -> Tally:
    return Tally(as_time(hour_at), hour_count, as_time(day_at), day_count, warm_days)


def read_rules(
    line_id: int | None,
    windows: str | None,
    days_off: str,
    in_recipients_zone: Any,
    hour_cap: int | None,
    day_cap: int | None,
    warm_up: str,
) -> Rules:
    house = ZoneInfo(settings.TIME_ZONE)
    if line_id is None:
        return Rules(house)
    return Rules(
        zone=house,
        hours=read_hours(json.loads(windows or "null"), json.loads(days_off)),
        in_recipients_zone=bool(in_recipients_zone),
        hour_cap=hour_cap,
        day_cap=day_cap,
        warm_up=tuple(json.loads(warm_up)),
    )
