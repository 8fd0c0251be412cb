"""What the page before the start reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from asgi_app.database import orm_now
from campaigns.alikeness import MATTERS_FROM, Alikeness, measure
from campaigns.audience import (
    Lately,
    NewStrangers,
    count_new_strangers,
    read_lately,
)
from campaigns.forecast import Forecast
from campaigns.forecast_selectors import pace_now, read_forecast
from campaigns.haste import Haste, find_haste
from campaigns.last_moment import LastMoment
from campaigns.line_calendar import Collision, place
from campaigns.models import Campaign, Message
from campaigns.pacing import Bounds
from campaigns.seals import seal_of
from campaigns.sending_order import first_recipients, last_recipients
from campaigns.states import MessageStatus, Pacing
from campaigns.texts import BadText, MissingValue, Template, read_template
from campaigns.timing import propose_for
from campaigns.turns import campaigns_ahead
from chatapp.models import Unusable, why_unusable

BUBBLES = 3
# Among how many rows texts that differ are looked for.
ROWS_TRIED = 20
ENDS = 3  # recipients shown of either end of the list
TRIALS = 3
# For how long after its answer a trial's statuses are waited for.
STATUSES_COME = timedelta(minutes=5)


@dataclass(frozen=True)
class Bubble:
    """The text as one recipient gets it."""

    phone: str
    text: str


@dataclass(frozen=True)
class Preview:
    """The text as phones will show it, or why it cannot be sent."""

    bubbles: Sequence[Bubble] = ()
    fault: BadText | MissingValue | None = None
    variant_count: int = 1


@dataclass(frozen=True)
class Trial:
    """A text sent to an operator's own phone; `forecast` while it waits."""

    campaign: Campaign
    message: Message
    forecast: Forecast | None
    ahead: Sequence[Campaign]
    is_of_earlier_text: bool

    def has_news_to_come(self, now: datetime) -> bool:
        """Whether it is under way, or its statuses still climb."""
        message = self.message
        if message.status in {MessageStatus.WAITING, MessageStatus.CLAIMED}:
            return True
        climbs = {
            MessageStatus.ACCEPTED,
            MessageStatus.SENT,
            MessageStatus.DELIVERED,
            MessageStatus.UNSURE,
        }
        answered_at = message.answered_at
        is_fresh = answered_at is not None and now - answered_at < STATUSES_COME
        return message.status in climbs and is_fresh


@dataclass(frozen=True)
class ConfirmPage:
    """A draft as it is looked at once more; `seal` is the mark of what is shown."""

    campaign: Campaign
    now: datetime
    seal: str
    preview: Preview
    first: Sequence[Message]
    last: Sequence[Message]
    forecast: Forecast | None
    ahead: Sequence[Campaign]
    collisions: Sequence[Collision]
    left_over: int
    proposed: LastMoment | None
    strangers: NewStrangers
    lately: Sequence[Lately]
    alikeness: Alikeness | None
    bounds: Bounds
    haste: Haste | None
    unusable: Unusable | None
    trials: Sequence[Trial]

    @property
    def slice_size(self) -> int | None:
        """How many get it first; None where all do, also for want of others."""
        size = self.campaign.slice_size
        return size if size is not None and size < self.campaign.waiting else None

    @property
    def can_start(self) -> bool:
        return self.preview.fault is None

    @property
    def last_place(self) -> int:
        """The place on the list, from 1, of the first of `last`."""
        return self.campaign.waiting - len(self.last) + 1

    @property
    def has_news_to_come(self) -> bool:
        return any(trial.has_news_to_come(self.now) for trial in self.trials)


@dataclass(frozen=True)
class TrialPage:
    """A draft whose text is to go to one phone; `phone` is the operator's last one."""

    campaign: Campaign
    preview: Preview
    forecast: Forecast | None
    ahead: Sequence[Campaign]
    phone: str


