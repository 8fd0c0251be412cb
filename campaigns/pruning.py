"""Removes what is old, and with it the personal data that nobody needs any more.

Never what is unsure, waiting or claimed, never a draft, never the stop list. Books
that stay still balance: a campaign goes whole or not at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.models import (
    Action,
    Campaign,
    FailedJob,
    GoneId,
    LineSpell,
    Message,
    MinuteCount,
    ShelvedStatus,
    WorkerBeat,
    Writer,
)
from campaigns.removal import delete_campaign, remove_some
from campaigns.services import NotPossibleNow
from campaigns.states import CampaignStatus
from chatapp.models import TokenRequest

CHUNK = 500
# SQLite has one writer, and whoever asks at once again is first again.
BREATH_S = 0.02

# By what they are called: rows that go by their age alone.
AGED: Mapping[str, Callable[[datetime], QuerySet[Any]]] = {
    "statuses that were not ours": lambda before: ShelvedStatus.objects.filter(
        is_not_ours=True, arrived_at__lt=before
    ),
    "people who wrote": lambda before: Writer.objects.filter(last_at__lt=before),
    "pages of the lines' diaries": lambda before: LineSpell.objects.filter(
        until__lt=before
    ),
    "failed jobs": lambda before: FailedJob.objects.filter(at__lt=before),
    "workers": lambda before: WorkerBeat.objects.filter(beat_at__lt=before),
    "token requests": lambda before: TokenRequest.objects.filter(at__lt=before),
    "hashes of what was removed": lambda before: GoneId.objects.filter(
        gone_at__lt=before
    ),
}


def old_campaigns(before: datetime) -> list[int]:
    """Finished and cancelled ones in which nothing moved since, by id.

    One goes together with its texts to one's own phone, so it waits for the youngest.
    """
    moved = MinuteCount.objects.filter(campaign=OuterRef("pk"), minute__gte=before)
    touched = Action.objects.filter(campaign=OuterRef("pk"), at__gte=before)
    ended = Q(started_at__isnull=False) | Q(status=CampaignStatus.CANCELLED)
    still = (
        Campaign.objects.filter(ended, waiting=0, claimed=0, unsure=0)
        .filter(created_at__lt=before)
        .exclude(started_at__gte=before)
        .exclude(served_at__gte=before)
        .filter(~Exists(moved), ~Exists(touched))
    )
    found = set(still.order_by("pk").values_list("pk", flat=True))
    younger = Campaign.objects.exclude(pk__in=still.values("pk")).filter(
        trial_of__isnull=False
    )
    return sorted(found.difference(younger.values_list("trial_of", flat=True)))


def count(before: datetime) -> dict[str, int]:
    """How much there is to remove, by what it is called."""
    campaigns = old_campaigns(before)
    messages = sum(
        Message.objects.filter(campaign__in=campaigns[start : start + CHUNK]).count()
        for start in range(0, len(campaigns), CHUNK)
    )
    aged = {name: rows(before).count() for name, rows in AGED.items()}
    files = sum(1 for _ in _old_files(before))
    return {
        "campaigns": len(campaigns),
        "messages": messages,
        **aged,
        "files of refused callbacks": files,
    }


def prune(before: datetime, seen: Callable[[int], object] = lambda n: None) -> None:
    """Removes it in short transactions; `seen` hears of each one's length.

    Cut off, it goes on when called again; what was deleted by people goes as well.
    """
    for campaign_id in old_campaigns(before):
        _delete(campaign_id)
    while remove_some():
        seen(1)
        time.sleep(BREATH_S)
    for rows in AGED.values():
        _remove(rows(before), seen)
    for path in _old_files(before):
        path.unlink(missing_ok=True)


def _delete(campaign_id: int) -> None:
    try:
        delete_campaign(campaign_id=campaign_id, operator="manage.py prune")
    except (Campaign.DoesNotExist, NotPossibleNow):
        # Gone with the one whose trial it was, or at work again by now.
        return


def _remove(rows: QuerySet[Any], seen: Callable[[int], object]) -> None:
    last: Any = None
    while True:
        page = rows if last is None else rows.filter(pk__gt=last)
        with transaction.atomic():
            ids = list(page.order_by("pk").values_list("pk", flat=True)[:CHUNK])
            # As it is now: whoever wrote again meanwhile stays.
            rows.filter(pk__in=ids).delete()
        if not ids:
            return
        last = ids[-1]
        seen(len(ids))
        time.sleep(BREATH_S)


def _old_files(before: datetime) -> Iterator[Path]:
    """What was spooled and could never be stored."""
    folder: Path = settings.SPOOL_DIR / "refused"
    for path in sorted(folder.glob("*")):
        if path.is_file() and path.stat().st_mtime < before.timestamp():
            yield path
