"""Phones: everything about one, and the stop list."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Path, Router
from pydantic import Field

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import stops
from campaigns.api.campaign_shapes import CampaignName
from campaigns.api.list_shapes import Phones, source_of
from campaigns.api.lists import RowRemark
from campaigns.api.messages import MessageShape
from campaigns.api.once import Done, once
from campaigns.api.problems import Fault, Problem
from campaigns.api.shapes import Id, Order, Page, Shape
from campaigns.list_files import judge_all
from campaigns.models import StopEntry
from campaigns.phone_pages import read_phone_page
from campaigns.recipients import Reason

router = Router(tags=["phones"])
Digits = Annotated[str, Path(pattern=r"^[0-9]{7,15}$")]


class StopShape(Shape):
    """A phone to which nothing is sent; `added_by` is empty where its owner wrote."""

    phone: str
    added_by: str
    added_at: datetime
    reason: str

    @classmethod
    def of(cls, entry: StopEntry) -> StopShape:
        return cls(
            phone=entry.phone,
            added_by=entry.added_by,
            added_at=entry.added_at,
            reason=entry.reason,
        )


class PhoneMessage(MessageShape):
    campaign: CampaignName


class PhoneShape(Shape):
    """All that was ever sent to a phone, the newest first."""

    phone: str
    stop: StopShape | None
    messages: Page[PhoneMessage]


class StopOrder(Order):
    """Phones for the stop list, in any shape, and why."""

    phones: Phones
    reason: Annotated[str, Field(max_length=200)] = ""


class Stopped(Shape):
    """How many were new, how many it had, and what named no phone."""

    added: int
    known: int
    wrong: list[RowRemark]


@router.get("/phones/{digits}", response=PhoneShape, summary="All about a phone")
async def read_phone(
    request: HttpRequest, digits: Digits, before: Id | None = None
) -> PhoneShape:
    """`digits` are those of the whole number, without its plus."""
    page = await in_orm(read_phone_page, digits=digits, before=before)
    following = f"/api/phones/{digits}?before={page.older}" if page.older else None
    return PhoneShape(
        phone=page.phone,
        stop=StopShape.of(page.stop) if page.stop else None,
        messages=Page(
            items=[
                PhoneMessage(
                    **dict(MessageShape.of(message)),
                    campaign=CampaignName.of(message.campaign),
                )
                for message in page.messages
            ],
            next=following,
        ),
    )


@router.get("/stops", response=Page[StopShape], summary="The stop list")
async def list_stops(
    request: HttpRequest,
    phone: Annotated[str, Field(max_length=60)] = "",
    before: Id | None = None,
) -> Page[StopShape]:
    """Newest first; `phone` searches by all, the beginning, or the last digits."""
    found = await in_orm(
        stops.read_stop_list, search=phone, before=before, region=settings.PHONE_REGION
    )
    following = f"/api/stops?before={found.older}" if found.older else None
    if following and phone:
        following += f"&{urlencode({'phone': phone})}"
    return Page(items=[StopShape.of(entry) for entry in found.entries], next=following)


@router.post("/stops", response=Stopped, summary="Add to the stop list")
async def add_stops(request: HttpRequest, order: StopOrder) -> HttpResponse:
    """What names no phone is told; the rest is added."""

    def add() -> Done:
        source = source_of(order.phones)
        judged = judge_all(
            [source] if source else [],
            region=settings.PHONE_REGION,
            template=None,
            whole=True,
        )
        # Who is on it already was found to be, and is no mistake.
        calm = {Reason.DOUBLE, Reason.ON_STOP_LIST}
        known = {r.phone for r in judged.remarks if r.reason == Reason.ON_STOP_LIST}
        wrong = [r for r in judged.remarks if not r.kept and r.reason not in calm]
        if not (judged.recipients or judged.remarks):
            raise Problem("invalid", faults=[Fault("phones", _("There is no phone."))])
        added = stops.add_to_stop_list(
            phones=[recipient.phone for recipient in judged.recipients],
            operator=operator_of(request),
            reason=order.reason,
        )
        return Done(
            Stopped(
                added=added,
                known=len(known) + len(judged.recipients) - added,
                wrong=[RowRemark.of(remark) for remark in wrong],
            )
        )

    return await once(request, add)


@router.delete("/stops/{digits}", response={204: None}, summary="Take off the list")
async def remove_stop(request: HttpRequest, digits: Digits) -> HttpResponse:
    def remove() -> Done:
        operator = operator_of(request)
        if not stops.remove_from_stop_list(phone=f"+{digits}", operator=operator):
            raise Problem("not_found")
        return Done(status=204)

    return await once(request, remove)
