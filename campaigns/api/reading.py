"""Campaigns as the API tells them, from the selectors of the pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from campaigns.api.campaign_shapes import (
    ActionShape,
    CampaignBrief,
    CampaignName,
    CampaignShape,
    CollisionShape,
    ForecastShape,
    LatelyShape,
    ListShape,
    LookShape,
    PhoneText,
    TrialShape,
)
from campaigns.confirm_selectors import ConfirmPage, read_confirm
from campaigns.forecast_selectors import read_forecast, read_forecasts
from campaigns.hindrances import look_around, why_not_now
from campaigns.models import Action, Campaign, Upload
from campaigns.receipt_selectors import receipt_of_campaign
from campaigns.refusal_words import fault_in_words
from campaigns.refusals import NobodyToSendTo, NotPossibleNow
from campaigns.selectors import ACTIONS_SHOWN
from campaigns.states import CampaignStatus
from campaigns.wording import books

PAGE = 100


def read_list(*, before: int | None) -> tuple[Sequence[CampaignBrief], int | None]:
    """The campaigns older than `before`, newest first, and the key of the next page."""
    rows = Campaign.objects.select_related("line").defer("text", "books", "note")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: PAGE + 1])
    campaigns = found[:PAGE]
    around = look_around(campaigns)
    forecasts = read_forecasts([c for c in campaigns if c.has_started], around.now)
    told = [
        CampaignBrief.of(c, why_not_now(c, around), forecasts.get(c.pk))
        for c in campaigns
    ]
    return told, campaigns[-1].pk if len(found) > PAGE else None


def read_campaign(campaign_id: int) -> CampaignShape:
    """Raises Campaign.DoesNotExist."""
    campaign = Campaign.objects.select_related("line").get(pk=campaign_id)
    around = look_around([campaign])
    forecast = read_forecast(campaign, around.now, around.line(campaign.line_id))
    brief = CampaignBrief.of(campaign, why_not_now(campaign, around), forecast)
    actions = Action.objects.filter(campaign=campaign).order_by("-pk")
    upload = Upload.objects.filter(campaign=campaign).first()
    return CampaignShape(
        **dict(brief),
        text=campaign.text,
        note=campaign.note,
        slice_size=campaign.slice_size,
        slice_is_open=campaign.slice_is_open,
        list=ListShape.of(receipt_of_campaign(campaign), upload),
        books=books(campaign),
        books_at=campaign.books_at,
        actions=[
            ActionShape(verb=a.verb, operator=a.operator, at=a.at, count=a.count)
            for a in reversed(actions[:ACTIONS_SHOWN])
        ],
    )


def read_look(campaign_id: int) -> LookShape:
    """A draft before its start.

    Raises Campaign.DoesNotExist, NotPossibleNow and NobodyToSendTo.
    """
    page = read_confirm(campaign_id=campaign_id)
    if page.campaign.status != CampaignStatus.DRAFT:
        raise NotPossibleNow(page.campaign.state)
    if not page.campaign.waiting:
        raise NobodyToSendTo
    fault = page.preview.fault
    return LookShape(
        seal=page.seal,
        can_start=page.can_start,
        fault=None if fault is None else fault_in_words(fault),
        texts=[PhoneText(phone=b.phone, text=b.text) for b in page.preview.bubbles],
        variant_count=page.preview.variant_count,
        waiting=page.campaign.waiting,
        forecast=ForecastShape.of(page.forecast),
        left_over=page.left_over,
        ahead=[CampaignName.of(campaign) for campaign in page.ahead],
        collisions=_collisions(page),
        strangers=page.strangers.count,
        strangers_is_about=page.strangers.is_about or page.strangers.is_upper_bound,
        lately=[
            LatelyShape(
                campaign=CampaignName.of(it.campaign),
                count=it.count,
                last_at=it.last_at,
            )
            for it in page.lately
        ],
        alike=None if page.alikeness is None else page.alikeness.alike,
        haste=page.haste,
        line_is_unusable=page.unusable,
        proposed_use_until=page.proposed.at if page.proposed else None,
        trials=[
            TrialShape(
                campaign=CampaignName.of(trial.campaign),
                phone=trial.message.phone,
                status=trial.message.status,
                is_of_earlier_text=trial.is_of_earlier_text,
            )
            for trial in page.trials
        ],
    )


def _collisions(page: ConfirmPage) -> list[CollisionShape]:
    return [
        CollisionShape(
            campaign=CampaignName.of(it.campaign),
            ends_at=it.ends_at,
            later_s=it.later.total_seconds() if it.later > timedelta() else None,
        )
        for it in page.collisions
    ]
