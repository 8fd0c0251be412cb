"""What people decide about messages: unsure ones, failed ones, stopped lines.

Synchronous and short, like the services: one transaction for some hundred messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet

from asgi_app.database import orm_now
from campaigns.history import EventKind
from campaigns.models import (
    Campaign,
    EarlierAttempt,
    Event,
    LineClock,
    Message,
)
from campaigns.services import NotPossibleNow, note, wind_clock
from campaigns.states import CampaignStatus, MessageStatus

CHUNK = 500


def assume_sent(
    *, campaign_id: int, operator: str, ids: Sequence[int] | None = None
) -> int:
    """Counts unsure messages, all or those named, as sent; returns how many."""
    return _decide(
        campaign_id,
        EventKind.ASSUMED_SENT,
        MessageStatus.UNSURE,
        MessageStatus.ASSUMED_SENT,
        operator,
        ids,
    )


def send_again(
    *, campaign_id: int, operator: str, ids: Sequence[int] | None = None
) -> int:
    """Lets unsure messages, all or those named, wait again: maybe a second copy.

    Returns how many; ring the line. Raises NotPossibleNow for a cancelled campaign.
    """
    return _decide(
        campaign_id,
        EventKind.SENT_AGAIN,
        MessageStatus.UNSURE,
        MessageStatus.WAITING,
        operator,
        ids,
    )


def retry_failed(
    *, campaign_id: int, operator: str, ids: Sequence[int] | None = None
) -> int:
    """Lets failed messages, all or those named, wait again; nobody else gets it.

    Returns how many; ring the line. Raises NotPossibleNow for a cancelled campaign.
    """
    return _decide(
        campaign_id,
        EventKind.RETRIED,
        MessageStatus.FAILED,
        MessageStatus.WAITING,
        operator,
        ids,
    )


def release_line(*, line_id: int, operator: str) -> bool:
    """Takes the brake off a line; False when it was off. Ring the line."""
    with transaction.atomic():
        released = LineClock.objects.filter(
            line_id=line_id, stopped_at__isnull=False
        ).update(
            stopped_at=None,
            stopped_code="",
            stopped_reason="",
            refusals=0,
            refusal_code="",
            unsures=0,
            next_at=orm_now(),
            turn=F("turn") + 1,
        )
        if released:
            for campaign_id in Campaign.objects.filter(
                line_id=line_id, status=CampaignStatus.RUNNING, waiting__gt=0
            ).values_list("pk", flat=True):
                note(campaign_id, "released", operator, orm_now())
    return bool(released)


def _decide(
    campaign_id: int,
    kind: EventKind,
    was: MessageStatus,
    to: MessageStatus,
    operator: str,
    ids: Sequence[int] | None,
) -> int:
    decided, last = 0, 0
    while True:
        with transaction.atomic():
            now = orm_now()
            campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
            if to == MessageStatus.WAITING:
                _refuse_unless_it_may_send(campaign)
            rows = Message.objects.filter(
                campaign=campaign, status=was, pk__gt=last
            ).order_by("pk")
            if ids is not None:
                rows = rows.filter(pk__in=ids)
            chunk = list(rows[:CHUNK])
            if chunk:
                _change(chunk, kind, to, operator, now)
                counters = {was: F(was) - len(chunk), to: F(to) + len(chunk)}
                Campaign.objects.filter(pk=campaign_id).update(
                    **{str(name): change for name, change in counters.items()}
                )
                decided += len(chunk)
                last = chunk[-1].pk
            elif decided:
                if to == MessageStatus.WAITING:
                    _wake(campaign, now)
                note(campaign_id, kind, operator, now, count=decided)
        if len(chunk) < CHUNK and not chunk:
            return decided


def _refuse_unless_it_may_send(campaign: Campaign) -> None:
    if campaign.status not in {CampaignStatus.RUNNING, CampaignStatus.PAUSED}:
        raise NotPossibleNow(campaign.state)
