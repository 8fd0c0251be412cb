"""A line as its page shows it: what runs, what waits, the last day, what is next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Count

from campaigns.activity import Activity, line_activity
from campaigns.audience import Strangers, count_strangers
from campaigns.hindrances import (
    Hindrance,
    Surroundings,
    look_around_lines,
    why_not_now,
)
from campaigns.line_rules import tally_of
from campaigns.models import Campaign, LineClock, SliceMember
from campaigns.next_up import Due, next_on_line
from campaigns.rules import HOUSE, Rules, Tally
from campaigns.silence import Silence
from campaigns.silence_selectors import read_silence
from campaigns.states import CampaignStatus, MessageStatus
from chatapp.models import Line, Unusable, why_unusable

NEXT_SHOWN = 5
LAST_SHOWN = 10
PAUSED_SHOWN = 20
DAYS_SHOWN = 5


@dataclass(frozen=True)
class Queued:
    """A campaign in the queue of its line, and why nothing of it is sent now."""

    campaign: Campaign
    hindrance: Hindrance | None


@dataclass(frozen=True)
class Asking:
    """A campaign whose trial slice is out, and how many wait for Continue."""

    campaign: Campaign
    count: int


@dataclass(frozen=True)
class LinePage:
    """A line; `queue` begins with the campaign that it serves, `last` are ended ones.

    `hindrance` is the one of the campaign whose turn it is. What is in `asking` may be
    in the queue as well, until its slice has left.
    """

    line: Line
    around: Surroundings
    unusable: Unusable | None
    queue: Sequence[Queued]
    asking: Sequence[Asking]
    paused: Sequence[Campaign]
    last: Sequence[Campaign]
    activity: Activity
    silence: Silence | None
    strangers: Strangers
    next: Sequence[Due]

    @property
    def clock(self) -> LineClock | None:
        return self.around.clocks.get(self.line.pk)

    @property
    def pause_s(self) -> float | None:
        """The pause that was drawn last, in seconds."""
        clock = self.clock
        return (
            None if clock is None or clock.pause_ms is None else clock.pause_ms / 1000
        )

    @property
    def hindrance(self) -> Hindrance | None:
        return self.queue[0].hindrance if self.queue else None

    @property
    def is_kept(self) -> bool:
        """Whether something other than its rules and orders keeps it from sending."""
        hindrance = self.hindrance
        stands = hindrance is not None and not hindrance.is_calm
        return stands or self.unusable is not None

    @property
    def rules(self) -> Rules:
        return self.around.rules[self.line.pk]

    @property
    def tally(self) -> Tally:
        return tally_of(self.clock)

    @property
    def zones(self) -> Sequence[str]:
        """Where those wait to whom it sends now."""
        return self.around.zones.get(self.line.pk, (HOUSE,))

    @property
    def days_off(self) -> Sequence[date]:
        """Those to come, the first ones."""
        today = self.around.now.astimezone(self.rules.zone).date()
        return sorted(d for d in self.rules.hours.days_off if d >= today)[:DAYS_SHOWN]

    @property
    def waiting(self) -> int:
        return _waiting([queued.campaign for queued in self.queue], self.asking)

    @property
    def has_news_to_come(self) -> bool:
        return bool(self.queue)


@dataclass(frozen=True)
class LineGlance:
    """A line on the list of all."""

    line: Line
    unusable: Unusable | None
    queue: Sequence[Campaign]
    asking: Sequence[Asking]
    hindrance: Hindrance | None
    rules: Rules

    @property
    def waiting(self) -> int:
        return _waiting(self.queue, self.asking)

    @property
    def asked(self) -> int:
        """How many of these wait for somebody's click."""
        return sum(asking.count for asking in self.asking)


def list_lines() -> list[LineGlance]:
    """Every line that is listed or has campaigns, the chosen one first."""
    lines = list(
        Line.objects.order_by("-is_chosen", "-is_listed", "licence_id", "messenger")
    )
    around = look_around_lines([line.pk for line in lines])
    asking = _asking([line.pk for line in lines])
    return [_glance(line, around, asking.get(line.pk, ())) for line in lines]


def read_line(*, line_id: int) -> LinePage:
    """A line with its campaigns; raises Line.DoesNotExist."""
    line = Line.objects.get(pk=line_id)
    around = look_around_lines([line_id])
    queue = [Queued(c, why_not_now(c, around)) for c in around.queues.get(line_id, ())]
    hindrance = queue[0].hindrance if queue else None
    campaigns = Campaign.objects.filter(line=line).defer("text", "books", "note")
    paused = campaigns.filter(status=CampaignStatus.PAUSED, waiting__gt=0)
    started = campaigns.filter(started_at__isnull=False)
    # By the indexes (line, status, waiting) and (line).
    ended = started.exclude(status=CampaignStatus.PAUSED).filter(waiting=0)
    return LinePage(
        line=line,
        around=around,
        unusable=why_unusable(line, around.now),
        queue=queue,
        asking=_asking([line_id]).get(line_id, ()),
        paused=list(paused.order_by("-id")[:PAUSED_SHOWN]),
        last=list(ended.order_by("-id")[:LAST_SHOWN]),
        activity=line_activity(line_id, around.now),
        silence=read_silence(around.now, line_id=line_id),
        strangers=count_strangers(line_id, around.now),
        next=next_on_line(line_id, around, hindrance, most=NEXT_SHOWN),
    )


def _asking(line_ids: Sequence[int]) -> dict[int, list[Asking]]:
    """By line what waits for a click there; by the index (line, status, waiting)."""
    campaigns = list(
        Campaign.objects.filter(
            line__in=line_ids,
            status=CampaignStatus.RUNNING,
            waiting__gt=0,
            slice_is_open=True,
        )
        .defer("text", "books", "note")
        .order_by("started_at", "pk")
    )
    members = SliceMember.objects.filter(
        campaign__in=campaigns, message__status=MessageStatus.WAITING
    )
    to_leave = dict(
        members.values_list("campaign").annotate(count=Count("pk")).order_by()
    )
    found: dict[int, list[Asking]] = {}
    for campaign in campaigns:
        count = campaign.waiting - to_leave.get(campaign.pk, 0)
        found.setdefault(campaign.line_id, []).append(Asking(campaign, count))
    return found


def _waiting(queue: Sequence[Campaign], asking: Sequence[Asking]) -> int:
    campaigns = {*queue, *(it.campaign for it in asking)}
    return sum(campaign.waiting for campaign in campaigns)


def _glance(line: Line, around: Surroundings, asking: Sequence[Asking]) -> LineGlance:
    queue = around.queues.get(line.pk, ())
    return LineGlance(
        line,
        why_unusable(line, around.now),
        queue,
        asking,
        why_not_now(queue[0], around) if queue else None,
        around.rules[line.pk],
    )
