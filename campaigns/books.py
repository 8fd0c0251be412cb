"""The books: what is counted from the rows, and the counters mended by it."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Count

from asgi_app.database import orm_now
from asgi_app.subjects import about
from campaigns.models import Action, Campaign, Message
from campaigns.states import MessageStatus

logger = logging.getLogger(__name__)

COUNTED_AT_LEAST = timedelta(days=1)
MOST_AT_ONCE = 20
_STATUSES = [str(status) for status in MessageStatus]


def keep_books() -> int:
    """Recounts campaigns whose books are not up to date; returns how many.

    Rows and counters change together, so books that say what the counters say need no
    counting; once a day they are counted all the same. The oldest books come first.
    """
    due_before = orm_now() - COUNTED_AT_LEAST
    columns = Campaign.objects.filter(started_at__isnull=False).values_list(
        "pk", "books_at", "books", *_STATUSES
    )
    stale = []
    for pk, books_at, books, *counters in columns.iterator():
        if (
            books_at is None
            or books_at < due_before
            or books["counts"] != dict(zip(_STATUSES, counters, strict=True))
        ):
            stale.append((books_at is not None, books_at, pk))
    chosen = sorted(stale)[:MOST_AT_ONCE]
    for *_, pk in chosen:
        recount(pk)
    return len(chosen)


def recount(campaign_id: int) -> None:
    """Counts a campaign's rows, stores the books, and mends counters that differ."""
    with transaction.atomic():
        campaign = Campaign.objects.held(campaign_id)
        now = orm_now()
        counts = count_rows(campaign_id)
        total = sum(counts.values())
        repaired = {
            status: [getattr(campaign, status), counts[status]]
            for status in counts
            if getattr(campaign, status) != counts[status]
        }
        columns: dict[str, object] = {
            "books": {"counts": counts, "repaired": repaired or None},
            "books_at": now,
        }
        if repaired or campaign.total != total:
            with about(campaign=campaign_id):
                logger.error(
                    "the counters differed from the rows: %s, total %s of %s",
                    *(repaired, campaign.total, total),
                )
            columns |= {**counts, "total": total}
            Action.objects.create(
                campaign=campaign, verb="recounted", operator="program", at=now
            )
        Campaign.objects.by_id(campaign_id).update(**columns)


def count_rows(campaign_id: int) -> dict[str, int]:
    """How many of a campaign's messages have each status."""
    rows = (
        Message.objects.filter(campaign_id=campaign_id)
        .order_by()
        .values_list("status")
        .annotate(count=Count("pk"))
    )
    found = dict(rows)
    return {status: found.get(status, 0) for status in _STATUSES}
