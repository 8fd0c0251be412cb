"""Decisions about messages and lines: asked once more, done once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import decisions, services, views
from campaigns.message_selectors import read_message
from campaigns.models import Campaign, Message
from chatapp.models import Line

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


# Fewer than the largest number of the databases has.
ID_DIGITS = 18


@dataclass(frozen=True)
class Decision:
    """What may be decided about the messages of one status."""

    decide: Callable[..., int]
    status: str
    title: StrOrPromise
    what: StrOrPromise
    button: StrOrPromise
    sends: bool


DECISIONS: Mapping[str, Decision] = {
    "assume-sent": Decision(
        decisions.assume_sent,
        "unsure",
        lazy("Count the unsure messages as sent?"),
        lazy("They are not sent again. A status that comes later still settles them."),
        lazy("Count as sent"),
        sends=False,
    ),
    "send-again": Decision(
        decisions.send_again,
        "unsure",
        lazy("Send the unsure messages again?"),
        lazy("Who got the first one gets a second copy."),
        lazy("Send again (may be a second copy)"),
        sends=True,
    ),
    "retry": Decision(
        decisions.retry_failed,
        "failed",
        lazy("Try the failed messages again?"),
        lazy("Only they are sent; nobody else gets anything. The old error is kept."),
        lazy("Try again"),
        sends=True,
    ),
}


@views.require_page_or_post
async def decide(request: HttpRequest, campaign_id: int, what: str) -> HttpResponse:
    """Asks about all messages concerned; does it for those named, or for all."""
    decision = DECISIONS.get(what)
    if decision is None:
        raise Http404
    try:
        if request.method == "POST":
            return await _do(request, campaign_id, decision)
        campaign = await in_orm(Campaign.objects.get, pk=campaign_id)
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    count = getattr(campaign, decision.status)
    ctx = {"campaign": campaign, "decision": decision, "what": what, "count": count}
    return render(request, "campaigns/decide.html", ctx)


async def _do(
    request: HttpRequest, campaign_id: int, decision: Decision
) -> HttpResponse:
    named = request.POST.getlist("message")
    ids = [int(pk) for pk in named if _is_id(pk)] if named else None
    try:
        await in_orm(
            decision.decide,
            campaign_id=campaign_id,
            operator=operator_of(request),
            ids=ids,
        )
    except services.CampaignError as error:
        return await views.campaign_page(
            request, campaign_id, trouble=error, status=409
        )
    if decision.sends:
        campaign = await in_orm(Campaign.objects.get, pk=campaign_id)
        await _ring(request, campaign.line_id)
    return redirect("campaigns:campaign", campaign_id)


async def message(
    request: HttpRequest, campaign_id: int, message_id: int
) -> HttpResponse:
    """All that happened to one message, in order."""
    try:
        found = await in_orm(
            read_message, campaign_id=campaign_id, message_id=message_id
        )
    except Message.DoesNotExist as error:
        raise Http404 from error
    ctx = {"it": found, "message": found.message, "campaign": found.campaign}
    return render(request, "campaigns/message.html", ctx)


@require_POST
async def release(request: HttpRequest, line_id: int) -> HttpResponse:
    """Takes the brake off a line; a second click finds it off, which is as good."""
    try:
        await in_orm(Line.objects.get, pk=line_id)
    except Line.DoesNotExist as error:
        raise Http404 from error
    await in_orm(decisions.release_line, line_id=line_id, operator=operator_of(request))
    resources = views.resources_of(request)
    await resources.troubles.look()
    await _ring(request, line_id)
    return redirect("campaigns:list")


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= ID_DIGITS


async def _ring(request: HttpRequest, line_id: int) -> None:
    doorbell = views.resources_of(request).doorbell
    await doorbell.ring(line_id, timedelta(), name=f"decided:{uuid.uuid4().hex}")