def read_confirm(*, campaign_id: int) -> ConfirmPage:
    """A draft before its start; raises Campaign.DoesNotExist."""
    campaign = Campaign.objects.select_related("line").get(pk=campaign_id)
    now = orm_now()
    rows = first_recipients(campaign, ROWS_TRIED)
    # Whoever is among the first is not named again among the last.
    left = max(campaign.waiting - ENDS, 0)
    bounds = pace_now().bounds
    placed = place(campaign, now)
    return ConfirmPage(
        campaign=campaign,
        now=now,
        seal=seal_of(campaign),
        preview=preview(campaign.text, rows),
        first=rows[:ENDS],
        last=last_recipients(campaign, min(ENDS, left)),
        forecast=placed.forecast,
        ahead=campaigns_ahead(campaign),
        collisions=placed.collisions,
        left_over=placed.left_over,
        proposed=propose_for(campaign, now),
        strangers=count_new_strangers(campaign, now),
        lately=read_lately(campaign, now),
        alikeness=_alikeness(campaign.text, rows) if _may_matter(campaign) else None,
        bounds=bounds,
        haste=find_haste(
            messenger=campaign.line.messenger,
            pacing=Pacing(campaign.pacing),
            count=campaign.waiting,
            bounds=bounds,
        ),
        unusable=why_unusable(campaign.line, now),
        trials=_trials(campaign, now),
    )


def _may_matter(campaign: Campaign) -> bool:
    return campaign.waiting >= MATTERS_FROM


def _alikeness(text: str, rows: Sequence[Message]) -> Alikeness | None:
    """How alike the texts of these rows are; None where they cannot be made."""
    try:
        template = read_template(text)
        texts = [template.render(row.fields or {}, seed=row.tracking) for row in rows]
    except (BadText, MissingValue):
        return None
    return measure(texts)


def preview(text: str, rows: Sequence[Message]) -> Preview:
    """The first texts that differ, as the sender will make them of these rows."""
    try:
        template = read_template(text)
        bubbles = _bubbles(template, rows)
    except (BadText, MissingValue) as fault:
        return Preview(fault=fault)
    return Preview(bubbles, variant_count=template.variant_count)


def _bubbles(template: Template, rows: Sequence[Message]) -> list[Bubble]:
    bubbles: dict[str, Bubble] = {}
    for row in rows:
        text = template.render(row.fields or {}, seed=row.tracking)
        bubbles.setdefault(text, Bubble(row.phone, text))
        if len(bubbles) == BUBBLES:
            break
    return list(bubbles.values())


def read_trial_page(*, campaign_id: int, operator: str) -> TrialPage:
    """What is asked before a trial; raises Campaign.DoesNotExist."""
    campaign = Campaign.objects.select_related("line").get(pk=campaign_id)
    trial = Campaign(line=campaign.line, trial_of=campaign, waiting=1)
    return TrialPage(
        campaign=campaign,
        preview=preview(campaign.text, first_recipients(campaign, 1)),
        forecast=read_forecast(trial, orm_now()),
        ahead=campaigns_ahead(trial),
        phone=last_trial_phone(operator),
    )


def last_trial_phone(operator: str) -> str:
    """The phone to which an operator sent his last test; empty without one."""
    own = Q(trial_of__isnull=False) | Q(is_line_test=True)
    trials = Campaign.objects.filter(own, created_by=operator)
    newest = trials.order_by("-id").values_list("pk", flat=True).first()
    phones = Message.objects.filter(campaign=newest).values_list("phone", flat=True)
    return phones.first() or "" if newest else ""


def _trials(draft: Campaign, now: datetime) -> list[Trial]:
    """The newest trials of a draft, by the index on `trial_of`."""
    trials = Campaign.objects.filter(trial_of=draft).order_by("-id")[:TRIALS]
    return [_trial(trial, draft, now) for trial in trials]


def _trial(trial: Campaign, draft: Campaign, now: datetime) -> Trial:
    message = Message.objects.get(campaign=trial)
    is_waiting = message.status == MessageStatus.WAITING
    return Trial(
        trial,
        message,
        forecast=read_forecast(trial, now) if is_waiting else None,
        ahead=campaigns_ahead(trial) if is_waiting else (),
        is_of_earlier_text=trial.text != draft.text,
    )
