"""The page on which people who were written to lately are left out of a draft."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from asgi_app.database import in_orm, orm_now
from asgi_app.middleware import operator_of
from campaigns.audience import SHOWN, Lately, phones_of, read_lately
from campaigns.leaving_out import leave_out
from campaigns.models import Campaign
from campaigns.refusal_words import in_words
from campaigns.refusals import CampaignError
from campaigns.states import CampaignStatus
from campaigns.views import campaign_page, require_page_or_post

ID_DIGITS = 18


@dataclass(frozen=True)
class LatelyPage:
    campaign: Campaign
    lately: list[Lately]
    phones: list[str]


@require_page_or_post
async def lately(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Names whom, by campaign; leaves out of the draft those that are ticked."""
    try:
        if request.method == "POST":
            chosen = [pk for pk in request.POST.getlist("of") if _is_id(pk)]
            await in_orm(
                leave_out,
                campaign_id=campaign_id,
                of=[int(pk) for pk in chosen],
                operator=operator_of(request),
            )
            return redirect("campaigns:confirm", campaign_id)
        found = await in_orm(_read, campaign_id)
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    except CampaignError as error:
        said = in_words(error)
        return await campaign_page(request, campaign_id, trouble=said, status=409)
    ctx = {
        "campaign": found.campaign,
        "lately": found.lately,
        "phones": found.phones[:SHOWN],
        "is_cut": len(found.phones) > SHOWN,
        "days": settings.COOLING_OFF_DAYS,
    }
    return render(request, "campaigns/lately.html", ctx)


def _read(campaign_id: int) -> LatelyPage:
    campaign = Campaign.objects.get(pk=campaign_id, status=CampaignStatus.DRAFT)
    now = orm_now()
    found = read_lately(campaign, now)
    of = [one.campaign.pk for one in found]
    return LatelyPage(campaign, found, phones_of(campaign, of, now, SHOWN + 1))


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= ID_DIGITS
