"""The page of a campaign that was started, as one reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, QuerySet

from campaigns import wording
from campaigns.activity import Activity, campaign_activity
from campaigns.failures import Failures, read_failures
from campaigns.forecast import Forecast
from campaigns.forecast_selectors import read_forecast
from campaigns.hindrances import Hindrance, look_around, why_not_now
from campaigns.message_pages import PAGE, MessagePage, Wanted, read_messages
from campaigns.models import (
    Action,
    CallbackCount,
    Campaign,
    Message,
    ShelvedStatus,
)
from campaigns.next_up import Due, next_of
from campaigns.receipt_selectors import receipt_of_campaign
from campaigns.receipts import Receipt
from campaigns.selectors import (
    ACTIONS_SHOWN,
    CampaignPage,
    has_news_to_come,
    read_campaign,
)
from campaigns.silence import Silence
from campaigns.silence_selectors import read_silence
from campaigns.states import CampaignStatus, MessageStatus

# Without a status for so long the page stops reloading.
QUIET = timedelta(minutes=10)


@dataclass(frozen=True)
class Shelved:
    """Statuses that may be ours and have not found their message."""

    count: int
    oldest_at: datetime


@dataclass(frozen=True)
class Glance:
    """Who has it, who does not, what nobody knows, and what is still to come."""

    total: int
    got: int
    read: int
    on_the_way: int
    missed: int
    unknown: int
    waiting: int

    @classmethod
    def of(cls, campaign: Campaign) -> Glance:
        return cls(
            total=campaign.total,
            got=campaign.delivered + campaign.read,
            read=campaign.read,
            on_the_way=campaign.accepted + campaign.sent + campaign.claimed,
            missed=campaign.failed + campaign.cancelled + campaign.expired,
            unknown=campaign.unsure + campaign.assumed_sent,
            waiting=campaign.waiting,
        )

    @property
    def percent(self) -> int:
        """Of all, how many have it; 100 only when all of them do."""
        return self.got * 100 // self.total if self.total else 0


@dataclass(frozen=True)
class ResultsPage:
    """A campaign as its page shows it at `now`.

    `under_way` are requests that may be at ChatApp now; `actions` are the last ones,
    oldest first; `next` is only there while nothing hinders it.
    """

    campaign: Campaign
    now: datetime
    hindrance: Hindrance | None
    next: Due | None
    page: MessagePage
    failures: Failures
    activity: Activity | None
    receipt: Receipt
    actions: Sequence[Action]
    under_way: Sequence[Message]
    unsure: Sequence[Message]
    last_status_at: datetime | None
    shelved: Shelved | None
    forecast: Forecast | None
    silence: Silence | None

    @property
    def glance(self) -> Glance:
        return Glance.of(self.campaign)

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


def read_page(
    *, campaign_id: int, page: int, wanted: Wanted
) -> CampaignPage | ResultsPage:
    """A draft with a page of its phones, or what has become of a campaign since.

    Raises Campaign.DoesNotExist.
    """
    campaign = Campaign.objects.select_related("line", "trial_of").get(pk=campaign_id)
    if campaign.status == CampaignStatus.DRAFT:
        return read_campaign(campaign_id=campaign_id, page=page)
    return _read_results(campaign, wanted)


def _read_results(campaign: Campaign, wanted: Wanted) -> ResultsPage:
    around = look_around([campaign])
    hindrance = why_not_now(campaign, around)
    messages = Message.objects.filter(campaign=campaign)
    actions = Action.objects.filter(campaign=campaign).order_by("-id")
    return ResultsPage(
        campaign=campaign,
        now=around.now,
        hindrance=hindrance,
        next=next_of(campaign, around) if hindrance is None else None,
        page=read_messages(campaign, wanted),
        failures=read_failures(campaign),
        activity=campaign_activity(campaign, around.now),
        receipt=receipt_of_campaign(campaign),
        actions=list(actions[:ACTIONS_SHOWN])[::-1],
        under_way=_first(messages, MessageStatus.CLAIMED, campaign.claimed),
        unsure=_first(messages, MessageStatus.UNSURE, campaign.unsure),
        shelved=_shelved_for(campaign),
        forecast=read_forecast(campaign, around.now, around.line(campaign.line_id)),
        silence=read_silence(around.now, line_id=campaign.line_id),
        last_status_at=CallbackCount.objects.filter(kind="status").aggregate(
            last=Max("last_at")
        )["last"],
    )


def _first(
    messages: QuerySet[Message], status: MessageStatus, count: int
) -> list[Message]:
    """The first messages with a status, by (campaign, status, delay_ms)."""
    rows = messages.filter(status=status).order_by("delay_ms", "id")
    return list(rows[:PAGE]) if count else []


def _shelved_for(campaign: Campaign) -> Shelved | None:
    """What waits on the shelf for a message of this campaign, as far as can be told.

    Callbacks cover the whole line, people's own chats included: only a phone whose
    message has no settled answer can be meant.
    """
    if not (campaign.unsure or campaign.claimed):
        return None
    open_ones = {MessageStatus.UNSURE, MessageStatus.CLAIMED}
    phones = Message.objects.filter(campaign=campaign, status__in=open_ones)
    first = phones.order_by("status", "delay_ms", "id").values_list("phone", flat=True)
    digits = [phone.lstrip("+") for phone in first[:PAGE]]
    found = ShelvedStatus.objects.filter(is_not_ours=False, phone__in=digits).aggregate(
        count=Count("pk"), oldest=Min("arrived_at")
    )
    return Shelved(found["count"], found["oldest"]) if found["count"] else None
