"""Reads what the silence clock needs."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Max, Min, Sum

from campaigns.models import CallbackCount, Campaign, MinuteCount
from campaigns.silence import PACE_OVER, Facts, Silence, look
from campaigns.states import MessageStatus
from chatapp.selftest import KIND as SELF_TEST

A_DAY = timedelta(days=1)
A_MINUTE = timedelta(minutes=1)


def read_silence(now: datetime, *, line_id: int | None = None) -> Silence | None:
    """The silence clock of a line, or of all of them.

    By the index (campaign, kind, minute), of the campaigns served on the last day.
    """
    campaigns = Campaign.objects.filter(served_at__gt=now - A_DAY)
    if line_id is not None:
        campaigns = campaigns.filter(line=line_id)
    ids = list(campaigns.values_list("pk", flat=True))
    if not ids:
        return None
    minutes = MinuteCount.objects.filter(campaign__in=ids)
    sent = minutes.filter(kind="sent", minute__gt=now - A_DAY)
    lately = sent.filter(minute__gt=now - PACE_OVER).aggregate(
        sum=Sum("count"), first=Min("minute")
    )
    if not lately["sum"]:
        return None
    a_day = minutes.filter(minute__gt=now - A_DAY).order_by().values_list("kind")
    counts = dict(a_day.annotate(sum=Sum("count")))
    reached = Campaign.objects.filter(pk__in=ids).aggregate(
        delivered=Sum(MessageStatus.DELIVERED), read=Sum(MessageStatus.READ)
    )
    callbacks = CallbackCount.objects.filter(last_at__gt=now - A_DAY)
    others = callbacks.exclude(kind__in=("status", SELF_TEST))
    status_at = callbacks.filter(kind="status").aggregate(at=Max("last_at"))["at"]
    if line_id is not None and status_at is not None:
        # Another line's statuses say nothing of this one; counted by the minute.
        last = minutes.filter(kind="heard").aggregate(at=Max("minute"))["at"]
        status_at = last and min(last + A_MINUTE, status_at)
    if status_at is not None:
        sent = sent.filter(minute__gt=status_at)
    return look(
        Facts(
            now=now,
            sent_lately=lately["sum"],
            sent_for=now - lately["first"],
            unanswered_since=sent.aggregate(first=Min("minute"))["first"],
            sent=counts.get("sent", 0),
            heard=counts.get("heard", 0),
            delivered=reached["delivered"] or 0,
            read=reached["read"] or 0,
            status_at=status_at,
            callback_at=others.aggregate(at=Max("last_at"))["at"],
        )
    )
