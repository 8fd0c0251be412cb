"""The pages on which a start is timed, and what was timed is changed."""

from __future__ import annotations

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from asgi_app.database import in_orm, orm_now
from asgi_app.middleware import operator_of
from campaigns import services, timing
from campaigns.models import Campaign
from campaigns.refusal_words import in_words
from campaigns.views import act, campaign_page, require_page_or_post
from campaigns.when_forms import WhenForm


@require_page_or_post
async def when(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Asks when a draft is to start; of what runs only until when it is of use."""
    try:
        campaign, now = await in_orm(_read, campaign_id)
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    proposed = timing.propose_for(campaign, now)
    data = request.POST if request.method == "POST" else None
    at = proposed.at if proposed else None
    form = WhenForm(data, campaign=campaign, now=now, proposed=at)
    status = 200
    if data is not None and form.is_valid():
        try:
            await in_orm(
                timing.set_timing,
                campaign_id=campaign_id,
                timing=form.timing,
                operator=operator_of(request),
            )
        except services.CampaignError as error:
            said = in_words(error)
            return await campaign_page(request, campaign_id, trouble=said, status=409)
        page = "confirm" if form.is_draft else "campaign"
        return redirect(f"campaigns:{page}", campaign_id)
    if form.errors:
        status = 422
    ctx = {"form": form, "campaign": campaign, "proposed": proposed}
    return render(request, "campaigns/when.html", ctx, status=status)


@require_POST
async def start_now(request: HttpRequest, campaign_id: int) -> HttpResponse:
    return await act(request, campaign_id, timing.start_now)


@require_POST
async def unschedule(request: HttpRequest, campaign_id: int) -> HttpResponse:
    return await act(request, campaign_id, timing.unschedule)


@require_POST
async def go_on(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Lets the others have what a trial slice has had."""
    return await act(request, campaign_id, timing.continue_campaign)


def _read(campaign_id: int) -> tuple[Campaign, datetime]:
    campaign = Campaign.objects.select_related("line").get(pk=campaign_id)
    return campaign, orm_now()
