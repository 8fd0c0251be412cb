"""The books: counted from the rows, and every invariant that they must keep."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Q

from asgi_app.database import orm_now
from campaigns.history import EventKind, Standing, fold
from campaigns.models import (
    Action,
    CallbackCount,
    Campaign,
    EarlierAttempt,
    Event,
    Message,
)
from campaigns.states import TAKEN, CampaignStatus, MessageStatus

logger = logging.getLogger(__name__)

PAGE = 500
EXAMPLES = 5
# The sweep comes every few seconds; a claim that is older was overlooked.
OVERLOOKED = timedelta(minutes=2)
# Campaigns whose rows may have changed since their books were counted.
LATELY = timedelta(minutes=15)
COUNTED_AT_LEAST = timedelta(days=1)
MOST_AT_ONCE = 20


@dataclass(frozen=True)
class Fault:
    """A broken invariant of a campaign, with the messages that break it."""

    campaign_id: int
    what: str
    count: int
    examples: tuple[int, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.examples))
        where = f" (messages {shown}{' …' if self.count > EXAMPLES else ''})"
        return f"campaign {self.campaign_id}: {self.what}: {self.count}" + (
            where if shown else ""
        )


def keep_books() -> int:
    """Recounts the campaigns that may have changed; returns how many."""
    now = orm_now()
    heard = CallbackCount.objects.filter(last_at__gt=now - LATELY).exists()
    changed = Q(books_at=None) | Q(served_at__gt=F("books_at"))
    if heard:
        changed |= Q(unsure__gt=0) | Q(served_at__gt=now - COUNTED_AT_LEAST)
    changed |= Q(claimed__gt=0) | Q(books_at__lt=now - COUNTED_AT_LEAST)
    started = Campaign.objects.filter(changed, started_at__isnull=False)
    ids = list(
        started.order_by(F("books_at").asc(nulls_first=True), "pk").values_list(
            "pk", flat=True
        )[:MOST_AT_ONCE]
    )
    for pk in ids:
        recount(pk)
    return len(ids)


def recount(campaign_id: int) -> None:
    """Counts a campaign's rows, stores the books, and mends counters that differ."""
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
        now = orm_now()
        counts = _count(campaign_id)
        repaired = {
            status: [getattr(campaign, status), counts[status]]
            for status in counts
            if getattr(campaign, status) != counts[status]
        }
        columns: dict[str, object] = {
            "books": {"counts": counts, "repaired": repaired or None},
            "books_at": now,
        }
        if repaired:
            logger.error("campaign %s: counters differed: %s", campaign_id, repaired)
            columns |= {status: is_now for status, (_, is_now) in repaired.items()}
            columns["total"] = sum(counts.values())
            Action.objects.create(
                campaign=campaign, verb="recounted", operator="program", at=now
            )
        Campaign.objects.filter(pk=campaign_id).update(**columns)


def audit(campaign_id: int | None = None) -> Iterator[Fault]:
    """Checks every invariant, campaign by campaign; changes nothing."""
    campaigns = Campaign.objects.order_by("pk")
    if campaign_id is not None:
        campaigns = campaigns.filter(pk=campaign_id)
    for pk in campaigns.values_list("pk", flat=True):
        # One moment of it: whoever changes messages holds their campaign's row.
        with transaction.atomic():
            campaign = Campaign.objects.select_for_update().get(pk=pk)
            faults = list(_faults(campaign, orm_now()))
        yield from faults


def _count(campaign_id: int) -> dict[str, int]:
    rows = (
        Message.objects.filter(campaign_id=campaign_id)
        .order_by()
        .values_list("status")
        .annotate(count=Count("pk"))
    )
    found = dict(rows)
    return {str(status): found.get(str(status), 0) for status in MessageStatus}


def _faults(campaign: Campaign, now: datetime) -> Iterator[Fault]:
    counts = _count(campaign.pk)
    for status, count in counts.items():
        if getattr(campaign, status) != count:
            what = f"counter “{status}” says {getattr(campaign, status)}, rows"
            yield Fault(campaign.pk, what, count)
    if campaign.total != sum(counts.values()):
        yield Fault(campaign.pk, "the total differs from the rows", campaign.total)
    rows = Message.objects.filter(campaign=campaign)
    overlooked = rows.filter(
        status=MessageStatus.CLAIMED, claim_deadline__lt=now - OVERLOOKED
    )
    without_id = rows.filter(status__in=TAKEN, message_id=None).exclude(
        earlier_attempts__message_id__isnull=False
    )
    waiting = rows.filter(status=MessageStatus.WAITING)
    for what, found in (
        ("claims past their deadline", overlooked),
        ("accepted messages without an id", without_id),
        (
            "waiting in a cancelled campaign",
            waiting if campaign.status == CampaignStatus.CANCELLED else rows.none(),
        ),
    ):
        if ids := list(found.order_by("pk").values_list("pk", flat=True)[: 10 * PAGE]):
            yield Fault(campaign.pk, what, len(ids), tuple(ids[:EXAMPLES]))
    yield from _history_faults(campaign)


def _history_faults(campaign: Campaign) -> Iterator[Fault]:
    """Messages that are not what their history says, and attempts that are missing."""
    unlike: list[int] = []
    missing: list[int] = []
    last = 0
    rows = Message.objects.filter(campaign=campaign).order_by("pk")
    while page := list(
        rows.filter(pk__gt=last).values_list("pk", "status", "attempt")[:PAGE]
    ):
        ids = [pk for pk, *_ in page]
        last = ids[-1]
        standings = _fold(ids)
        earlier = dict(
            EarlierAttempt.objects.filter(of__in=ids)
            .values_list("of")
            .annotate(count=Count("pk"))
        )
        for pk, status, attempt in page:
            standing = standings.get(pk, Standing())
            if (standing.status, standing.attempt) != (status, attempt):
                unlike.append(pk)
            if earlier.get(pk, 0) != attempt - 1:
                missing.append(pk)
    for what, found in (
        ("messages unlike their history", unlike),
        ("messages whose earlier attempts are missing", missing),
    ):
        if found:
            yield Fault(campaign.pk, what, len(found), tuple(found[:EXAMPLES]))


def _fold(ids: list[int]) -> dict[int, Standing]:
    events: dict[int, list[tuple[EventKind, int]]] = {}
    rows = Event.objects.filter(message__in=ids).order_by("pk")
    for pk, kind, attempt in rows.values_list("message_id", "kind", "attempt"):
        events.setdefault(pk, []).append((EventKind(kind), attempt))
    return {pk: fold(told) for pk, told in events.items()}
