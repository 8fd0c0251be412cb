"""What pages and commands read; synchronous, a view calls them through `in_orm`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, QuerySet

from asgi_app.database import orm_now
from campaigns import wording
from campaigns.forecast import Forecast
from campaigns.forecast_selectors import read_forecast, read_forecasts
from campaigns.models import (
    Action,
    CallbackCount,
    Campaign,
    LineClock,
    ListRemark,
    Message,
    ShelvedStatus,
)
from campaigns.receipts import Tally
from campaigns.states import CampaignStatus, MessageStatus
from campaigns.turns import campaigns_ahead
from chatapp.models import Line

PAGE = 100
REMARKS_SHOWN = 500
ACTIONS_SHOWN = 50
# A line this late is not late by chance: the sweep rings it every few seconds.
LATE = timedelta(seconds=20)
# Without a status for so long the page stops reloading.
QUIET = timedelta(minutes=10)


@dataclass(frozen=True)
class CampaignList:
    """A page of campaigns; `has_lines` is asked only when there are none.

    `forecasts` are by campaign, of those that have started and not ended.
    """

    campaigns: Sequence[Campaign]
    page: int
    pages: int
    has_lines: bool = True
    forecasts: Mapping[int, Forecast] = field(default_factory=dict)

    @property
    def has_news_to_come(self) -> bool:
        return any(has_news_to_come(campaign) for campaign in self.campaigns)


@dataclass(frozen=True)
class Shelved:
    """Statuses that may be ours and have not found their message."""

    count: int
    oldest_at: datetime


@dataclass(frozen=True)
class CampaignPage:
    """A campaign as its page shows it at `now`.

    `ahead` is the campaign that the line serves before this one; `under_way` are
    requests that may be at ChatApp now; `actions` are the last ones, oldest first.
    """

    campaign: Campaign
    now: datetime
    messages: Sequence[Message]
    page: int
    pages: int
    remarks: Sequence[ListRemark]
    tallies: Sequence[Tally]
    actions: Sequence[Action]
    clock: LineClock | None
    ahead: Campaign | None
    under_way: Sequence[Message]
    unsure: Sequence[Message]
    last_status_at: datetime | None
    shelved: Shelved | None
    forecast: Forecast | None

    @property
    def books(self) -> str:
        """The sum of the books as the worker counted them from the rows."""
        return wording.books(self.campaign)

    @property
    def has_news_to_come(self) -> bool:
        """Whether reloading the page may show something new."""
        return has_news_to_come(self.campaign) or self._may_climb

    @property
    def _may_climb(self) -> bool:
        """Whether statuses still come: some have not ended, and one came lately."""
        campaign = self.campaign
        lately = max(
            filter(None, [self.last_status_at, campaign.served_at]), default=None
        )
        open_ones = campaign.accepted + campaign.sent + campaign.delivered
        return bool(
            campaign.has_started
            and (open_ones or campaign.unsure)
            and lately is not None
            and self.now - lately < QUIET
        )

    @property
    def first(self) -> int:
        """The place on the list of the first message of this page, from 1."""
        return (self.page - 1) * PAGE + 1

    @property
    def remark_count(self) -> int:
        return sum(tally.count for tally in self.tallies)

    @property
    def stopped(self) -> Action | None:
        """Who paused or cancelled it last, and when."""
        verbs = {CampaignStatus.PAUSED, CampaignStatus.CANCELLED}
        return next((a for a in reversed(self.actions) if a.verb in verbs), None)

    @property
    def next_at(self) -> datetime | None:
        """When its next message is due; None when that is not for its line to say."""
        campaign = self.campaign
        is_next = (
            campaign.status == CampaignStatus.RUNNING
            and campaign.waiting
            and not campaign.claimed
            and self.ahead is None
        )
        return self.clock.next_at if self.clock and is_next else None

    @property
    def braked(self) -> LineClock | None:
        """The clock of a line that was stopped while this campaign has messages."""
        campaign, clock = self.campaign, self.clock
        waits = campaign.status == CampaignStatus.RUNNING and campaign.waiting
        return clock if clock and clock.stopped_at and waits else None

    @property
    def held(self) -> LineClock | None:
        """The clock of a line that is held back, with the reason."""
        return self.clock if self.next_at and self.clock.held_code else None  # type: ignore[union-attr]

    @property
    def is_late(self) -> bool:
        """Whether the next message is so late that no worker seems to be there."""
        return self.next_at is not None and self.now - self.next_at > LATE


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
    campaigns = Campaign.objects.select_related("line", "trial_of").order_by("-id")
    shown = list(campaigns[_slice(page)])
    return CampaignList(
        shown,
        page,
        pages,
        has_lines=bool(count) or _listed_lines().exists(),
        forecasts=read_forecasts((c for c in shown if c.has_started), orm_now()),
    )


def read_campaign(*, campaign_id: int, page: int) -> CampaignPage:
    """A campaign with a page of its messages; raises Campaign.DoesNotExist."""
    found = Campaign.objects.select_related("line", "trial_of")
    campaign = found.get(pk=campaign_id)
    now = orm_now()
    page, pages = _place(page, campaign.total)
    messages = Message.objects.filter(campaign=campaign).order_by("id")
    remarks = ListRemark.objects.filter(campaign=campaign)
    # The list is spoken of in full before the start, later on a page of its own.
    shown = REMARKS_SHOWN if campaign.status == CampaignStatus.DRAFT else 0
    actions = Action.objects.filter(campaign=campaign).order_by("-id")
    claimed = messages.filter(status=MessageStatus.CLAIMED)
    return CampaignPage(
        campaign=campaign,
        now=now,
        messages=list(messages[_slice(page)]),
        page=page,
        pages=pages,
        remarks=list(remarks[:shown]),
        tallies=_tallies(campaign),
        actions=list(actions[:ACTIONS_SHOWN])[::-1],
        clock=LineClock.objects.filter(line=campaign.line_id).first(),
        ahead=_ahead_of(campaign),
        under_way=list(claimed[:PAGE]) if campaign.claimed else [],
        unsure=(
            list(messages.filter(status=MessageStatus.UNSURE)[:PAGE])
            if campaign.unsure
            else []
        ),
        shelved=_shelved_for(campaign),
        forecast=read_forecast(campaign, now),
        last_status_at=CallbackCount.objects.filter(kind="status").aggregate(
            last=Max("last_at")
        )["last"],
    )


def read_receipt(*, campaign_id: int, page: int) -> Receipt:
    """A campaign's remarks, a page of them; raises Campaign.DoesNotExist."""
    campaign = Campaign.objects.get(pk=campaign_id)
    remarks = ListRemark.objects.filter(campaign=campaign)
    tallies = _tallies(campaign)
    page, pages = _place(page, sum(tally.count for tally in tallies))
    return Receipt(campaign, list(remarks[_slice(page)]), tallies, page, pages)


