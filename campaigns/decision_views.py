"""Decisions about messages and lines: asked once more, done once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import decisions, services, views
from campaigns.away import says_when_away
from campaigns.message_selectors import read_message
from campaigns.models import Campaign, Message
from campaigns.refusal_words import in_words
from campaigns.states import CampaignStatus
from chatapp.models import Line

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

LONGEST_ID = 18  # digits that fit a BIGINT, whatever they are


# Fewer than the largest number of the databases has.
ID_DIGITS = 18


@dataclass(frozen=True)
class Decision:
    """What may be decided about the messages of one status.

    `follows` says what it means for as many as are concerned.
    """

    decide: Callable[..., int]
    status: str
    title: StrOrPromise
    follows: Callable[[int], str]
    button: StrOrPromise
    sends: bool


def _is_settled_here(count: int) -> str:
    return ngettext(
        "It is not sent again. A status that comes later still settles it.",
        "They are not sent again. A status that comes later still settles them.",
        count,
    )


def _is_all_that_is_sent(count: int) -> str:
    return ngettext(
        "Only it is sent; nobody else gets anything. The old error is kept.",
        "Only they are sent; nobody else gets anything. The old error is kept.",
        count,
    )


DECISIONS: Mapping[str, Decision] = {
    "assume-sent": Decision(
        decisions.assume_sent,
        "unsure",
        lazy("Count the unsure messages as sent?"),
        _is_settled_here,
        lazy("Count as sent"),
        sends=False,
    ),
    "send-again": Decision(
        decisions.send_again,
        "unsure",
        lazy("Send the unsure messages again?"),
        lambda count: _("Who got the first one gets a second copy."),
        lazy("Send again (may be a second copy)"),
        sends=True,
    ),
    "retry": Decision(
        decisions.retry_failed,
        "failed",
        lazy("Try the failed messages again?"),
        _is_all_that_is_sent,
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
        campaign = await in_orm(
            Campaign.objects.select_related("line").get, pk=campaign_id
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    if decision.sends and campaign.status == CampaignStatus.CANCELLED:
        said = in_words(services.NotPossibleNow(campaign.state))
        return await views.campaign_page(request, campaign_id, trouble=said, status=409)
    # Only failures are told apart by their reason.
    code = _code(request) if decision.status == "failed" else None
    if code is None:
        count = getattr(campaign, decision.status)
    else:
        count = await in_orm(decisions.count_failed, campaign_id=campaign_id, code=code)
    has_grown = request.method == "POST" and count > _agreed_to(request, count)
    if request.method == "POST" and not has_grown:
        return await _do(request, campaign, decision, code)
    ctx = {
        "campaign": campaign,
        "decision": decision,
        "what": what,
        "count": count,
        "follows": decision.follows(count),
        "has_grown": has_grown,
        "code": code,
    }
    status = 409 if has_grown else 200
    return render(request, "campaigns/decide.html", ctx, status=status)


async def _do(
    request: HttpRequest, campaign: Campaign, decision: Decision, code: str | None
) -> HttpResponse:
    named = request.POST.getlist("message")
    ids = [pk for pk in map(_number, named) if pk is not None] if named else None
    try:
        decided = await in_orm(
            decision.decide,
            campaign_id=campaign.pk,
            operator=operator_of(request),
            ids=ids,
            **({} if code is None else {"code": code}),
        )
    except services.CampaignError as error:
        said = in_words(error)
        return await views.campaign_page(request, campaign.pk, trouble=said, status=409)
    if not decided:
        said = _("Nothing was changed: it was decided, or has settled itself, before.")
        return await views.campaign_page(request, campaign.pk, trouble=said, status=409)
    if decision.sends:
        await _ring(request, campaign.line_id)
    return redirect("campaigns:campaign", campaign.pk)


def _code(request: HttpRequest) -> str | None:
    """The reason to which a question is narrowed; its own may be the empty one."""
    told = request.POST if request.method == "POST" else request.GET
    return told.get("code")


def _agreed_to(request: HttpRequest, count: int) -> int:
    """How many messages the page named on which the button was pressed."""
    if request.POST.getlist("message"):
        return count
    agreed = _number(request.POST.get("count", ""))
    return count if agreed is None else agreed


def _number(told: str) -> int | None:
    fits = told.isascii() and told.isdigit() and len(told) <= LONGEST_ID
    return int(told) if fits else None


@says_when_away
@require_safe
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
    try:
        await in_orm(
            decisions.release_line,
            line_id=line_id,
            operator=operator_of(request),
            is_sure=request.POST.get("sure") == "yes",
        )
    except decisions.NeedsTest:
        return redirect("campaigns:line-test", line_id)
    except decisions.StillLooking:
        # Its page says what is still to be done.
        return redirect("campaigns:line", line_id)
    resources = views.resources_of(request)
    await resources.troubles.look()
    await _ring(request, line_id)
    return redirect("campaigns:list")


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= ID_DIGITS


async def _ring(request: HttpRequest, line_id: int) -> None:
    doorbell = views.resources_of(request).doorbell
    await doorbell.ring(line_id, timedelta(), name=f"decided:{uuid.uuid4().hex}")
