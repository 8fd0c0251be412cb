"""What pages and commands read; synchronous, a view calls them through `in_orm`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, QuerySet

from asgi_app.database import orm_now
from campaigns.forecast import Forecast
from campaigns.forecast_selectors import read_forecast, read_forecasts
from campaigns.hindrances import Hindrance, look_around, why_not_now
from campaigns.models import Action, Campaign, ListRemark, Message
from campaigns.receipts import Tally
from campaigns.states import CampaignStatus
from chatapp.models import Line

PAGE = 100
REMARKS_SHOWN = 500
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
    remarks: Sequence[ListRemark]
    tallies: Sequence[Tally]
    actions: Sequence[Action]
    forecast: Forecast | None

    @property
    def first(self) -> int:
        """The place on the list of the first message of this page, from 1."""
        return (self.page - 1) * PAGE + 1

    @property
    def remark_count(self) -> int:
        return sum(tally.count for tally in self.tallies)


@dataclass(frozen=True)
class Receipt:
    """What there is to say of a campaign's list, a page of it."""

    campaign: Campaign
    remarks: Sequence[ListRemark]
    tallies: Sequence[Tally]
    page: int
    pages: int


def has_news_to_come(campaign: Campaign) -> bool:
    """Whether the program still works on it, or waits for an answer."""
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
    messages = Message.objects.filter(campaign=campaign).order_by("id")
    remarks = ListRemark.objects.filter(campaign=campaign)
    actions = Action.objects.filter(campaign=campaign).order_by("-id")
    return CampaignPage(
        campaign=campaign,
        now=now,
        messages=list(messages[_slice(page)]),
        page=page,
        pages=pages,
        remarks=list(remarks[:REMARKS_SHOWN]),
        tallies=read_tallies(campaign),
        actions=list(actions[:ACTIONS_SHOWN])[::-1],
        forecast=read_forecast(campaign, now),
    )


def read_receipt(*, campaign_id: int, page: int) -> Receipt:
    """A campaign's remarks, a page of them; raises Campaign.DoesNotExist."""
    campaign = Campaign.objects.get(pk=campaign_id)
    remarks = ListRemark.objects.filter(campaign=campaign)
    tallies = read_tallies(campaign)
    page, pages = _place(page, sum(tally.count for tally in tallies))
    return Receipt(campaign, list(remarks[_slice(page)]), tallies, page, pages)


def choosable_lines() -> list[Line]:
    """The lines that a campaign may use, the chosen one first."""
    lines = _listed_lines()
    return list(lines.order_by("-is_chosen", "licence_id", "messenger"))


def _listed_lines() -> QuerySet[Line]:
    return Line.objects.filter(is_listed=True)


def read_tallies(campaign: Campaign) -> list[Tally]:
    """The remarks counted by reason, what was left out first."""
    counted = (
        ListRemark.objects.filter(campaign=campaign)
        .order_by("is_kept", "reason")
        .values_list("reason", "is_kept")
        .annotate(count=Count("id"))
    )
    return [Tally(*row) for row in counted]


def _place(page: int, count: int) -> tuple[int, int]:
    """The page that there is, nearest to the one asked for, and how many there are."""
    pages = max(-(-count // PAGE), 1)
    return min(max(page, 1), pages), pages


def _slice(page: int) -> slice:
    return slice((page - 1) * PAGE, page * PAGE)
