"""Lists of phones as programs send them, and what was left out of a campaign's."""

from __future__ import annotations

import base64
import binascii
import csv
import io
from collections.abc import Sequence
from typing import Annotated

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import corrections, listing, services, wording
from campaigns.api.guard import resources_of
from campaigns.api.once import Done, once
from campaigns.api.problems import Fault, Problem
from campaigns.api.shapes import Id, Order, Page, Shape
from campaigns.corrections import Typed
from campaigns.layouts import Kind, Layout
from campaigns.list_files import SMALL_ROWS, ListSource, from_text, judge_all
from campaigns.models import Campaign, ListRemark
from campaigns.pacing import Delays
from campaigns.receipt_selectors import remarks_after
from campaigns.recipients import Remark
from campaigns.tables import VALUE_LENGTH
from campaigns.texts import fold

router = Router(tags=["lists"])
PAGE = 100
MOST_PHONES = 100_000
LONGEST_CELL = 500

Value = Annotated[str, Field(max_length=VALUE_LENGTH)]
Name = Annotated[str, Field(min_length=1, max_length=60)]
Cell = Annotated[str, Field(max_length=LONGEST_CELL)]


def _a_value_a_column(values: dict[str, str]) -> dict[str, str]:
    """The values of one row by their names, each in the first of its spellings.

    Refuses two spellings that say different things: one would be lost.
    """
    first: dict[str, str] = {}
    told: dict[str, str] = {}
    for name, value in values.items():
        spelling = first.setdefault(fold(name), name)
        before = told.get(spelling, "").strip()
        if before and value.strip() not in {"", before}:
            raise PydanticCustomError(
                "two_values",
                "{one} and {other} are one column, and have different values",
                {"one": spelling, "other": name},
            )
        told[spelling] = before or value
    return told


Values = Annotated[dict[Name, Value], AfterValidator(_a_value_a_column)]


class PhoneRow(Order):
    """A phone with the values that the text's variables stand for.

    Their names are compared as the text's are: case and white space do not count.
    """

    phone: Cell
    values: Values = {}


# Text in any shape that the page takes; or one phone, or row, an item.
Phones = str | Annotated[list[Cell | PhoneRow], Field(max_length=MOST_PHONES)]


class FileOrder(Order):
    """A .txt, .csv or .xlsx file."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    base64: str

    def opened(self) -> SimpleUploadedFile:
        try:
            data = base64.b64decode(self.base64, validate=True)
        except (binascii.Error, ValueError) as error:
            faults = [Fault("file.base64", "not base64")]
            raise Problem("invalid", faults=faults) from error
        return SimpleUploadedFile(self.name, data)


def source_of(phones: Phones) -> ListSource | None:
    """Where the lines come from: rows with values are a table, the rest is text."""
    if isinstance(phones, str):
        return from_text(_plain(phones), region=settings.PHONE_REGION)
    rows = [PhoneRow(phone=it) if isinstance(it, str) else it for it in phones]
    if any(row.values for row in rows):
        return _table(rows)
    text = "\n".join(_on_one_line(row.phone) for row in rows)
    return from_text(text, region=settings.PHONE_REGION)


def _table(rows: Sequence[PhoneRow]) -> ListSource:
    """A table without a header: line 1 is the first item."""
    names: dict[str, str] = {}
    for row in rows:
        for name in row.values:
            names.setdefault(fold(name), name)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for row in rows:
        told = {fold(name): value for name, value in row.values.items()}
        values = [_on_one_line(told.get(name, "")) for name in names]
        writer.writerow([_on_one_line(row.phone), *values])
    data = file.getvalue().encode()
    layout = Layout(
        Kind.TABLE,
        rows=len(rows),
        encoding="utf-8",
        delimiter=",",
        phones=(0,),
        names=tuple(enumerate(names.values(), start=1)),
    )
    return ListSource("", len(data), layout, data)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _on_one_line(cell: str) -> str:
    return " ".join(cell.split())


class AddOrder(Order):
    """Up to 5,000 more phones for a draft."""

    phones: Phones


class LineRemark(Shape):
    """What is to be said of a line; `said` is the reason in words."""

    line: int
    raw: str
    reason: str
    said: str
    phone: str | None
    is_kept: bool
    about: str

    @classmethod
    def of(cls, remark: Remark) -> LineRemark:
        return cls(
            line=remark.line,
            raw=remark.raw,
            reason=remark.reason,
            said=str(wording.REASONS[remark.reason]),
            phone=remark.phone,
            is_kept=remark.kept,
            about=remark.about,
        )


class KeptRemark(LineRemark):
    """A remark of a campaign's list, by whose id its line is corrected."""

    id: int
    source: str
    first_line: int | None
    values: dict[str, str]

    @classmethod
    def of_row(cls, row: ListRemark) -> KeptRemark:
        return cls(
            id=row.pk,
            source=row.source,
            line=row.line,
            raw=row.raw,
            reason=row.reason,
            said=str(wording.REASONS[row.reason]),
            phone=row.phone or None,
            first_line=row.first_line,
            is_kept=row.is_kept,
            about=row.about,
            values=row.fields or {},
        )


class Added(Shape):
    """How many came in, how many the draft had already, and what was left out."""

    added: int
    known: int
    left_out: list[LineRemark]


class Correction(Order):
    """A line as it should have been; `values` are by the name of their column."""

    id: Id
    text: Cell
    values: Values = {}


class CorrectOrder(Order):
    corrections: Annotated[list[Correction], Field(min_length=1, max_length=PAGE)]


class StillWrong(Shape):
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
    """What was said of the list's lines: left out, or kept but worth a look."""
    if reason and reason not in wording.REASONS:
        raise Problem("invalid", faults=[Fault("reason", "there is no such reason")])
    rows = await in_orm(_remarks, campaign_id, reason, after or 0)
    shown = rows[:PAGE]
    query = f"?reason={reason}&after={shown[-1].pk}" if len(rows) > PAGE else ""
    return Page(
        items=[KeptRemark.of_row(row) for row in shown],
        next=f"/api/campaigns/{campaign_id}/receipt{query}" if query else None,
    )


@router.post("/{campaign_id}/corrections", response=Corrected, summary="Correct lines")
async def correct(
    request: HttpRequest, campaign_id: Id, order: CorrectOrder
) -> HttpResponse:
    """Adds lines of a draft that were left out and are right now."""
    operator, delays = operator_of(request), resources_of(request).delays
    return await once(request, lambda: _correct(campaign_id, order, operator, delays))


def _add(campaign_id: int, order: AddOrder, operator: str, delays: Delays) -> Done:
    campaign = Campaign.objects.get(pk=campaign_id)
    source = source_of(order.phones)
    if source is not None and not source.is_small:
        fault = Fault("phones", f"more than {SMALL_ROWS} at once")
        raise Problem("invalid", faults=[fault])
    judged = judge_all(
        [source] if source else [],
        region=settings.PHONE_REGION,
        template=listing.template_of(campaign.text),
    )
    left_out = [LineRemark.of(r) for r in judged.remarks if not r.kept]
    added = 0
    if judged.recipients:
        added = services.add_recipients(
            campaign_id=campaign_id, phones=judged, delays=delays, operator=operator
        )
    elif not left_out:
        raise Problem("invalid", faults=[Fault("phones", "none is given")])
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
    return Done(Corrected(added=found.added, wrong=wrong))
