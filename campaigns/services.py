"""What people do to campaigns; each is one short transaction.

Synchronous: a view calls them through `in_orm`, a command directly.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns import listing, uploads
from campaigns.forecast_selectors import read_forecast
from campaigns.layouts import Layout
from campaigns.ledger.cancelling import cancel_waiting
from campaigns.line_rules import begin_warm_up, wake
from campaigns.models import Action, Campaign, LineClock, Upload
from campaigns.pacing import Delays
from campaigns.recipients import PhoneList
from campaigns.refusals import (
    AlreadyListed,
    CampaignError,
    ChangedSinceShown,
    HasExpired,
    ListNotIn,
    NobodyToSendTo,
    NotPossibleNow,
    OfNoUseAnyMore,
    OnStopList,
    StartIsOver,
    TextCannotBeSent,
    ValuesMissing,
)
from campaigns.seals import seal_of
from campaigns.slices import choose_slice
from campaigns.states import CampaignStatus, Pacing, UploadState
from campaigns.texts import BadText, read_template
from chatapp.models import Line

__all__ = [
    "AlreadyListed",
    "CampaignError",
    "ChangedSinceShown",
    "HasExpired",
    "ListNotIn",
    "NobodyToSendTo",
    "NotPossibleNow",
    "OfNoUseAnyMore",
    "OnStopList",
    "StartIsOver",
    "TextCannotBeSent",
    "ValuesMissing",
]


@repeated
def create_campaign(
    *,
    name: str,
    text: str,
    line: Line,
    pacing: Pacing,
    phones: PhoneList,
    delays: Delays,
    operator: str,
    upload: tuple[Upload, Layout] | None = None,
) -> Campaign:
    """Stores a draft with its recipients and what is to be said of the list.

    An upload is taken, and is to be imported then. Raises uploads.AlreadyTaken.
    """
    with transaction.atomic():
        campaign = Campaign.objects.create(
            name=name, text=text, line=line, pacing=pacing, created_by=operator
        )
        listing.store(campaign, listing.without_stopped(phones), delays=delays)
        if upload:
            uploads.take(upload=upload[0], campaign=campaign, layout=upload[1])
        note(campaign.pk, "created", operator, orm_now())
        campaign.refresh_from_db()
    return campaign


@repeated
def add_recipients(
    *, campaign_id: int, phones: PhoneList, delays: Delays, operator: str
) -> int:
    """Adds phones to a draft and returns how many were new to it.

    Raises NotPossibleNow when it has started, AlreadyListed or OnStopList when none is
    left to be added, ValuesMissing.
    """
    with transaction.atomic():
        campaign = locked_draft(campaign_id)
        _need_values(campaign, phones)
        allowed = listing.without_stopped(phones)
        listed = listing.already_listed(campaign, (r.phone for r in allowed.recipients))
        new = tuple(r for r in allowed.recipients if r.phone not in listed)
        if not new:
            raise AlreadyListed if listed else OnStopList
        added = {recipient.phone for recipient in new}
        remarks = tuple(r for r in phones.remarks if r.kept and r.phone in added)
        listing.store(campaign, PhoneList(new, remarks, len(new)), delays=delays)
        note(campaign_id, "added", operator, orm_now())
    return len(new)


def _need_values(campaign: Campaign, phones: PhoneList) -> None:
    template = listing.template_of(campaign.text)
    for recipient in phones.recipients:
        if template and (missing := template.missing(recipient.fields or {})):
            raise ValuesMissing(missing)


@repeated
def start_campaign(
    *, campaign_id: int, operator: str, key: str = "", seal: str | None = None
) -> int:
    """Starts a draft, or has it start by itself, and returns its line.

    Of two clicks one starts it; the second with the same `key` finds it started, and
    returns the line as well. `seal` is that of what the operator was shown. Raises
    NotPossibleNow, ListNotIn, NobodyToSendTo, ChangedSinceShown, StartIsOver,
    OfNoUseAnyMore or TextCannotBeSent.
    """
    plan = plan_of(Campaign.objects.get(pk=campaign_id))
    with transaction.atomic():
        campaign = Campaign.objects.held(campaign_id)
        now = orm_now()
        if campaign.status != CampaignStatus.DRAFT:
            if key and key == campaign.start_key:
                return wind_clock(campaign_id, now)
            raise NotPossibleNow(campaign.state)
        need_whole_list(campaign_id)
        if not campaign.waiting:
            raise NobodyToSendTo
        if seal is not None and seal != seal_of(campaign):
            raise ChangedSinceShown
        if campaign.start_at is not None and campaign.start_at <= now:
            raise StartIsOver
        refuse_what_is_over(campaign, now)
        try:
            read_template(campaign.text)
        except BadText as fault:
            raise TextCannotBeSent(fault) from fault
        size = campaign.slice_size
        if size is not None and size >= campaign.waiting:
            size = None  # the list has grown shorter since
        if size is not None:
            choose_slice(campaign, size)
        order: dict[str, Any] = {"status": CampaignStatus.SCHEDULED}
        if campaign.start_at is None:
            order = {
                "status": CampaignStatus.RUNNING,
                "started_at": now,
                "woken_at": now,
            }
        Campaign.objects.by_id(campaign_id).update(
            start_key=key,
            slice_size=size,
            slice_is_open=size is not None,
            **order,
            **plan,
        )
        verb = "started" if campaign.start_at is None else "scheduled"
        note(campaign_id, verb, operator, now)
        return wind_clock(campaign_id, now)


def plan_of(campaign: Campaign) -> dict[str, datetime | int]:
    """The columns that keep what is foreseen for a campaign; empty if nothing is."""
    forecast = read_forecast(campaign, orm_now())
    if forecast is None:
        return {}
    band_s = math.ceil(forecast.band.total_seconds())
    return {"planned_end_at": forecast.ends_at, "planned_band_s": band_s}


@repeated
def pause_campaign(*, campaign_id: int, operator: str) -> None:
    """Pauses: once this returns, nothing more of it is claimed."""
    with transaction.atomic():
        campaign = Campaign.objects.held(campaign_id)
        if campaign.status != CampaignStatus.RUNNING or campaign.is_sent_out:
            raise NotPossibleNow(campaign.state)
        Campaign.objects.by_id(campaign_id).update(status=CampaignStatus.PAUSED)
        now = orm_now()
        note(campaign_id, "paused", operator, now)
        wake(_line_of(campaign_id), now)


@repeated
def resume_campaign(*, campaign_id: int, operator: str) -> int:
    """Goes on with what waits and returns the line."""
    with transaction.atomic():
        campaign = Campaign.objects.held(campaign_id)
        now = orm_now()
        if campaign.status != CampaignStatus.PAUSED:
            raise NotPossibleNow(campaign.state)
        refuse_what_is_over(campaign, now)
        Campaign.objects.by_id(campaign_id).update(
            status=CampaignStatus.RUNNING,
            delays_from=None,
            draw_anew=True,
            woken_at=now,
            paused_because="",
        )
        note(campaign_id, "resumed", operator, now)
        return wind_clock(campaign_id, now)


@repeated
def cancel_campaign(*, campaign_id: int, operator: str) -> None:
    """Cancels for good: what waits is never sent."""
    with transaction.atomic():
        campaign = Campaign.objects.held(campaign_id)
        if campaign.status == CampaignStatus.CANCELLED or campaign.is_sent_out:
            raise NotPossibleNow(campaign.state)
        # MySQL reads the columns from left to right: `cancelled` must come first.
        Campaign.objects.by_id(campaign_id).update(
            cancelled=F("cancelled") + F("waiting"),
            waiting=0,
            status=CampaignStatus.CANCELLED,
        )
        now = orm_now()
        cancel_waiting(campaign_id, now)
        note(campaign_id, "cancelled", operator, now)
        wake(_line_of(campaign_id), now)


def refuse_what_is_over(campaign: Campaign, now: datetime) -> None:
    """Raises OfNoUseAnyMore once the last moment of a campaign has passed."""
    if campaign.use_until is not None and campaign.use_until <= now:
        is_draft = campaign.status == CampaignStatus.DRAFT
        raise OfNoUseAnyMore if is_draft else HasExpired


def wind_clock(campaign_id: int, now: datetime) -> int:
    """Makes sure that the campaign's line has a clock, and returns the line.

    A line that rests looks anew at what it may do.
    """
    line_id = _line_of(campaign_id)
    _, is_new = LineClock.objects.get_or_create(
        line_id=line_id, defaults={"next_at": now}
    )
    if is_new:
        begin_warm_up(line_id)
    wake(line_id, now)
    return line_id


def _line_of(campaign_id: int) -> int:
    lines = Campaign.objects.values_list("line_id", flat=True)
    line_id: int = lines.get(pk=campaign_id)
    return line_id


def locked_draft(campaign_id: int) -> Campaign:
    """The draft, held for this transaction; raises NotPossibleNow."""
    campaign = Campaign.objects.held(campaign_id)
    if campaign.status != CampaignStatus.DRAFT:
        raise NotPossibleNow(campaign.state)
    return campaign


def need_whole_list(campaign_id: int) -> None:
    """Raises ListNotIn unless what was uploaded has come in whole.

    An import begins with its draft and never again, so what is whole stays so.
    """
    upload = Upload.objects.filter(
        campaign=campaign_id, state__in=[UploadState.IMPORTING, UploadState.FAILED]
    ).first()
    if upload:
        raise ListNotIn(has_failed=upload.has_failed)


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
