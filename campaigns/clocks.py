"""The clocks of lines as they are now, for pages: what is stored may be older."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from campaigns.models import Campaign, LineClock
from chatapp.limiter import ACCOUNT_PAUSED

# A line this late is not late by chance: the sweep rings it every few seconds.
LATE = timedelta(seconds=20)


def read_clocks(line_ids: Collection[int], now: datetime) -> dict[int, LineClock]:
    """By line, of those that have one."""
    pause = account_pause(now)
    clocks = LineClock.objects.in_bulk(line_ids)
    return {pk: as_it_is(clock, pause, now) for pk, clock in clocks.items()}


def account_pause(now: datetime) -> LineClock | None:
    """The clock that tells of a pause that ChatApp asked of all lines."""
    told = LineClock.objects.filter(held_code=ACCOUNT_PAUSED, next_at__gt=now)
    pause = told.order_by("next_at").last()
    if pause is None or pause.held_at is None:
        return pause
    # What was claimed since shows that it is over: Redis may have forgotten it.
    has_gone_on = Campaign.objects.filter(served_at__gt=pause.held_at).exists()
    return None if has_gone_on else pause


def as_it_is(clock: LineClock, pause: LineClock | None, now: datetime) -> LineClock:
    """Changes what was read, never what is stored.

    A line learns of a pause of the account when it is to send next, and what held it
    back stays written until it sends again, which may be days later.
    """
    if pause is not None and clock.next_at < pause.next_at:
        clock.next_at = pause.next_at
        clock.held_code, clock.held_reason = pause.held_code, pause.held_reason
        clock.held_at, clock.held_since = pause.held_at, pause.held_since
    elif now - clock.next_at > LATE:
        clock.held_code = clock.held_reason = ""
        clock.held_at = clock.held_since = None
    return clock
