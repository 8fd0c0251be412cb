"""Lines: what each has to do, its rules, and its brake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router
from pydantic import Field

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import decisions, line_pages, line_tests
from campaigns.api.campaign_shapes import CampaignName
from campaigns.api.faults import refuse_unless_valid
from campaigns.api.guard import resources_of
from campaigns.api.once import Done, once
from campaigns.api.problems import Problem
from campaigns.api.shapes import (
    Day,
    HindranceShape,
    Id,
    Order,
    Phone,
    Shape,
    YesOrNo,
)
from campaigns.line_rules import ChangedMeanwhile, read_for_edit, save_rules
from campaigns.line_test_views import LineTestForm
from campaigns.models import Campaign, LineClock
from campaigns.rules import Rules
from campaigns.rules_forms import ANY_HOUR, MOST, MOST_STEPS, THESE_HOURS, RulesForm
from campaigns.rules_text import MOST_DAYS, write_windows
from chatapp import lines as chatapp_lines
from chatapp.models import Line

router = Router(tags=["lines"])
WEEK = 7

Cap = Annotated[int, Field(strict=True, ge=1, le=MOST)]
Windows = Annotated[str, Field(max_length=200)]


class LineBrief(Shape):
    """A licence with a messenger; `waiting` counts what waits on it."""

    id: int
    name: str
    licence_id: str
    messenger: str
    phone: str
    is_chosen: bool
    unusable: str | None
    waiting: int
    queue: list[CampaignName]
    hindrance: HindranceShape | None

    @classmethod
    def of(cls, glance: line_pages.LineGlance) -> LineBrief:
        return cls(
            **_fields(glance.line),
            unusable=glance.unusable,
            waiting=glance.waiting,
            queue=[CampaignName.of(campaign) for campaign in glance.queue],
            hindrance=HindranceShape.of(glance.hindrance),
        )


class LineShape(LineBrief):
    """A line with its clock.

    `next_at` is when its next message may leave, `pause_s` the pause that was drawn
    last. A line is stopped by its brake, or by hand of a backup.
    """

    next_at: datetime | None
    pause_s: float | None
    stopped_at: datetime | None
    stopped_code: str
    sent_this_hour: int
    sent_today: int
    paused: Sequence[CampaignName]

    @classmethod
    def of_page(cls, page: line_pages.LinePage) -> LineShape:
        clock = page.clock
        tally = page.tally.at(page.around.now, page.rules.zone)
        return cls(
            **_fields(page.line),
            unusable=page.unusable,
            waiting=page.waiting,
            queue=[CampaignName.of(queued.campaign) for queued in page.queue],
            hindrance=HindranceShape.of(page.hindrance),
            next_at=clock.next_at if clock else None,
            pause_s=page.pause_s,
            stopped_at=clock.stopped_at if clock else None,
            stopped_code=clock.stopped_code if clock else "",
            sent_this_hour=tally.hour_count,
            sent_today=tally.day_count,
            paused=[CampaignName.of(campaign) for campaign in page.paused],
        )


class RulesBody(Order):
    """When and how much a line may send.

    `hours` are its windows from Monday to Sunday, such as "09:00–13:00, 14:00–19:00",
    null for any hour. `seen` is the mark of the rules that were read: whoever saved
    others meanwhile is not overruled.
    """

    hours: Annotated[list[Windows], Field(min_length=WEEK, max_length=WEEK)] | None
    days_off: Annotated[list[Day], Field(max_length=MOST_DAYS)] = []
    in_recipients_zone: YesOrNo = False
    hour_cap: Cap | None = None
    day_cap: Cap | None = None
    warm_up: Annotated[list[Cap], Field(max_length=MOST_STEPS)] = []
    seen: Annotated[str, Field(max_length=60)] = ""

    @classmethod
    def of(cls, rules: Rules, seen: str) -> RulesBody:
        windows = rules.hours.windows
        return cls(
            hours=None if windows is None else [write_windows(day) for day in windows],
            days_off=sorted(rules.hours.days_off),
            in_recipients_zone=rules.in_recipients_zone,
            hour_cap=rules.hour_cap,
            day_cap=rules.day_cap,
            warm_up=list(rules.warm_up),
            seen=seen,
        )

    def as_form(self, rules: Rules) -> RulesForm:
        data = QueryDict(mutable=True)
        data["when"] = ANY_HOUR if self.hours is None else THESE_HOURS
        for number, windows in enumerate(self.hours or ()):
            data[f"day-{number}"] = windows
        data["days_off"] = "\n".join(day.isoformat() for day in self.days_off)
        data["hour_cap"] = str(self.hour_cap or "")
        data["day_cap"] = str(self.day_cap or "")
        data["warm_up"] = ", ".join(map(str, self.warm_up))
        data["seen"] = self.seen
        if self.in_recipients_zone:
            data["in_recipients_zone"] = "on"
        return RulesForm(data, rules=rules, seen=self.seen, today=timezone.localdate())

    @property
    def form_names(self) -> dict[str, str]:
        """What the form's fields are called here; `hours` where no day is open."""
        return {
            f"day-{number}": f"hours[{number}]" if windows.strip() else "hours"
            for number, windows in enumerate(self.hours or ())
        }


