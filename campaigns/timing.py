"""When a campaign starts by itself, to whom it goes first, until when it is of use."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns.last_moment import LastMoment, propose
from campaigns.models import Campaign, SliceMember
from campaigns.refusals import EndsBeforeStart
from campaigns.services import (
    NotPossibleNow,
    OfNoUseAnyMore,
    StartIsOver,
    note,
    plan_of,
    refuse_what_is_over,
    wind_clock,
)
from campaigns.states import CampaignStatus

# What the log of actions says of each.
_NOTED = {
    "start_at": "start_timed",
    "use_until": "end_timed",
    "slice_size": "sliced",
}
_LASTING = (CampaignStatus.SCHEDULED, CampaignStatus.RUNNING, CampaignStatus.PAUSED)


@dataclass(frozen=True)
class Timing:
    """What is ordered for a start; None: now, for ever, all at once."""

    start_at: datetime | None = None
    use_until: datetime | None = None
    slice_size: int | None = None


@repeated
def set_timing(*, campaign_id: int, timing: Timing, operator: str) -> None:
    """Keeps how a draft is to start; of what was started only until when it is of use.

    A last moment that has passed since the start stays. Raises NotPossibleNow,
    StartIsOver, OfNoUseAnyMore or EndsBeforeStart.
    """
    with transaction.atomic():
        campaign = Campaign.objects.held(campaign_id)
        now = orm_now()
        changes: dict[str, datetime | int | None] = {"use_until": timing.use_until}
        is_scheduled = campaign.status == CampaignStatus.SCHEDULED
        start_at = campaign.start_at if is_scheduled else None
        if campaign.status == CampaignStatus.DRAFT:
            start_at = timing.start_at
            if timing.start_at is not None and timing.start_at <= now:
                raise StartIsOver
            changes |= {"start_at": timing.start_at, "slice_size": timing.slice_size}
        elif campaign.status not in _LASTING or campaign.is_sent_out:
            raise NotPossibleNow(campaign.state)
        else:
            # Whether the sweep has been there yet changes nothing.
            refuse_what_is_over(campaign, now)
        if timing.use_until is not None:
            if timing.use_until <= now:
                raise OfNoUseAnyMore
            if start_at is not None and timing.use_until <= start_at:
                raise EndsBeforeStart
        Campaign.objects.by_id(campaign_id).update(**changes)
        for column, value in changes.items():
            if value != getattr(campaign, column):
                count = timing.slice_size if column == "slice_size" else None
                note(campaign_id, _NOTED[column], operator, now, count=count)


@repeated
def start_now(*, campaign_id: int, operator: str) -> int:
    """Starts at once what was to start by itself; returns the line to ring.

    Raises NotPossibleNow or OfNoUseAnyMore.
    """
    with transaction.atomic():
        campaign = Campaign.objects.held(campaign_id)
        if campaign.status != CampaignStatus.SCHEDULED:
            raise NotPossibleNow(campaign.state)
        now = orm_now()
        refuse_what_is_over(campaign, now)
        campaign.status, campaign.started_at = CampaignStatus.RUNNING, now
        Campaign.objects.by_id(campaign_id).update(
            status=CampaignStatus.RUNNING,
            started_at=now,
            woken_at=now,
            **plan_of(campaign),
        )
        note(campaign_id, "started", operator, now)
        return wind_clock(campaign_id, now)


@repeated
def unschedule(*, campaign_id: int, operator: str) -> None:
    """Makes a draft again of what was to start by itself."""
    with transaction.atomic():
        campaign = Campaign.objects.held(campaign_id)
        if campaign.status != CampaignStatus.SCHEDULED:
            raise NotPossibleNow(campaign.state)
        Campaign.objects.by_id(campaign_id).update(
            status=CampaignStatus.DRAFT,
            start_at=None,
            slice_is_open=False,
            planned_end_at=None,
            planned_band_s=None,
        )
        SliceMember.objects.filter(campaign=campaign).delete()
        note(campaign_id, "unscheduled", operator, orm_now())


@repeated
def continue_campaign(*, campaign_id: int, operator: str) -> int:
    """Lets the others have it too, and returns the line to ring.

    Raises NotPossibleNow when it was done before, or the campaign has ended, and
    OfNoUseAnyMore.
    """
    with transaction.atomic():
        campaign = Campaign.objects.held(campaign_id)
        now = orm_now()
        may_go_on = campaign.status in {CampaignStatus.RUNNING, CampaignStatus.PAUSED}
        if not (campaign.slice_is_open and may_go_on):
            raise NotPossibleNow(campaign.state)
        refuse_what_is_over(campaign, now)
        # The plan counts from here: how long somebody would think was not foreseen.
        plan = plan_of(campaign)
        Campaign.objects.by_id(campaign_id).update(
            slice_is_open=False,
            woken_at=now,
            draw_anew=True,
            delays_from=None,
            **plan,
        )
        note(campaign_id, "continued", operator, now)
        return wind_clock(campaign_id, now)


def propose_for(campaign: Campaign, now: datetime) -> LastMoment | None:
    """The last moment that its text tells, where none was chosen."""
    if campaign.use_until is not None or campaign.status != CampaignStatus.DRAFT:
        return None
    begins = campaign.start_at or now
    return propose(campaign.text, timezone.localtime(begins))
