"""A campaign's messages, the history of each, and what people decide about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router
from pydantic import Field

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import decisions
from campaigns.api.once import Done, once
from campaigns.api.problems import Fault, Problem
from campaigns.api.shapes import BodyId, Id, Order, Page, Shape
from campaigns.explanations import explain
from campaigns.message_pages import Cursor, MessagePage, Wanted, read_messages
from campaigns.message_selectors import Step, read_message
from campaigns.models import Campaign, EarlierAttempt, Message
from campaigns.states import MessageStatus

router = Router(tags=["messages"])
MOST_NAMED = 500
MARK_LENGTH = 8


class MessageShape(Shape):
    """One text to one phone.

    `code` and `reason` are those of ChatApp's answer, `said` what the code means;
    `message_id` is ChatApp's. `left_at` is when the request left, `answered_at` when it
    was answered; the rest is told by callback.
    """

    id: int
    phone: str
    status: MessageStatus
    attempt: int
    code: str
    reason: str
    said: str
    message_id: str | None
    list_line: int | None
    values: dict[str, str]
    left_at: datetime | None
    answered_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None

    @classmethod
    def of(cls, message: Message) -> MessageShape:
        return cls(
            id=message.pk,
            phone=message.phone,
            status=MessageStatus(message.status),
            attempt=message.attempt,
            code=message.code,
            reason=message.reason,
            said=explain(message.code),
            message_id=message.message_id,
            list_line=message.list_line,
            values=message.fields or {},
            left_at=message.left_at,
            answered_at=message.answered_at,
            sent_at=message.sent_at,
            delivered_at=message.delivered_at,
            read_at=message.read_at,
            failed_at=message.failed_at,
        )


class EventShape(Shape):
    """A step of a message, in the order of arrival; `at` is when it happened."""

    kind: str
    attempt: int
    at: datetime
    arrived_at: datetime
    is_late: bool
    detail: dict[str, Any]

    @classmethod
    def of(cls, step: Step) -> EventShape:
        event = step.event
        return cls(
            kind=event.kind,
            attempt=event.attempt,
            at=event.at,
            arrived_at=event.arrived_at,
            is_late=step.is_late,
            detail=event.detail,
        )


class AttemptShape(Shape):
    """An earlier try, and what became of it."""

    number: int
    status: str
    message_id: str | None
    answered_at: datetime | None
    code: str
    reason: str

    @classmethod
    def of(cls, it: EarlierAttempt) -> AttemptShape:
        return cls(
            number=it.number,
            status=it.status,
            message_id=it.message_id,
            answered_at=it.answered_at,
            code=it.code,
            reason=it.reason,
        )


class MessageHistory(MessageShape):
    campaign: int
    events: list[EventShape]
    earlier: list[AttemptShape]


class Sort(StrEnum):
    """The order of the list, or the latest answer first."""

    PLACE = "place"
    TIME = "time"


class Decision(StrEnum):
    """Count unsure ones as sent; send unsure ones again; try failed ones again."""

    ASSUME_SENT = "assume_sent"
    SEND_AGAIN = "send_again"
    RETRY = "retry"


_DECIDE: Mapping[Decision, Callable[..., int]] = {
    Decision.ASSUME_SENT: decisions.assume_sent,
    Decision.SEND_AGAIN: decisions.send_again,
    Decision.RETRY: decisions.retry_failed,
}


Named = Annotated[list[BodyId], Field(min_length=1, max_length=MOST_NAMED)]


class DecideOrder(Order):
    """For the `messages` named, or for all; `code` narrows a retry to one reason.

    Who got the first one gets a second copy by send_again.
    """

    decision: Decision
    messages: (
        Annotated[list[BodyId], Field(min_length=1, max_length=MOST_NAMED)] | None
    ) = None
    code: Annotated[str, Field(max_length=100)] | None = None


class Decided(Shape):
    decided: int


@router.get(
    "/{campaign_id}/messages", response=Page[MessageShape], summary="Its messages"
)
async def list_messages(
    request: HttpRequest,
    campaign_id: Id,
    status: MessageStatus | None = None,
    code: Annotated[str, Field(max_length=100)] | None = None,
    sort: Sort = Sort.PLACE,
    after: Annotated[str, Field(max_length=60)] | None = None,
) -> Page[MessageShape]:
    """A hundred at a time; follow `next` for more. `code` needs a status."""
    if code is not None and status is None:
        raise Problem("invalid", faults=[Fault("code", _("Only with a status."))])
    asked = {"status": status, "code": code, "sort": sort}
    # An empty code is one, too: that of the messages without a reason.
    asked = {name: told for name, told in asked.items() if told is not None}
    order = _Order(f"{campaign_id}?{urlencode(asked)}")
    cursor = None if after is None else order.read(after)
    wanted = Wanted(status, code, sort == Sort.TIME, cursor)
    page = await in_orm(_read, campaign_id, wanted)
    query = urlencode(asked | {"after": order.sealed(page.next)})
    return Page(
        items=[MessageShape.of(message) for message in page.messages],
        next=f"/api/campaigns/{campaign_id}/messages?{query}" if page.next else None,
    )


@router.get(
    "/{campaign_id}/messages/{message_id}",
    response=MessageHistory,
    summary="A message with its history",
)
async def read_one(
    request: HttpRequest, campaign_id: Id, message_id: Id
) -> MessageHistory:
    page = await in_orm(read_message, campaign_id=campaign_id, message_id=message_id)
    return MessageHistory(
        **dict(MessageShape.of(page.message)),
        campaign=campaign_id,
        events=[EventShape.of(step) for step in page.steps],
        earlier=[AttemptShape.of(attempt) for attempt in page.earlier],
    )


@router.post("/{campaign_id}/decisions", response=Decided, summary="Decide")
async def decide(
    request: HttpRequest, campaign_id: Id, order: DecideOrder
) -> HttpResponse:
    """Settles what is unsure, or tries again what failed."""
    if order.code is not None and order.decision != Decision.RETRY:
        raise Problem("invalid", faults=[Fault("code", _("For a retry only."))])

    def do() -> Done:
        campaign = Campaign.objects.get(pk=campaign_id)
        decided = _DECIDE[order.decision](
            campaign_id=campaign_id,
            operator=operator_of(request),
            ids=order.messages,
            **({} if order.code is None else {"code": order.code}),
        )
        sends = order.decision != Decision.ASSUME_SENT and decided
        line_id = campaign.line_id if sends else None
        return Done(Decided(decided=decided), line_id=line_id)

    return await once(request, do)


@dataclass(frozen=True)
class _Order:
    """The places of one list, each with a mark of that list.

    In the order of another list, a place of this one leaves messages out.
    """

    listed: str

    def sealed(self, place: str) -> str:
        told = hashlib.sha256(f"{self.listed} {place}".encode()).hexdigest()
        return f"{place}.{told[:MARK_LENGTH]}"

    def read(self, told: str) -> Cursor:
        """Raises Problem for a place that this list has not told."""
        place, _dot, _mark = told.rpartition(".")
        cursor = Cursor.read(place)
        if cursor is None or self.sealed(place) != told:
            said = _("It is not from a `next` of this list.")
            raise Problem("invalid", faults=[Fault("after", said)])
        return cursor


def _read(campaign_id: int, wanted: Wanted) -> MessagePage:
    return read_messages(Campaign.objects.get(pk=campaign_id), wanted)