class ReleaseOrder(Order):
    """Where deliveries have collapsed only for whom `is_sure`."""

    is_sure: YesOrNo = False


class LineTestOrder(Order):
    phone: Phone
    text: Annotated[str, Field(min_length=1, max_length=500)]


@router.get("", response=list[LineBrief], summary="All lines")
async def list_lines(request: HttpRequest) -> list[LineBrief]:
    return [LineBrief.of(glance) for glance in await in_orm(line_pages.list_lines)]


@router.get("/{line_id}", response=LineShape, summary="One line")
async def read_line(request: HttpRequest, line_id: Id) -> LineShape:
    return await in_orm(_read, line_id)


@router.post("/{line_id}/choose", response=LineShape, summary="Choose it")
async def choose_line(request: HttpRequest, line_id: Id) -> HttpResponse:
    """Makes it the line that new campaigns use where none is named."""

    def choose() -> Done:
        try:
            chatapp_lines.choose(line_id, by=operator_of(request), now=timezone.now())
        except chatapp_lines.LineNotUsable as error:
            raise Problem("line_unusable", str(error.why.label)) from error
        return Done(_read(line_id))

    return await once(request, choose)


@router.get("/{line_id}/rules", response=RulesBody, summary="Its rules")
async def read_rules(request: HttpRequest, line_id: Id) -> RulesBody:
    _line, rules, seen = await in_orm(read_for_edit, line_id=line_id)
    return RulesBody.of(rules, seen)


@router.put("/{line_id}/rules", response=RulesBody, summary="Set its rules")
async def set_rules(
    request: HttpRequest, line_id: Id, rules: RulesBody
) -> HttpResponse:
    """What is set holds from the next message on."""

    def save() -> Done:
        _line, before, _seen = read_for_edit(line_id=line_id)
        form = rules.as_form(before)
        refuse_unless_valid(form, rules.form_names)
        try:
            save_rules(
                line_id=line_id,
                rules=form.rules,
                seen=rules.seen,
                operator=operator_of(request),
            )
        except ChangedMeanwhile as error:
            raise Problem("changed_since_shown", str(error)) from error
        _line, stored, seen = read_for_edit(line_id=line_id)
        return Done(RulesBody.of(stored, seen), line_id=line_id)

    return await once(request, save)


@router.post("/{line_id}/release", response=LineShape, summary="Take off its brake")
async def release_line(
    request: HttpRequest, line_id: Id, order: ReleaseOrder
) -> HttpResponse:
    """Lets a stopped line go on; one that is not stopped is left as it is."""

    def release() -> Done:
        Line.objects.get(pk=line_id)
        try:
            decisions.release_line(
                line_id=line_id, operator=operator_of(request), is_sure=order.is_sure
            )
        except decisions.NeedsTest as error:
            raise Problem("line_needs_test") from error
        except decisions.StillLooking as error:
            raise Problem("line_is_looked_through") from error
        return Done(_read(line_id), line_id=line_id)

    answer = await once(request, release)
    await resources_of(request).troubles.look()
    return answer


@router.post("/{line_id}/test", response={201: CampaignName}, summary="Try it")
async def test_line(
    request: HttpRequest, line_id: Id, order: LineTestOrder
) -> HttpResponse:
    """Sends one message through a line that stands still as deliveries collapsed."""

    def begin() -> Done:
        Line.objects.get(pk=line_id)
        data = QueryDict(mutable=True)
        data["phone"], data["text"] = order.phone, order.text
        form = LineTestForm(data, region=settings.PHONE_REGION)
        refuse_unless_valid(form)
        try:
            line_tests.start_line_test(
                line_id=line_id,
                phone=form.cleaned_data["phone"],
                text=form.cleaned_data["text"],
                name=_("Test of the line"),
                operator=operator_of(request),
                key="",
            )
        except LineClock.DoesNotExist as error:
            raise Problem("line_not_stopped") from error
        tests = Campaign.objects.filter(line=line_id, is_line_test=True)
        test = tests.order_by("-pk")[0]
        place = f"/api/campaigns/{test.pk}"
        return Done(CampaignName.of(test), 201, place=place, line_id=line_id)

    return await once(request, begin)


def _read(line_id: int) -> LineShape:
    return LineShape.of_page(line_pages.read_line(line_id=line_id))


def _fields(line: Line) -> dict[str, Any]:
    return {
        "id": line.pk,
        "name": str(line),
        "licence_id": line.licence_id,
        "messenger": line.messenger,
        "phone": line.phone,
        "is_chosen": line.is_chosen,
    }
