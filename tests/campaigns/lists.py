"""Campaigns with made-up recipients, as the tests need them."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django.db import transaction

from campaigns.models import Campaign, LineClock, Message
from campaigns.pacing import Delays
from campaigns.recipients import PhoneList, Recipient
from campaigns.services import create_campaign, start_campaign
from campaigns.states import MessageStatus, Pacing
from chatapp.models import Line


def phones(count: int, *, start: int = 0) -> PhoneList:
    return PhoneList(
        recipients=tuple(
            Recipient(phone=f"+7999{start + n:07d}", line=n + 1) for n in range(count)
        ),
        remarks=(),
        lines=count,
    )


def draft(
    line: Line,
    count: int,
    *,
    pacing: Pacing = Pacing.ONE_AFTER_ANOTHER,
    delays: Delays | None = None,
    text: str = "Hello 👋",
    start: int = 0,
) -> Campaign:
    return create_campaign(
        name="Sale",
        text=text,
        line=line,
        pacing=pacing,
        phones=phones(count, start=start),
        delays=delays or Delays(0, 0, random.Random(1)),
        operator="anna",
    )


def running(
    line: Line,
    count: int,
    *,
    pacing: Pacing = Pacing.ONE_AFTER_ANOTHER,
    delays: Delays | None = None,
    text: str = "Hello 👋",
    start: int = 0,
) -> Campaign:
    campaign = draft(line, count, pacing=pacing, delays=delays, text=text, start=start)
    start_campaign(campaign_id=campaign.pk, operator="anna")
    return campaign


def due(line: Line, at: datetime) -> None:
    """Lets what runs on a line be due since that moment, and started before it."""
    LineClock.objects.filter(line=line).update(next_at=at)
    long_before = at - timedelta(hours=1)
    Campaign.objects.filter(line=line).update(woken_at=long_before)


def counts(campaign: Campaign) -> dict[str, int]:
    """The campaign's counters that are not zero, after a check against its rows."""
    with transaction.atomic():
        # Whoever changes messages holds their campaign's row.
        held = Campaign.objects.select_for_update().get(pk=campaign.pk)
        shown = {str(s): getattr(held, s) for s in MessageStatus}
        rows = Message.objects.filter(campaign=campaign)
        statuses = list(rows.values_list("status", flat=True))
    campaign.refresh_from_db()
    counted = {str(s): statuses.count(s) for s in MessageStatus}
    assert shown == counted, "the counters differ from the rows"
    assert held.total == sum(counted.values())
    return {name: n for name, n in shown.items() if n}
