"""The campaign pages: each reads once, or writes once and sends the browser on.

No page talks to ChatApp. A view that is cancelled, because its browser went away, has
harmed nothing.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import list_words, results, selectors, services
from campaigns.away import says_when_away
from campaigns.message_pages import Wanted
from campaigns.models import Campaign
from campaigns.pacing import Delays
from campaigns.phone_form import PhoneForm
from campaigns.recipients import read_phone
from campaigns.refusal_words import in_words
from campaigns.states import CampaignStatus
from campaigns.troubles import Troubles

RELOAD_S = 5
PHONE = re.compile(r"\+[0-9]{7,15}")

require_page_or_post = require_http_methods(["GET", "HEAD", "POST"])


class Doorbell(Protocol):
    async def ring(self, line_id: int, after: timedelta, *, name: str) -> bool: ...
    async def ring_import(self, upload_id: int, *, name: str) -> bool: ...


class Resources(Protocol):
    """What these pages need of the process that serves them."""

    @property
    def doorbell(self) -> Doorbell: ...

    @property
    def delays(self) -> Delays: ...

    @property
    def troubles(self) -> Troubles: ...


@says_when_away
@require_safe
async def campaign_list(request: HttpRequest) -> HttpResponse:
    found = await in_orm(selectors.list_campaigns, page=page_number(request))
    ctx = {"list": found, "page": found.page, "pages": found.pages}
    return live_page(request, "campaigns/list.html", ctx, found.has_news_to_come)


@says_when_away
@require_safe
async def campaign(request: HttpRequest, campaign_id: int) -> HttpResponse:
    return await campaign_page(request, campaign_id)


@require_page_or_post
async def add_phone(request: HttpRequest, campaign_id: int) -> HttpResponse:
    if request.method != "POST":
        return redirect("campaigns:campaign", campaign_id)
    names = await in_orm(selectors.names_in_text, campaign_id=campaign_id)
    form = PhoneForm(request.POST, region=settings.PHONE_REGION, names=names)
    if not form.is_valid():
        return await campaign_page(request, campaign_id, phone=form, status=422)
    phones = form.cleaned_data["phone"]
    try:
        await in_orm(
            services.add_recipients,
            campaign_id=campaign_id,
            phones=phones,
            delays=resources_of(request).delays,
            operator=operator_of(request),
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    except (services.AlreadyListed, services.OnStopList) as error:
        form.add_error("phone", in_words(error))
        return await campaign_page(request, campaign_id, phone=form, status=409)
    except services.ValuesMissing as error:
        form.add_error("phone", in_words(error))
        return await campaign_page(request, campaign_id, phone=form, status=422)
    except services.CampaignError as error:
        said = in_words(error)
        return await campaign_page(request, campaign_id, trouble=said, status=409)
    address = reverse("campaigns:campaign", args=[campaign_id])
    added = urlencode({"added": phones.recipients[0].phone})
    return redirect(f"{address}?{added}#list")


@require_page_or_post
async def pause(request: HttpRequest, campaign_id: int) -> HttpResponse:
    return await act(request, campaign_id, services.pause_campaign)


@require_page_or_post
async def resume(request: HttpRequest, campaign_id: int) -> HttpResponse:
    return await act(request, campaign_id, services.resume_campaign)


@require_page_or_post
async def cancel(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Asks first; what is cancelled cannot be resumed."""
    if request.method == "POST":
        return await act(request, campaign_id, services.cancel_campaign)
    return await campaign_page(request, campaign_id, template="campaigns/cancel.html")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The handler of 400, which also answers to what is too big to be read."""
    too_big = isinstance(exception, RequestDataTooBig)
    limit_mb = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024**2
    ctx = {"too_big": too_big, "limit_mb": limit_mb}
    return render(request, "400.html", ctx, status=413 if too_big else 400)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The handler of 404."""
    return render(request, "404.html", status=404)


async def act(
    request: HttpRequest, campaign_id: int, service: Callable[..., int | None]
) -> HttpResponse:
    """Does one thing to a campaign, and rings its line if that is to look at once."""
    if request.method != "POST":
        return redirect("campaigns:campaign", campaign_id)
    try:
        line_id = await in_orm(
            service, campaign_id=campaign_id, operator=operator_of(request)
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    except services.CampaignError as error:
        said = in_words(error)
        return await campaign_page(request, campaign_id, trouble=said, status=409)
    if line_id is not None:
        await ring(request, line_id)
    return redirect("campaigns:campaign", campaign_id)


async def ring(request: HttpRequest, line_id: int) -> None:
    """Lets the workers look at a line at once."""
    name = f"clicked:{uuid.uuid4().hex}"
    await resources_of(request).doorbell.ring(line_id, timedelta(), name=name)


async def campaign_page(
    request: HttpRequest,
    campaign_id: int,
    *,
    template: str = "",
    phone: PhoneForm | None = None,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    page = page_number(request)
    try:
        if template:
            found: selectors.CampaignPage | results.ResultsPage = await in_orm(
                selectors.read_campaign, campaign_id=campaign_id, page=page
            )
        else:
            found = await in_orm(
                results.read_page,
                campaign_id=campaign_id,
                page=page,
                wanted=Wanted.read(request.GET),
            )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    ctx: dict[str, Any] = {
        "it": found,
        "campaign": found.campaign,
        "trouble": trouble,
        "receipt": found.receipt,
        "receipt_words": list_words.receipt(found.receipt),
    }
    if isinstance(found, results.ResultsPage):
        # An answer to a POST does not reload.
        live = found.has_news_to_come and request.method != "POST"
        return live_page(request, "campaigns/results.html", ctx, live, status=status)
    ctx |= {"page": found.page, "pages": found.pages}
    is_draft = found.campaign.status == CampaignStatus.DRAFT
    if is_draft and found.is_coming_in and not template:
        live = request.method != "POST"
        return live_page(request, "campaigns/importing.html", ctx, live, status=status)
    if is_draft:
        region = settings.PHONE_REGION
        added = PHONE.fullmatch(request.GET.get("added", ""))
        ctx["phone"] = phone or PhoneForm(region=region, names=found.names)
        ctx["added"] = read_phone(added[0], region=region) if added else None
    # A page with a field or a question does not reload.
    template = template or "campaigns/draft.html"
    return live_page(request, template, ctx, live=False, status=status)


def live_page(
    request: HttpRequest,
    template: str,
    ctx: dict[str, Any],
    live: bool,
    *,
    status: int = 200,
) -> HttpResponse:
    """Renders a page that reloads itself while there is news to come."""
    reloads = live and request.GET.get("reload") != "off"
    ctx |= {"live": live, "reloads": reloads}
    response = render(request, template, ctx, status=status)
    if reloads:
        response.headers["Refresh"] = str(RELOAD_S)
    return response


def page_number(request: HttpRequest) -> int:
    asked = request.GET.get("page", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1


def resources_of(request: HttpRequest) -> Resources:
    resources: Resources = request.scope["state"]["resources"]  # type: ignore[attr-defined]
    return resources
