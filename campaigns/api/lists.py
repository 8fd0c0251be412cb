"""A campaign's list: more phones, what was left out, and its correction."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import corrections, listing, services, wording
from campaigns.api.guard import resources_of
from campaigns.api.list_shapes import Cell, Phones, Values, source_of
from campaigns.api.once import Done, once
from campaigns.api.problems import Fault, Problem
from campaigns.api.shapes import BodyId, Id, Order, Page, Shape
from campaigns.corrections import Typed
from campaigns.list_files import SMALL_ROWS, judge_all
from campaigns.models import Campaign, ListRemark
from campaigns.pacing import Delays
from campaigns.receipt_selectors import remarks_after
from campaigns.recipients import Remark
from campaigns.texts import fold

router = Router(tags=["lists"])
PAGE = 100


class AddOrder(Order):
    """Up to 5,000 more phones for a draft."""

    phones: Phones


class RowRemark(Shape):
    """What is to be said of a row; `said` is the reason in words."""

    row: int
    raw: str
    reason: str
    said: str
    phone: str | None
    is_kept: bool
    about: str

    @classmethod
    def of(cls, remark: Remark) -> RowRemark:
        return cls(
            row=remark.line,
            raw=remark.raw,
            reason=remark.reason,
            said=str(wording.REASONS[remark.reason]),
            phone=remark.phone,
            is_kept=remark.kept,
            about=remark.about,
        )


class KeptRemark(RowRemark):
    """A remark of a campaign's list, by whose id its row is corrected."""

    id: int
    source: str
    first_row: int | None
    values: dict[str, str]

    @classmethod
    def of_row(cls, row: ListRemark) -> KeptRemark:
        return cls(
            id=row.pk,
            source=row.source,
            row=row.line,
            raw=row.raw,
            reason=row.reason,
            said=str(wording.REASONS[row.reason]),
            phone=row.phone or None,
            first_row=row.first_line,
            is_kept=row.is_kept,
            about=row.about,
            values=row.fields or {},
        )


class Added(Shape):
    """How many came in, how many the draft had already, and what was left out."""

    added: int
    known: int
    left_out: list[RowRemark]


class Correction(Order):
    """A row as it should have been; `values` are by the name of their column."""

    id: BodyId
    text: Cell
    values: Values = {}


def _each_once(corrections: list[Correction]) -> list[Correction]:
    """Refuses two corrections of one row: one of their phones would be lost."""
    for pk, count in Counter(it.id for it in corrections).items():
        if count > 1:
            raise PydanticCustomError(
                "row_twice", "{id} is corrected more than once", {"id": pk}
            )
    return corrections


class CorrectOrder(Order):
    corrections: Annotated[
        list[Correction],
        Field(min_length=1, max_length=PAGE),
        AfterValidator(_each_once),
    ]


class StillWrong(Shape):
    """A correction whose phone is not in.

    `reason` is that of a row, or it was not looked at: unknown, as the list has no
    such row; is_in, as that row is in; final, as it cannot be corrected; unchanged.
    """

    id: int
    reason: str
    said: str
    about: str


class Corrected(Shape):
    added: int
    wrong: list[StillWrong]


@router.post("/{campaign_id}/recipients", response=Added, summary="Add phones")
async def add_recipients(
    request: HttpRequest, campaign_id: Id, order: AddOrder
) -> HttpResponse:
    """Adds phones to a draft; those that it has are left as they are."""
    operator, delays = operator_of(request), resources_of(request).delays
    return await once(request, lambda: _add(campaign_id, order, operator, delays))


@router.get("/{campaign_id}/receipt", response=Page[KeptRemark], summary="Remarks")
async def list_remarks(
    request: HttpRequest, campaign_id: Id, reason: str = "", after: Id | None = None
) -> Page[KeptRemark]:
    """What was said of the list's rows: left out, or kept but worth a look."""
    if reason and reason not in wording.REASONS:
        fault = Fault("reason", _("There is no such reason."))
        raise Problem("invalid", faults=[fault])
    rows = await in_orm(_remarks, campaign_id, reason, after or 0)
    shown = rows[:PAGE]
    query = f"?reason={reason}&after={shown[-1].pk}" if len(rows) > PAGE else ""
    return Page(
        items=[KeptRemark.of_row(row) for row in shown],
        next=f"/api/campaigns/{campaign_id}/receipt{query}" if query else None,
    )


@router.post("/{campaign_id}/corrections", response=Corrected, summary="Correct rows")
async def correct(
    request: HttpRequest, campaign_id: Id, order: CorrectOrder
) -> HttpResponse:
    """Adds rows of a draft that were left out and are right now.

    Each phone is in afterwards, or its row is told in `wrong`.
    """
    operator, delays = operator_of(request), resources_of(request).delays
    return await once(request, lambda: _correct(campaign_id, order, operator, delays))


def _add(campaign_id: int, order: AddOrder, operator: str, delays: Delays) -> Done:
    campaign = Campaign.objects.get(pk=campaign_id)
    source = source_of(order.phones)
    if source is not None and not source.is_small:
        said = _("There are too many; %(max_length)s is the most.")
        fault = Fault("phones", said % {"max_length": SMALL_ROWS})
        raise Problem("invalid", faults=[fault])
    judged = judge_all(
        [source] if source else [],
        region=settings.PHONE_REGION,
        template=listing.template_of(campaign.text),
    )
    left_out = [RowRemark.of(r) for r in judged.remarks if not r.kept]
    added = 0
    if judged.recipients:
        added = services.add_recipients(
            campaign_id=campaign_id, phones=judged, delays=delays, operator=operator
        )
    elif not left_out:
        raise Problem("invalid", faults=[Fault("phones", _("There is no phone."))])
    known = len(judged.recipients) - added
    return Done(Added(added=added, known=known, left_out=left_out))


def _remarks(campaign_id: int, reason: str, after: int) -> list[ListRemark]:
    campaign = Campaign.objects.get(pk=campaign_id)
    return remarks_after(
        campaign_id=campaign.pk, reason=reason, after=after, count=PAGE + 1
    )


def _correct(
    campaign_id: int, order: CorrectOrder, operator: str, delays: Delays
) -> Done:
    found = corrections.correct(
        campaign_id=campaign_id,
        typed={
            it.id: Typed(
                it.text.strip(),
                {fold(name): value.strip() for name, value in it.values.items()},
            )
            for it in order.corrections
        },
        delays=delays,
        region=settings.PHONE_REGION,
        operator=operator,
    )
    wrong = [
        StillWrong(
            id=pk,
            reason=remark.reason,
            said=str(wording.REASONS[remark.reason]),
            about=remark.about,
        )
        for pk, remark in found.wrong.items()
    ]
    wrong += [
        StillWrong(id=pk, reason=why, said=str(wording.PASSED_OVER[why]), about="")
        for pk, why in found.passed_over.items()
    ]
    return Done(Corrected(added=found.added, wrong=wrong))
