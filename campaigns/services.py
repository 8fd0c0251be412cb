"""What people do to campaigns; each is one short transaction.

Synchronous: a view calls them through `in_orm`, a command directly.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Q

from asgi_app.database import orm_now
from campaigns.forecast_selectors import read_forecast
from campaigns.ledger.cancelling import cancel_waiting
from campaigns.models import Action, Campaign, LineClock, ListRemark, Message
from campaigns.pacing import Delays
from campaigns.recipients import PhoneList, Remark
from campaigns.seals import seal_of
from campaigns.states import CampaignStatus, Pacing
from campaigns.texts import BadText, MissingValue, read_template
from chatapp.models import Line

T = TypeVar("T")

BATCH = 1000

_HAS_SOMETHING_TO_STOP = (
    Q(status=CampaignStatus.DRAFT) | Q(waiting__gt=0) | Q(claimed__gt=0)
)


class CampaignError(Exception):
    """A person asked for what cannot be done to this campaign."""


class NotPossibleNow(CampaignError):
    """The campaign's state does not allow it; somebody may have been quicker."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(f"the campaign is {state.replace('_', ' ')}")


class NobodyToSendTo(CampaignError):
    """The list is empty."""


class AlreadyListed(CampaignError):
    """The phone is on the list already."""


class ChangedSinceShown(CampaignError):
    """The list, the text, the line or the pacing is not what was agreed to."""


class TextCannotBeSent(CampaignError):
    """The text has a fault, or what it says of a recipient is not known."""

    def __init__(self, fault: BadText | MissingValue) -> None:
        self.fault = fault
        super().__init__(f"the text cannot be sent: {fault}")


def create_campaign(
    *,
    name: str,
    text: str,
    line: Line,
    pacing: Pacing,
    phones: PhoneList,
    delays: Delays,
    operator: str,
) -> Campaign:
    """Stores a draft with its recipients and what is to be said of the list."""
    with transaction.atomic():
        count = len(phones.recipients)
        campaign = Campaign.objects.create(
            name=name,
            text=text,
            line=line,
            pacing=pacing,
            created_by=operator,
            total=count,
            waiting=count,
        )
        rows = (
            _message(campaign, recipient.phone, delays)
            for recipient in phones.recipients
        )
        for batch in _batches(rows):
            Message.objects.bulk_create(batch)
        for remarks in _batches(_remark(campaign, r) for r in phones.remarks):
            ListRemark.objects.bulk_create(remarks)
        note(campaign.pk, "created", operator, orm_now())
    return campaign


def add_recipients(
    *, campaign_id: int, phones: PhoneList, delays: Delays, operator: str
) -> int:
    """Adds phones to a draft and returns how many were new to it.

    Raises NotPossibleNow when it has started, AlreadyListed when none was new.
    """
    with transaction.atomic():
        campaign = _locked(campaign_id)
        if campaign.status != CampaignStatus.DRAFT:
            raise NotPossibleNow(campaign.state)
        wanted = [recipient.phone for recipient in phones.recipients]
        listed = set(
            Message.objects.filter(campaign=campaign, phone__in=wanted).values_list(
                "phone", flat=True
            )
        )
        rows = [
            _message(campaign, phone, delays) for phone in wanted if phone not in listed
        ]
        if not rows:
            raise AlreadyListed
        Message.objects.bulk_create(rows)
        kept = [_remark(campaign, remark) for remark in phones.remarks if remark.kept]
        ListRemark.objects.bulk_create(kept)
        Campaign.objects.filter(pk=campaign_id).update(
            total=F("total") + len(rows), waiting=F("waiting") + len(rows)
        )
        note(campaign_id, "added", operator, orm_now())
    return len(rows)


def start_campaign(
    *, campaign_id: int, operator: str, key: str = "", seal: str | None = None
) -> int:
    """Starts a draft and returns its line; of two clicks one starts it.

    The click that comes second with the same `key` finds it started, and returns the
    line as well. `seal` is that of what the operator was shown. Raises NotPossibleNow,
    NobodyToSendTo, ChangedSinceShown or TextCannotBeSent.
    """
    plan = plan_of(Campaign.objects.get(pk=campaign_id))
    with transaction.atomic():
        campaign = _locked(campaign_id)
        now = orm_now()
        if campaign.status != CampaignStatus.DRAFT:
            if key and key == campaign.start_key:
                return wind_clock(campaign_id, now)
            raise NotPossibleNow(campaign.state)
        if not campaign.waiting:
            raise NobodyToSendTo
        if seal is not None and seal != seal_of(campaign):
            raise ChangedSinceShown
        try:
            read_template(campaign.text)
        except BadText as fault:
            raise TextCannotBeSent(fault) from fault
        started = Campaign.objects.filter(
            pk=campaign_id, status=CampaignStatus.DRAFT
        ).update(
            status=CampaignStatus.RUNNING,
            started_at=now,
            woken_at=now,
            start_key=key,
            **plan,
        )
        if not started:
            raise NotPossibleNow(CampaignStatus.RUNNING)
        note(campaign_id, "started", operator, now)
        return wind_clock(campaign_id, now)


