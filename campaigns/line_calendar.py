"""A line hour by hour: what was sent, what is planned, and why in between nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from asgi_app.database import orm_now
from campaigns.forecast import Forecast
from campaigns.forecast_selectors import LinePlan, read_line_plan
from campaigns.line_hours import (
    Day,
    count_past,
    count_planned,
    empty_day,
    explain_future,
    explain_past,
)
from campaigns.models import Campaign
from campaigns.plan import Plan
from campaigns.rules import Rules, warm_up_cap, warm_up_step
from campaigns.states import CampaignStatus
from chatapp.models import Line

DAYS = 14
DAYS_BACK = 6
# The start of another campaign that moves by less is no collision.
NOTABLE = timedelta(minutes=1)


@dataclass(frozen=True)
class Collision:
    """A campaign that shares the line with a draft, and what they do to each other.

    The draft waits for one that `is_before` it until `ends_at`; one that starts by
    itself later begins `later` because of the draft.
    """

    campaign: Campaign
    ends_at: datetime
    later: timedelta = timedelta()

    @property
    def is_before(self) -> bool:
        return not self.later


@dataclass(frozen=True)
class LineCalendar:
    """Days of a line; with a draft as if that were started now."""

    line: Line
    now: datetime
    rules: Rules
    days: Sequence[Day]
    draft: Campaign | None = None
    collisions: Sequence[Collision] = field(default=())
    begins_at: datetime | None = None
    ends_at: datetime | None = None

    @property
    def first(self) -> date:
        return self.days[0].day

    @property
    def earlier(self) -> date:
        return self.first - timedelta(days=len(self.days))

    @property
    def later(self) -> date:
        return self.first + timedelta(days=len(self.days))


def read_calendar(
    *, line_id: int, first: date | None = None, days: int = DAYS
) -> LineCalendar:
    """So many days of a line from `first` on; raises Line.DoesNotExist."""
    line = Line.objects.get(pk=line_id)
    plan = read_line_plan(line_id, orm_now())
    return _calendar(line, plan, first=first, count=days)


def place_draft(*, campaign_id: int) -> LineCalendar:
    """The days to come with a draft among them; raises Campaign.DoesNotExist."""
    draft = Campaign.objects.select_related("line").get(
        pk=campaign_id, status=CampaignStatus.DRAFT
    )
    now = orm_now()
    plan = read_line_plan(draft.line_id, now)
    today = now.astimezone(plan.state.rules.zone).date()
    return _calendar(draft.line, plan, first=today, count=DAYS, draft=draft)


def _calendar(
    line: Line,
    plan: LinePlan,
    *,
    first: date | None,
    count: int,
    draft: Campaign | None = None,
) -> LineCalendar:
    now, rules = plan.state.now, plan.state.rules
    first = first or now.astimezone(rules.zone).date() - timedelta(days=DAYS_BACK)
    days = [empty_day(first + timedelta(days=n), rules) for n in range(count)]
    hours = {hour.since: hour for day in days for hour in day.hours if hour}
    campaigns = list(plan.campaigns)
    place = None
    if draft and draft.waiting:
        place = len(plan.ahead_of(draft))
        campaigns.insert(place, draft)
    laid = plan.lay_out(campaigns) if campaigns else None
    count_past(line, hours, rules, now)
    explain_past(line, hours, now)
    count_planned(laid, hours, rules, now, place)
    explain_future(laid, hours, rules, now)
    found = LineCalendar(line, now, rules, _with_steps(days, plan), draft)
    if laid is None or place is None:
        return found
    return replace(
        found,
        collisions=_collisions(plan, campaigns, laid, place),
        begins_at=laid.laid[place].begins_at,
        ends_at=laid.laid[place].ends_at,
    )


def _with_steps(days: Sequence[Day], plan: LinePlan) -> list[Day]:
    """What may leave on each day from today on, by what is planned to leave before."""
    rules, now, tally = plan.state.rules, plan.state.now, plan.state.tally
    today = now.astimezone(rules.zone).date()
    found = []
    for day in days:
        if day.day >= today:
            noon = datetime.combine(day.day, time(12), rules.zone)
            step, climb = (
                warm_up_step(rules, tally, noon),
                warm_up_cap(rules, tally, noon),
            )
            caps = [cap for cap in (rules.day_cap, climb) if cap is not None]
            day = replace(day, step=step, cap=min(caps, default=None))
            if day.planned:
                tally = tally.after(day.planned, noon, rules.zone)
        found.append(day)
    return found


@dataclass(frozen=True)
class Placed:
    """A draft on its line, when it ends, and what it meets there.

    `left_over` is how many it is too late for. Nothing is foreseen of an empty one.
    """

    forecast: Forecast | None = None
    collisions: Sequence[Collision] = ()
    left_over: int = 0


def place(draft: Campaign, now: datetime) -> Placed:
    """Puts a draft among what its line has to send."""
    if not draft.waiting:
        return Placed()
    plan = read_line_plan(draft.line_id, now)
    own = len(plan.ahead_of(draft))
    campaigns = [*plan.campaigns[:own], draft, *plan.campaigns[own:]]
    laid = plan.lay_out(campaigns)
    left_over = draft.waiting - _left_by(laid, own, draft.use_until)
    return Placed(
        plan.foresee(draft), _collisions(plan, campaigns, laid, own), left_over
    )


def _left_by(plan: Plan, stint: int, until: datetime | None) -> int:
    """How many of a stint leave before a moment."""
    count = 0
    for run in plan.runs:
        if run.stint != stint:
            continue
        if until is None or run.until <= until:
            count += run.count
        elif run.at < until:
            share = (until - run.at) / (run.until - run.at)
            count += math.ceil(run.count * share)
    return count


def _collisions(
    plan: LinePlan, campaigns: Sequence[Campaign], laid: Plan, place: int
) -> list[Collision]:
    """What shares the line with the draft: what is before it, and what it delays."""
    found = [
        Collision(campaign, laid.laid[number].ends_at)
        for number, campaign in enumerate(campaigns[:place])
    ]
    behind = campaigns[place + 1 :]
    if not behind:
        return found
    without = plan.lay_out([*campaigns[:place], *behind])
    for number, campaign in enumerate(behind, start=place):
        later = laid.laid[number + 1].begins_at - without.laid[number].begins_at
        if later > NOTABLE:
            ends_at = laid.laid[number + 1].ends_at
            found.append(Collision(campaign, ends_at, later))
    return found
