"""Reads from the database what a forecast needs; synchronous, a handful of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from django.conf import settings
from django.utils.dateparse import parse_datetime

from campaigns.clocks import read_clocks
from campaigns.forecast import (
    Answers,
    Condition,
    Forecast,
    LineNow,
    Pace,
    Work,
    foresee,
    lay_out,
    measure,
)
from campaigns.history import EventKind
from campaigns.line_rules import count_zones, rules_of, tally_of
from campaigns.models import Action, Campaign, Event, LineClock, Message, SliceMember
from campaigns.pacing import Bounds
from campaigns.plan import Plan
from campaigns.rules import Rules
from campaigns.states import CampaignStatus, MessageStatus, Pacing
from campaigns.turns import turn_of, waiting_on, with_scheduled

ANSWERS = 20
# In how many of a line's campaigns these are looked for.
LOOKED_IN = 3
# What begins and ends a pause, and what makes a new plan.
_OF_A_PAUSE = ("paused", "resumed", "started", "continued")
# Delays that have long passed were missed, and are drawn anew.
MISSED = timedelta(seconds=60)


def pace_now() -> Pace:
    """The pace that the settings ask for."""
    bounds = Bounds(settings.SEND_DELAY_MIN, settings.SEND_DELAY_MAX)
    return Pace(bounds, settings.CHATAPP_RATE_LIMIT)


@dataclass(frozen=True)
class KnownLine:
    """What was read of a line before, with what waits on it in its order."""

    clock: LineClock | None
    rules: Rules
    queue: Sequence[Campaign]


def read_forecast(
    campaign: Campaign, now: datetime, known: KnownLine | None = None
) -> Forecast | None:
    """When a campaign ends; a draft, if started now; None where nothing waits."""
    lines = {} if known is None else {campaign.line_id: known}
    return read_forecasts([campaign], now, lines).get(campaign.pk)


def read_forecasts(
    campaigns: Iterable[Campaign],
    now: datetime,
    known: Mapping[int, KnownLine] = MappingProxyType({}),
) -> Mapping[int, Forecast]:
    """Forecasts by campaign, of those with something to send."""
    waiting = [
        campaign
        for campaign in campaigns
        if campaign.waiting and campaign.status != CampaignStatus.CANCELLED
    ]
    lines = {
        line_id: read_line_plan(line_id, now, known.get(line_id))
        for line_id in {campaign.line_id for campaign in waiting}
    }
    paused = _paused_since_plan([c.pk for c in waiting if c.planned_end_at], now)
    return {
        c.pk: replace(lines[c.line_id].foresee(c), paused=paused.get(c.pk, timedelta()))
        for c in waiting
    }


def _paused_since_plan(
    campaign_ids: Sequence[int], now: datetime
) -> dict[int, timedelta]:
    """For how long operators have paused each of them since its plan was made."""
    actions = Action.objects.filter(campaign__in=campaign_ids, verb__in=_OF_A_PAUSE)
    paused: dict[int, timedelta] = {}
    since: dict[int, datetime] = {}
    told = actions.order_by("pk").values_list("campaign", "verb", "at")
    for pk, verb, at in told:
        begun = since.pop(pk, None)
        if begun is not None:
            paused[pk] = paused.get(pk, timedelta()) + (at - begun)
        if verb == "paused":
            since[pk] = at
        elif verb != "resumed":
            paused.pop(pk, None)
    for pk, begun in since.items():
        paused[pk] = paused.get(pk, timedelta()) + (now - begun)
    return paused


@dataclass(frozen=True)
class LinePlan:
    """A line at this moment, with the campaigns to come on it in their order."""

    state: LineNow
    is_held: bool
    campaigns: Sequence[Campaign]

    def foresee(self, campaign: Campaign) -> Forecast:
        works = self._works([*self.ahead_of(campaign), campaign], own=campaign)
        *before, last = works
        found = foresee(self.state, before, last, pace=pace_now())
        return replace(
            found,
            condition=self._condition(campaign),
            planned_at=campaign.planned_end_at,
            planned_band=timedelta(seconds=campaign.planned_band_s or 0),
        )

    def ahead_of(self, campaign: Campaign) -> list[Campaign]:
        """What is served before it; before a draft, what would be if it started now."""
        own = turn_of(campaign, if_started_at=self.state.now)
        return [c for c in self.campaigns if turn_of(c) < own]

    def lay_out(self, campaigns: Sequence[Campaign]) -> Plan:
        """These campaigns one behind another, from now on."""
        return lay_out(self.state, self._works(campaigns), pace=pace_now())

    def _works(
        self, campaigns: Sequence[Campaign], own: Campaign | None = None
    ) -> list[Work]:
        """What these send, in this order; of `own` what waits for its slice too."""
        return [
            self._work(
                campaign,
                is_own=campaign == own,
                is_first=campaign == campaigns[0],
            )
            for campaign in campaigns
        ]

    def _condition(self, campaign: Campaign) -> Condition | None:
        if campaign.status == CampaignStatus.DRAFT:
            return None if campaign.start_at else Condition.STARTED
        if campaign.status == CampaignStatus.PAUSED:
            return Condition.RESUMED
        if campaign.slice_is_open and campaign.has_started:
            return Condition.CONTINUED
        return Condition.LINE_GOES_ON if self.is_held else None

    def _work(self, campaign: Campaign, *, is_own: bool, is_first: bool) -> Work:
        work = Work(
            campaign.waiting if is_own else to_send(campaign),
            Pacing(campaign.pacing),
            zones=count_zones(campaign, self.state.rules),
            not_before=None if campaign.started_at else campaign.start_at,
            is_trial=campaign.is_trial,
        )
        # Resume draws anew, and so does Continue.
        waits_for_click = campaign.status == CampaignStatus.PAUSED or (
            is_own and campaign.slice_is_open
        )
        is_drawn_anew = campaign.draw_anew or waits_for_click
        if work.pacing == Pacing.ONE_AFTER_ANOTHER or is_drawn_anew:
            return work
        delay = timedelta(milliseconds=_last_delay_ms(campaign))
        if campaign.delays_from is None:
            return replace(work, last_delay_s=delay.total_seconds())
        last_at, state = campaign.delays_from + delay, self.state
        # While something is under way the clock shows when that is given up.
        goes_on_at = state.now if state.is_under_way else max(state.now, state.free_at)
        if goes_on_at - last_at > MISSED or not is_first:
            return work
        return replace(work, last_at=max(last_at, goes_on_at))


def read_line_plan(
    line_id: int, now: datetime, known: KnownLine | None = None
) -> LinePlan:
    """What is `known` of the line is not read again."""
    if known is None:
        known = KnownLine(
            read_clocks([line_id], now).get(line_id),
            rules_of(line_id),
            waiting_on(line_id),
        )
    clock = known.clock
    # By the index on what is claimed, which is never much.
    claimed = Campaign.objects.filter(claimed__gt=0, line_id=line_id)
    state = LineNow(
        now=now,
        free_at=clock.next_at if clock else now,
        is_under_way=claimed.exists(),
        answers=_read_answers(line_id),
        rules=known.rules,
        tally=tally_of(clock),
    )
    is_held = clock is not None and bool(clock.stopped_at or clock.held_code)
    return LinePlan(state, is_held, with_scheduled(line_id, known.queue))


def to_send(campaign: Campaign) -> int:
    """How many may leave without another click: of a slice only its members."""
    if not campaign.slice_is_open:
        return campaign.waiting
    members = SliceMember.objects.filter(campaign=campaign)
    return members.filter(message__status=MessageStatus.WAITING).count()


def _last_delay_ms(campaign: Campaign) -> int:
    """By the index on campaign, status and delay."""
    delays = Message.objects.filter(campaign=campaign, status=MessageStatus.WAITING)
    last = delays.order_by("-delay_ms").values_list("delay_ms", flat=True).first()
    return last or 0


def _read_answers(line_id: int) -> Answers:
    """How long the line's last messages took from their turn to their answer."""
    served = Campaign.objects.filter(
        line_id=line_id, pacing=Pacing.ONE_AFTER_ANOTHER, served_at__isnull=False
    ).order_by("-id")
    answered: dict[int, datetime] = {}
    for pk in served.values_list("pk", flat=True)[:LOOKED_IN]:
        # By the index on campaign and answer.
        last = Message.objects.filter(campaign=pk, answered_at__isnull=False)
        newest = last.order_by("-answered_at").values_list("pk", "answered_at")
        rows = newest[: ANSWERS - len(answered)]
        answered |= {message: at for message, at in rows if at is not None}
        if len(answered) == ANSWERS:
            break
    claims = Event.objects.filter(message__in=list(answered), kind=EventKind.CLAIMED)
    turns: dict[int, datetime] = {}
    for pk, detail in claims.order_by("id").values_list("message_id", "detail"):
        planned_at = parse_datetime(detail.get("planned_at", ""))
        if planned_at is not None:
            turns[pk] = planned_at
    return measure([(answered[pk] - at).total_seconds() for pk, at in turns.items()])
