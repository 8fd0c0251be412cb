"""What people decide about messages: unsure ones, failed ones, stopped lines.

Synchronous and short, like the services: one transaction for some hundred messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Greatest

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns.history import EventKind
from campaigns.ledger.brake import DELIVERY_COLLAPSED
from campaigns.models import (
    Campaign,
    EarlierAttempt,
    Event,
    LineClock,
    Message,
)
from campaigns.restored import RESTORED
from campaigns.services import NotPossibleNow, note, refuse_what_is_over, wind_clock
from campaigns.states import CampaignStatus, MessageStatus

CHUNK = 500


class NeedsTest(Exception):
    """Deliveries have collapsed: first it should be tried on one's own phone."""


class StillLooking(Exception):
    """A backup was put back, and not all that waits was looked for yet."""


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
    *,
    campaign_id: int,
    operator: str,
    ids: Sequence[int] | None = None,
    code: str | None = None,
) -> int:
    """Lets failed messages wait again: all, those named, or those with one code.

    Returns how many; ring the line. Raises NotPossibleNow for a cancelled campaign.
    """
    return _decide(
        campaign_id,
        EventKind.RETRIED,
        MessageStatus.FAILED,
        MessageStatus.WAITING,
        operator,
        ids,
        code,
    )


def count_failed(*, campaign_id: int, code: str) -> int:
    """How many messages failed with a code; counts (campaign, status, code)."""
    return Message.objects.filter(
        campaign=campaign_id, status=MessageStatus.FAILED, code=code
    ).count()


@repeated
def release_line(*, line_id: int, operator: str, is_sure: bool = False) -> bool:
    """Takes the brake off a line; False when it was off. Ring the line.

    Where deliveries have collapsed, only for whom `is_sure`; else NeedsTest. Raises
    StillLooking while it is looked through after a backup was put back.
    """
    with transaction.atomic():
        # Campaigns before the clock, as everybody takes them.
        running = Campaign.objects.filter(
            line_id=line_id, status=CampaignStatus.RUNNING, waiting__gt=0
        )
        # Found first and then held by id, as those are who take one alone.
        found = list(running.values_list("pk", flat=True))
        locked = Campaign.objects.all_held(found)
        clock = LineClock.objects.filter(line=line_id).first()
        if clock and clock.stopped_code == DELIVERY_COLLAPSED and not is_sure:
            raise NeedsTest
        if clock and clock.stopped_code == RESTORED:
            raise StillLooking
        now = orm_now()
        # The pause that was drawn still counts.
        next_at = Greatest("next_at", Value(now, output_field=DateTimeField()))
        released = LineClock.objects.filter(
            line_id=line_id, stopped_at__isnull=False
        ).update(
            stopped_at=None,
            stopped_code="",
            stopped_reason="",
            refusals=0,
            refusal_code="",
            unsures=0,
            judged_from=now,
            next_at=next_at,
            turn=F("turn") + 1,
        )
        if released:
            for campaign in locked:
                if campaign.status == CampaignStatus.RUNNING and campaign.waiting:
                    note(campaign.pk, "released", operator, now)
    return bool(released)


def _decide(
    campaign_id: int,
    kind: EventKind,
    was: MessageStatus,
    to: MessageStatus,
    operator: str,
    ids: Sequence[int] | None,
    code: str | None = None,
) -> int:
    decided, last = 0, 0
    while chunk := _decide_some(campaign_id, kind, was, to, operator, ids, code, last):
        decided += len(chunk)
        last = chunk[-1]
    if decided:
        note(campaign_id, kind, operator, orm_now(), count=decided)
    return decided


@repeated
def _decide_some(
    campaign_id: int,
    kind: EventKind,
    was: MessageStatus,
    to: MessageStatus,
    operator: str,
    ids: Sequence[int] | None,
    code: str | None,
    after_id: int,
) -> list[int]:
    with transaction.atomic():
        now = orm_now()
        campaign = Campaign.objects.held(campaign_id)
        if to == MessageStatus.WAITING:
            _refuse_unless_it_may_send(campaign, now)
        found = Message.objects.filter(campaign=campaign, status=was, pk__gt=after_id)
        if ids is not None:
            found = found.filter(pk__in=ids)
        if code is not None:
            found = found.filter(code=code)
        rows = list(found.order_by("pk")[:CHUNK])
        if rows:
            _change(rows, kind, to, operator, now)
            Campaign.objects.by_id(campaign_id).update(
                **{str(was): F(was) - len(rows), str(to): F(to) + len(rows)}
            )
            if to == MessageStatus.WAITING:
                _wake(campaign, now)
    return [row.pk for row in rows]


def _refuse_unless_it_may_send(campaign: Campaign, now: datetime) -> None:
    if campaign.status not in {CampaignStatus.RUNNING, CampaignStatus.PAUSED}:
        raise NotPossibleNow(campaign.state)
    refuse_what_is_over(campaign, now)


def _change(
    rows: Sequence[Message],
    kind: EventKind,
    to: MessageStatus,
    operator: str,
    now: datetime,
) -> None:
    """Moves messages of one campaign, whose row is held, and keeps their past."""
    ids = [row.pk for row in rows]
    Event.objects.bulk_create(
        Event(
            message=row,
            attempt=row.attempt,
            kind=kind,
            at=now,
            arrived_at=now,
            detail={"operator": operator},
        )
        for row in rows
    )
    if to != MessageStatus.WAITING:
        Message.objects.filter(pk__in=ids).update(status=to, look_at=None)
        return
    EarlierAttempt.objects.bulk_create(
        EarlierAttempt(
            of=row,
            number=row.attempt,
            status=row.status,
            message_id=row.message_id,
            answered_at=row.answered_at,
            code=row.code,
            reason=row.reason,
        )
        for row in rows
    )
    Message.objects.filter(pk__in=ids).update(
        status=to,
        attempt=F("attempt") + 1,
        message_id=None,
        http_status=None,
        claimed_by="",
        claimed_at=None,
        claim_deadline=None,
        answered_at=None,
        code="",
        reason="",
        answer="",
        sent_at=None,
        delivered_at=None,
        read_at=None,
        failed_at=None,
        look_at=None,
        looks=0,
    )


def _wake(campaign: Campaign, now: datetime) -> None:
    """Lets the delays of what waits again be drawn anew, and the line go on."""
    # Once everything was sent out, what comes after was not in the plan.
    without_plan = {"planned_end_at": None} if campaign.is_sent_out else {}
    Campaign.objects.by_id(campaign.pk).update(
        delays_from=None, draw_anew=True, woken_at=now, **without_plan
    )
    wind_clock(campaign.pk, now)