def plan_of(campaign: Campaign) -> dict[str, datetime | int]:
    """The columns that keep what is foreseen for a campaign; empty if nothing is."""
    forecast = read_forecast(campaign, orm_now())
    if forecast is None:
        return {}
    band_s = math.ceil(forecast.band.total_seconds())
    return {"planned_end_at": forecast.ends_at, "planned_band_s": band_s}


def pause_campaign(*, campaign_id: int, operator: str) -> None:
    """Pauses: once this returns, nothing more of it is claimed."""
    with transaction.atomic():
        paused = Campaign.objects.filter(
            _HAS_SOMETHING_TO_STOP, pk=campaign_id, status=CampaignStatus.RUNNING
        ).update(status=CampaignStatus.PAUSED)
        if not paused:
            raise NotPossibleNow(Campaign.objects.get(pk=campaign_id).state)
        note(campaign_id, "paused", operator, orm_now())


def resume_campaign(*, campaign_id: int, operator: str) -> int:
    """Goes on with what waits and returns the line."""
    with transaction.atomic():
        now = orm_now()
        resumed = Campaign.objects.filter(
            pk=campaign_id, status=CampaignStatus.PAUSED
        ).update(
            status=CampaignStatus.RUNNING,
            delays_from=None,
            draw_anew=True,
            woken_at=now,
            paused_because="",
        )
        if not resumed:
            raise NotPossibleNow(Campaign.objects.get(pk=campaign_id).state)
        note(campaign_id, "resumed", operator, now)
        return wind_clock(campaign_id, now)


def cancel_campaign(*, campaign_id: int, operator: str) -> None:
    """Cancels for good: what waits is never sent."""
    with transaction.atomic():
        # MySQL reads the columns from left to right: `cancelled` must come first.
        cancelled = (
            Campaign.objects.filter(pk=campaign_id)
            .filter(_HAS_SOMETHING_TO_STOP)
            .exclude(status=CampaignStatus.CANCELLED)
            .update(
                cancelled=F("cancelled") + F("waiting"),
                waiting=0,
                status=CampaignStatus.CANCELLED,
            )
        )
        if not cancelled:
            raise NotPossibleNow(Campaign.objects.get(pk=campaign_id).state)
        now = orm_now()
        cancel_waiting(campaign_id, now)
        note(campaign_id, "cancelled", operator, now)


def wind_clock(campaign_id: int, now: datetime) -> int:
    """Makes sure that the campaign's line has a clock, and returns the line."""
    line_id: int = Campaign.objects.values_list("line_id", flat=True).get(
        pk=campaign_id
    )
    LineClock.objects.get_or_create(line_id=line_id, defaults={"next_at": now})
    return line_id


def _locked(campaign_id: int) -> Campaign:
    return Campaign.objects.select_for_update().get(pk=campaign_id)


def note(
    campaign_id: int,
    verb: str,
    operator: str,
    at: datetime,
    *,
    count: int | None = None,
) -> None:
    """Keeps who did what to a campaign, and to how many of its messages."""
    Action.objects.create(
        campaign_id=campaign_id, verb=verb, operator=operator, at=at, count=count
    )


def _message(campaign: Campaign, phone: str, delays: Delays) -> Message:
    own = campaign.pacing == Pacing.EACH_ON_ITS_OWN
    return Message(
        campaign=campaign, phone=phone, delay_ms=delays.draw_ms() if own else 0
    )


def _remark(campaign: Campaign, remark: Remark) -> ListRemark:
    return ListRemark(
        campaign=campaign,
        source=remark.source,
        line=remark.line,
        raw=remark.raw,
        reason=remark.reason,
        phone=remark.phone or "",
        first_line=remark.first_line,
        first_source=remark.first_source,
        is_kept=remark.kept,
    )


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch
