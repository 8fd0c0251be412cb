"""What pages and commands read; synchronous, a view calls them through `in_orm`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from asgi_app.database import orm_now
from campaigns import previews
from campaigns.by_index import BY_PLACE, by_index
from campaigns.forecast import Forecast
from campaigns.forecast_selectors import read_forecast, read_forecasts
from campaigns.hindrances import Hindrance, look_around, why_not_now
from campaigns.listing import template_of
from campaigns.models import Action, Campaign, Message, Upload
from campaigns.previews import Sample
from campaigns.receipt_selectors import receipt_of_campaign
from campaigns.receipts import Receipt
from campaigns.states import CampaignStatus
from chatapp.models import Line

PAGE = 100
ACTIONS_SHOWN = 50


@dataclass(frozen=True)
class Listed:
    """A campaign, and why nothing of it is sent now."""

    campaign: Campaign
    hindrance: Hindrance | None


@dataclass(frozen=True)
class CampaignList:
    """A page of campaigns; `has_lines` is asked only when there are none.

    `forecasts` are by campaign, of those that have started and not ended.
    """

    listed: Sequence[Listed]
    page: int
    pages: int
    has_lines: bool = True
    forecasts: Mapping[int, Forecast] = field(default_factory=dict)

    @property
    def has_news_to_come(self) -> bool:
        return any(has_news_to_come(it.campaign) for it in self.listed)


@dataclass(frozen=True)
class CampaignPage:
    """A campaign that was not started yet, or a question about one.

    `actions` are the last ones, oldest first.
    """

    campaign: Campaign
    now: datetime
    messages: Sequence[Message]
    page: int
    pages: int
    receipt: Receipt
    upload: Upload | None
    samples: Sequence[Sample]
    actions: Sequence[Action]
    forecast: Forecast | None

    @property
    def first(self) -> int:
        """The place on the list of the first message of this page, from 1."""
        return (self.page - 1) * PAGE + 1

    @property
    def is_coming_in(self) -> bool:
        """Whether its list is still being imported."""
        return self.upload is not None and self.upload.is_under_way

    @property
    def has_failed_list(self) -> bool:
        """Whether its list did not come in whole."""
        return self.upload is not None and self.upload.has_failed

    @property
    def names(self) -> Mapping[str, str]:
        """The variables of its text, by folded name."""
        return _names_in(self.campaign.text)


def has_news_to_come(campaign: Campaign) -> bool:
    """Whether the program still works on it, or waits for an answer."""
    if campaign.status == CampaignStatus.SCHEDULED:
        return True
    runs = campaign.status == CampaignStatus.RUNNING and campaign.waiting
    return campaign.has_started and bool(runs or campaign.claimed)


def list_campaigns(*, page: int) -> CampaignList:
    """The campaigns, newest first."""
    count = Campaign.objects.count()
    page, pages = _place(page, count)
    rows = Campaign.objects.select_related("line", "trial_of").defer(
        *("text", "books", "note"), *("trial_of__text", "trial_of__books")
    )
    campaigns = list(rows.order_by("-id")[_slice(page)])
    around = look_around(campaigns)
    return CampaignList(
        [Listed(campaign, why_not_now(campaign, around)) for campaign in campaigns],
        page,
        pages,
        has_lines=bool(count) or _listed_lines().exists(),
        forecasts=read_forecasts([c for c in campaigns if c.has_started], around.now),
    )


def read_campaign(*, campaign_id: int, page: int) -> CampaignPage:
    """A campaign with a page of its messages; raises Campaign.DoesNotExist."""
    now = orm_now()
    campaign = Campaign.objects.select_related("line", "trial_of").get(pk=campaign_id)
    page, pages = _place(page, campaign.total)
    with by_index(BY_PLACE):
        rows = Message.objects.filter(campaign=campaign).order_by("id")
        messages = list(rows[_slice(page)])
    actions = Action.objects.filter(campaign=campaign).order_by("-id")
    return CampaignPage(
        campaign=campaign,
        now=now,
        messages=messages,
        page=page,
        pages=pages,
        receipt=receipt_of_campaign(campaign),
        upload=Upload.objects.filter(campaign=campaign).first(),
        samples=previews.samples_of_draft(campaign),
        actions=list(actions[:ACTIONS_SHOWN])[::-1],
        forecast=read_forecast(campaign, now),
    )


def names_in_text(*, campaign_id: int) -> Mapping[str, str]:
    """The variables of a campaign's text, by folded name; none of what is not there."""
    texts = Campaign.objects.filter(pk=campaign_id).values_list("text", flat=True)
    return _names_in(texts.first() or "")


def _names_in(text: str) -> Mapping[str, str]:
    template = template_of(text)
    return template.names if template else {}


def choosable_lines() -> list[Line]:
    """The lines that a campaign may use, the chosen one first."""
    lines = _listed_lines()
    return list(lines.order_by("-is_chosen", "licence_id", "messenger"))


def _listed_lines() -> QuerySet[Line]:
    return Line.objects.filter(is_listed=True)


def _place(page: int, count: int) -> tuple[int, int]:
    """The page that there is, nearest to the one asked for, and how many there are."""
    pages = max(-(-count // PAGE), 1)
    return min(max(page, 1), pages), pages


def _slice(page: int) -> slice:
    return slice((page - 1) * PAGE, page * PAGE)