def choosable_lines() -> list[Line]:
    """The lines that a campaign may use, the chosen one first."""
    lines = _listed_lines()
    return list(lines.order_by("-is_chosen", "licence_id", "messenger"))


def _listed_lines() -> QuerySet[Line]:
    return Line.objects.filter(is_listed=True)


def _tallies(campaign: Campaign) -> list[Tally]:
    """The remarks counted by reason, what was left out first."""
    counted = (
        ListRemark.objects.filter(campaign=campaign)
        .order_by("is_kept", "reason")
        .values_list("reason", "is_kept")
        .annotate(count=Count("id"))
    )
    return [Tally(*row) for row in counted]


def _shelved_for(campaign: Campaign) -> Shelved | None:
    """What waits on the shelf for a message of this campaign, as far as can be told.

    Callbacks cover the whole line, people's own chats included: only a phone whose
    message has no settled answer can be meant.
    """
    if not (campaign.unsure or campaign.claimed):
        return None
    open_ones = {MessageStatus.UNSURE, MessageStatus.CLAIMED}
    phones = Message.objects.filter(campaign=campaign, status__in=open_ones)
    first = phones.order_by("id").values_list("phone", flat=True)[:PAGE]
    digits = [phone.lstrip("+") for phone in first]
    found = ShelvedStatus.objects.filter(is_not_ours=False, phone__in=digits).aggregate(
        count=Count("pk"), oldest=Min("arrived_at")
    )
    return Shelved(found["count"], found["oldest"]) if found["count"] else None


def _ahead_of(campaign: Campaign) -> Campaign | None:
    if campaign.status != CampaignStatus.RUNNING or not campaign.waiting:
        return None
    return next(iter(campaigns_ahead(campaign)), None)


def _place(page: int, count: int) -> tuple[int, int]:
    """The page that there is, nearest to the one asked for, and how many there are."""
    pages = max(-(-count // PAGE), 1)
    return min(max(page, 1), pages), pages


def _slice(page: int) -> slice:
    return slice((page - 1) * PAGE, page * PAGE)
