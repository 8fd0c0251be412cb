"""The pages before a start: look once more, try it on one's own phone, then send."""

from __future__ import annotations

import math
import secrets

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import services, trials, wording
from campaigns.confirm_selectors import ConfirmPage, read_confirm, read_trial_page
from campaigns.models import Campaign
from campaigns.refusal_words import in_words
from campaigns.states import CampaignStatus, Pacing
from campaigns.trial_forms import TrialForm
from campaigns.views import (
    campaign_page,
    live_page,
    require_page_or_post,
    ring,
)

KEY_LENGTH = 40


@require_safe
async def confirm(request: HttpRequest, campaign_id: int) -> HttpResponse:
    return await _confirm_page(request, campaign_id)


@require_page_or_post
async def start(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Starts what was shown, once; asks again where it has changed since."""
    if request.method != "POST":
        return redirect("campaigns:campaign", campaign_id)
    try:
        line_id = await in_orm(
            services.start_campaign,
            campaign_id=campaign_id,
            operator=operator_of(request),
            key=_key(request),
            seal=request.POST.get("seal", ""),
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    except services.ChangedSinceShown:
        return await _confirm_page(request, campaign_id, has_changed=True, status=409)
    except services.TextCannotBeSent:
        return await _confirm_page(request, campaign_id, status=409)
    except services.CampaignError as error:
        said = in_words(error)
        return await campaign_page(request, campaign_id, trouble=said, status=409)
    await ring(request, line_id)
    return redirect("campaigns:campaign", campaign_id)


@require_page_or_post
async def trial(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Asks for the operator's own phone, and sends the text there."""
    if request.method != "POST":
        return await _trial_page(request, campaign_id)
    form = TrialForm(request.POST, region=settings.PHONE_REGION)
    if not form.is_valid():
        return await _trial_page(request, campaign_id, form=form, status=422)
    try:
        line_id = await in_orm(
            trials.start_trial,
            campaign_id=campaign_id,
            phone=form.cleaned_data["phone"],
            operator=operator_of(request),
            key=_key(request),
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    except services.OnStopList as error:
        form.add_error("phone", in_words(error))
        return await _trial_page(request, campaign_id, form=form, status=409)
    except services.TextCannotBeSent:
        return await _confirm_page(request, campaign_id, status=409)
    except services.CampaignError as error:
        said = in_words(error)
        return await campaign_page(request, campaign_id, trouble=said, status=409)
    await ring(request, line_id)
    address = reverse("campaigns:confirm", args=[campaign_id])
    return redirect(f"{address}#trial")


async def _confirm_page(
    request: HttpRequest,
    campaign_id: int,
    *,
    has_changed: bool = False,
    status: int = 200,
) -> HttpResponse:
    try:
        found = await in_orm(read_confirm, campaign_id=campaign_id)
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    campaign = found.campaign
    if campaign.status != CampaignStatus.DRAFT or not campaign.waiting:
        return redirect("campaigns:campaign", campaign_id)
    ctx = {
        "it": found,
        "campaign": campaign,
        "has_changed": has_changed,
        "key": _new_key(),
        "pause": wording.seconds_between(found.bounds.least_s, found.bounds.most_s),
        "rate": _rate(found),
    }
    live = found.has_news_to_come and request.method != "POST"
    return live_page(request, "campaigns/confirm.html", ctx, live, status=status)


async def _trial_page(
    request: HttpRequest,
    campaign_id: int,
    *,
    form: TrialForm | None = None,
    status: int = 200,
) -> HttpResponse:
    operator = operator_of(request)
    try:
        found = await in_orm(
            read_trial_page, campaign_id=campaign_id, operator=operator
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    campaign = found.campaign
    if campaign.status != CampaignStatus.DRAFT or not campaign.waiting:
        return redirect("campaigns:campaign", campaign_id)
    region = settings.PHONE_REGION
    ctx = {
        "it": found,
        "campaign": campaign,
        "form": form or TrialForm(region=region, last=found.phone),
        # Whoever corrects a wrong phone sends with the key of the first try.
        "key": _key(request) or _new_key(),
    }
    return render(request, "campaigns/trial.html", ctx, status=status)


def _new_key() -> str:
    return secrets.token_urlsafe(24)


def _key(request: HttpRequest) -> str:
    """The one-time key of the page on which a button was pressed."""
    return request.POST.get("key", "")[:KEY_LENGTH]


def _rate(found: ConfirmPage) -> int:
    """How many messages leave in an hour, or a second where all leave at once."""
    if found.campaign.pacing == Pacing.EACH_ON_ITS_OWN:
        return math.ceil(found.campaign.waiting / max(found.bounds.spread_s, 1))
    mean_s = (found.bounds.least_s + found.bounds.most_s) / 2
    return round(3600 / max(mean_s, 1))
