"""To whom a line has written that never answered, and who was written to lately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from asgi_app.database import as_time
from campaigns.ledger.statements import CAMPAIGNS, MESSAGES, WRITERS, marks
from campaigns.models import CallbackCount, Campaign
from campaigns.states import TAKEN, MessageStatus

# WhatsApp counts those who did not answer over a month.
A_MONTH = timedelta(days=30)
# Counted to here; beyond it "more than".
COUNTED = 10_000
# Rows of a draft that are looked at; of a longer list the rest is estimated.
LOOKED_AT = 2_000
LATELY_LOOKED_AT = 20_000
SHOWN = 100

_TAKEN = sorted(TAKEN)
_WROTE = (
    f"EXISTS (SELECT 1 FROM {WRITERS} w WHERE w.line_id = %s AND w.phone = m.phone)"
)


@dataclass(frozen=True)
class Strangers:
    """People who got a message on a line in the last 30 days and never wrote to it.

    `is_more` than that is not counted; without incoming callbacks it `is_upper_bound`.
    """

    count: int
    is_more: bool
    is_upper_bound: bool


@dataclass(frozen=True)
class NewStrangers:
    """How many a draft adds to them; of a long list `is_about` is estimated."""

    count: int
    is_about: bool
    is_upper_bound: bool


@dataclass(frozen=True)
class Lately:
    """How many of a draft got another campaign lately, and when the last of them."""

    campaign: Campaign
    count: int
    last_at: datetime


def count_strangers(line_id: int, now: datetime) -> Strangers:
    """By the index (campaign, answered_at); no more than COUNTED + 1 are read."""
    rows = _fetch(
        f"SELECT COUNT(*) FROM (SELECT DISTINCT m.phone FROM {CAMPAIGNS} c"
        f" JOIN {MESSAGES} m ON m.campaign_id = c.id"
        f" WHERE c.line_id = %s AND m.answered_at > %s"
        f" AND m.status IN ({marks(_TAKEN)}) AND NOT {_WROTE}"
        f" LIMIT {COUNTED + 1}) s",
        [line_id, now - A_MONTH, *_TAKEN, line_id],
    )
    count = rows[0][0]
    return Strangers(min(count, COUNTED), count > COUNTED, _hears_nobody(now))


def count_new_strangers(draft: Campaign, now: datetime) -> NewStrangers:
    """Who of a draft neither wrote to its line nor got a message of it lately.

    By the index (phone); of a list longer than LOOKED_AT the first are a sample.
    """
    since = now - A_MONTH
    rows = _fetch(
        f"SELECT COUNT(*) FROM (SELECT m.phone FROM {MESSAGES} m"
        f" WHERE m.campaign_id = %s AND m.status = %s ORDER BY m.id"
        f" LIMIT {LOOKED_AT}) m WHERE NOT {_WROTE} AND NOT EXISTS"
        f" (SELECT 1 FROM {MESSAGES} e JOIN {CAMPAIGNS} c ON c.id = e.campaign_id"
        f" WHERE e.phone = m.phone AND c.line_id = %s AND e.answered_at > %s"
        f" AND e.status IN ({marks(_TAKEN)}))",
        [
            draft.pk,
            MessageStatus.WAITING,
            draft.line_id,
            draft.line_id,
            since,
            *_TAKEN,
        ],
    )
    found, is_about = rows[0][0], draft.waiting > LOOKED_AT
    if is_about:
        found = round(found * draft.waiting / LOOKED_AT)
    return NewStrangers(found, is_about, _hears_nobody(now))


def read_lately(draft: Campaign, now: datetime) -> list[Lately]:
    """The campaigns that people of a draft got within the cooling-off time.

    By the index (phone); of a long list the first LATELY_LOOKED_AT are looked at.
    """
    if not settings.COOLING_OFF_DAYS:
        return []
    rows = _fetch(
        f"SELECT e.campaign_id, COUNT(*), MAX(e.answered_at) FROM (SELECT m.phone"
        f" FROM {MESSAGES} m WHERE m.campaign_id = %s AND m.status = %s ORDER BY m.id"
        f" LIMIT {LATELY_LOOKED_AT}) d JOIN {MESSAGES} e ON e.phone = d.phone"
        f" WHERE e.campaign_id <> %s AND e.answered_at > %s"
        f" AND e.status IN ({marks(_TAKEN)}) GROUP BY e.campaign_id",
        [
            draft.pk,
            MessageStatus.WAITING,
            draft.pk,
            cooling_off_since(now),
            *_TAKEN,
        ],
    )
    ids = [campaign_id for campaign_id, *_ in rows]
    # A test to one's own phone is no campaign.
    campaigns = Campaign.objects.filter(
        pk__in=ids, trial_of__isnull=True, is_line_test=False
    ).in_bulk()
    found = [
        Lately(campaigns[pk], count, _as_time(last_at))
        for pk, count, last_at in rows
        if pk in campaigns
    ]
    return sorted(found, key=lambda lately: lately.last_at, reverse=True)


def phones_of(
    draft: Campaign, of: Sequence[int], now: datetime, most: int
) -> list[str]:
    """The first phones of a draft that got one of these campaigns lately."""
    if not of:
        return []
    rows = _fetch(
        f"SELECT DISTINCT m.phone FROM {MESSAGES} m JOIN {MESSAGES} e"
        f" ON e.phone = m.phone WHERE m.campaign_id = %s AND m.status = %s"
        f" AND e.campaign_id IN ({marks(of)}) AND e.answered_at > %s"
        f" AND e.status IN ({marks(_TAKEN)}) ORDER BY m.phone LIMIT {int(most)}",
        [
            draft.pk,
            MessageStatus.WAITING,
            *of,
            cooling_off_since(now),
            *_TAKEN,
        ],
    )
    return [phone for (phone,) in rows]


def cooling_off_since(now: datetime) -> datetime:
    days: int = settings.COOLING_OFF_DAYS
    return now - timedelta(days=days)


def _hears_nobody(now: datetime) -> bool:
    """Whether no incoming message was told in the time that counts."""
    heard = CallbackCount.objects.filter(kind="message_in", last_at__gt=now - A_MONTH)
    return not heard.exists()


def _fetch(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    adapt = connection.ops.adapt_datetimefield_value
    adapted = [adapt(v) if isinstance(v, datetime) else v for v in params]
    with connection.cursor() as cursor:
        cursor.execute(sql, adapted)
        return list(cursor.fetchall())


def _as_time(value: Any) -> datetime:
    time: datetime | None = as_time(value)
    assert time is not None
    return time
