"""A campaign as it is told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from campaigns import wording
from campaigns.api.shapes import HindranceShape, LineName, Shape
from campaigns.forecast import Forecast
from campaigns.hindrances import Hindrance
from campaigns.models import Campaign, Upload
from campaigns.receipts import Group, Receipt
from campaigns.states import Pacing


class Counts(Shape):
    """How many messages have each status; they add up to `total`."""

    total: int
    waiting: int
    claimed: int
    unsure: int
    assumed_sent: int
    accepted: int
    sent: int
    failed: int
    delivered: int
    read: int
    cancelled: int
    expired: int

    @classmethod
    def of(cls, campaign: Campaign) -> Counts:
        return cls(**{name: getattr(campaign, name) for name in cls.model_fields})


class ForecastShape(Shape):
    """When it begins, or goes on, and ends; 19 of 20 end within `band_s` of that."""

    begins_at: datetime
    ends_at: datetime
    band_s: float
    condition: str | None
    planned_at: datetime | None

    @classmethod
    def of(cls, it: Forecast | None) -> ForecastShape | None:
        if it is None:
            return None
        return cls(
            begins_at=it.begins_at,
            ends_at=it.ends_at,
            band_s=it.band.total_seconds(),
            condition=it.condition,
            planned_at=it.planned_at,
        )


class CampaignName(Shape):
    id: int
    name: str

    @classmethod
    def of(cls, campaign: Campaign) -> CampaignName:
        return cls(id=campaign.pk, name=campaign.name)


class CampaignBrief(Shape):
    """A campaign on the list of all.

    `state` is draft, scheduled, running, paused or cancelled as ordered; sent_out when
    nothing waits or is under way; finished when nothing is unsure either.
    """

    id: int
    name: str
    line: LineName
    pacing: Pacing
    state: str
    trial_of: int | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    start_at: datetime | None
    use_until: datetime | None
    counts: Counts
    hindrance: HindranceShape | None
    forecast: ForecastShape | None

    @classmethod
    def of(
        cls,
        campaign: Campaign,
        hindrance: Hindrance | None,
        forecast: Forecast | None,
    ) -> CampaignBrief:
        return cls(
            id=campaign.pk,
            name=campaign.name,
            line=LineName.of(campaign.line),
            pacing=Pacing(campaign.pacing),
            state=campaign.state,
            trial_of=campaign.trial_of_id,
            created_by=campaign.created_by,
            created_at=campaign.created_at,
            started_at=campaign.started_at,
            start_at=campaign.start_at,
            use_until=campaign.use_until,
            counts=Counts.of(campaign),
            hindrance=HindranceShape.of(hindrance),
            forecast=ForecastShape.of(forecast),
        )


class RemarkGroup(Shape):
    """Rows with the same remark, and the numbers of the first of them."""

    reason: str
    said: str
    is_kept: bool
    count: int
    rows: list[int]

    @classmethod
    def of(cls, group: Group) -> RemarkGroup:
        return cls(
            reason=group.reason,
            said=str(wording.REASONS[group.reason]),
            is_kept=group.is_kept,
            count=group.count,
            rows=list(group.lines),
        )


class ImportShape(Shape):
    """How far a long list has come in."""

    state: str
    rows_done: int
    rows_total: int
    code: str

    @classmethod
    def of(cls, upload: Upload) -> ImportShape:
        return cls(
            state=upload.state,
            rows_done=upload.rows_done,
            rows_total=upload.rows_total,
            code=upload.code,
        )


class ListShape(Shape):
    """The list in numbers: each entry of its rows is in, or left out for a reason."""

    rows: int
    count_in: int
    count_left_out: int
    groups: list[RemarkGroup]
    coming_in: ImportShape | None

    @classmethod
    def of(cls, receipt: Receipt, upload: Upload | None) -> ListShape:
        return cls(
            rows=receipt.lines,
            count_in=receipt.count_in,
            count_left_out=receipt.count_left_out,
            groups=[RemarkGroup.of(group) for group in receipt.groups],
            coming_in=None if upload is None else ImportShape.of(upload),
        )


class ActionShape(Shape):
    verb: str
    operator: str
    at: datetime
    count: int | None


class CampaignShape(CampaignBrief):
    """A campaign with its text, its list and who did what to it.

    `books` is the sum that the worker counted from the rows at `books_at`.
    """

    text: str
    note: str
    slice_size: int | None
    slice_is_open: bool
    list: ListShape
    books: str
    books_at: datetime | None
    actions: Sequence[ActionShape]


class PhoneText(Shape):
    phone: str
    text: str


class CollisionShape(Shape):
    """A campaign that shares the line; `later_s` is by how much it begins later."""

    campaign: CampaignName
    ends_at: datetime
    later_s: float | None


class LatelyShape(Shape):
    """How many of the list got another campaign lately."""

    campaign: CampaignName
    count: int
    last_at: datetime


class TrialShape(Shape):
    """A text that was sent to an operator's own phone."""

    campaign: CampaignName
    phone: str
    status: str
    is_of_earlier_text: bool


class LookShape(Shape):
    """A draft as it is looked at once more before its start.

    `seal` is the mark of what is told here: a start with it is refused when the list,
    the text, the line or the pacing is another by then. `fault` is why the text cannot
    be sent; `strangers` are people who never wrote to the line; `alike` is how alike
    the texts are, from 0 to 1; `left_over` is for how many it is too late.
    """

    seal: str
    can_start: bool
    fault: str | None
    texts: Sequence[PhoneText]
    variant_count: int
    waiting: int
    forecast: ForecastShape | None
    left_over: int
    ahead: Sequence[CampaignName]
    collisions: Sequence[CollisionShape]
    strangers: int
    strangers_is_about: bool
    lately: Sequence[LatelyShape]
    alike: float | None
    haste: str | None
    line_is_unusable: str | None
    proposed_use_until: datetime | None
    trials: Sequence[TrialShape]
