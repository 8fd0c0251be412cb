"""What became of a trial slice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from asgi_app.database import orm_now
from campaigns.forecast import Forecast
from campaigns.forecast_selectors import read_forecast
from campaigns.intervals import Interval, wilson_with_open
from campaigns.models import Campaign, Message, SliceMember
from campaigns.results import QUIET
from campaigns.states import CampaignStatus, MessageStatus

_UNDECIDED = frozenset(
    {
        MessageStatus.WAITING,
        MessageStatus.CLAIMED,
        MessageStatus.UNSURE,
        MessageStatus.ASSUMED_SENT,
        MessageStatus.ACCEPTED,
        MessageStatus.SENT,
    }
)
_NEVER_LEFT = frozenset({MessageStatus.CANCELLED, MessageStatus.EXPIRED})


@dataclass(frozen=True)
class Outcome:
    """How many of a slice have come so far, how many may still, and what that tells."""

    reached: int
    open_ones: int
    count: int

    @property
    def at_most(self) -> int:
        return self.reached + self.open_ones

    @property
    def interval(self) -> Interval:
        return wilson_with_open(self.reached, self.count, self.open_ones)

    @property
    def least_percent(self) -> int:
        return round(self.interval.least * 100)

    @property
    def most_percent(self) -> int:
        return round(self.interval.most * 100)


@dataclass(frozen=True)
class SlicePage:
    """A slice with its members; those that never left tell nothing and are left out."""

    campaign: Campaign
    now: datetime
    members: Sequence[Message]
    counts: Mapping[str, int]
    delivered: Outcome
    read: Outcome
    forecast: Forecast | None

    @property
    def still_to_leave(self) -> int:
        return sum(
            self.counts.get(s, 0)
            for s in (MessageStatus.WAITING, MessageStatus.CLAIMED)
        )

    @property
    def have_all_left(self) -> bool:
        never = sum(self.counts.get(status, 0) for status in _NEVER_LEFT)
        return not (self.still_to_leave or never)

    @property
    def others(self) -> int:
        """How many wait for the click."""
        return self.campaign.waiting - self.counts.get(MessageStatus.WAITING, 0)

    @property
    def may_continue(self) -> bool:
        lasting = {CampaignStatus.RUNNING, CampaignStatus.PAUSED}
        return self.campaign.slice_is_open and self.campaign.status in lasting

    @property
    def has_news_to_come(self) -> bool:
        """Whether some may still climb: until it has been quiet for long."""
        if self.still_to_leave:
            return self.may_continue
        moments = [(m.read_at, m.delivered_at, m.answered_at) for m in self.members]
        lately = max((at for of in moments for at in of if at), default=None)
        is_quiet = lately is None or self.now - lately >= QUIET
        return bool(self.read.open_ones) and not is_quiet


def read_slice(*, campaign_id: int) -> SlicePage:
    """The slice of a campaign; raises Campaign.DoesNotExist where it has none."""
    campaign = Campaign.objects.select_related("line").get(pk=campaign_id)
    chosen = SliceMember.objects.filter(campaign=campaign).select_related("message")
    members = [member.message for member in chosen.order_by("message_id")]
    if not members:
        raise Campaign.DoesNotExist
    now = orm_now()
    counts = Counter(message.status for message in members)
    told = len(members) - sum(counts[status] for status in _NEVER_LEFT)
    undecided = sum(counts[status] for status in _UNDECIDED)
    arrived = counts[MessageStatus.DELIVERED] + counts[MessageStatus.READ]
    return SlicePage(
        campaign=campaign,
        now=now,
        members=members,
        counts={status: counts[status] for status in MessageStatus if counts[status]},
        delivered=Outcome(arrived, undecided, told),
        read=Outcome(
            counts[MessageStatus.READ],
            undecided + counts[MessageStatus.DELIVERED],
            told,
        ),
        forecast=read_forecast(campaign, now),
    )
