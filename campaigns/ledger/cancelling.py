"""Cancels what waits, in two statements whatever the length of the list."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from campaigns.history import EventKind
from campaigns.ledger.statements import EVENT_COLUMNS, EVENTS, MESSAGES
from campaigns.states import MessageStatus


def cancel_waiting(campaign_id: int, now: datetime) -> None:
    """Cancels a campaign's waiting messages; hold the campaign's row before."""
    at = connection.ops.adapt_datetimefield_value(now)
    waiting = (campaign_id, MessageStatus.WAITING)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {EVENTS} ({', '.join(EVENT_COLUMNS)})"
            f" SELECT id, attempt, %s, %s, %s, 1, %s FROM {MESSAGES}"
            f" WHERE campaign_id = %s AND status = %s",
            (EventKind.CANCELLED, at, at, "{}", *waiting),
        )
        cursor.execute(
            f"UPDATE {MESSAGES} SET status = %s WHERE campaign_id = %s AND status = %s",
            (MessageStatus.CANCELLED, *waiting),
        )
