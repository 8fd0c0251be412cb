"""The page of a trial slice."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from asgi_app.database import in_orm
from campaigns.away import says_when_away
from campaigns.models import Campaign
from campaigns.slice_pages import read_slice
from campaigns.views import live_page


@says_when_away
@require_safe
async def trial_slice(request: HttpRequest, campaign_id: int) -> HttpResponse:
    try:
        found = await in_orm(read_slice, campaign_id=campaign_id)
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    ctx = {"it": found, "campaign": found.campaign}
    return live_page(request, "campaigns/slice.html", ctx, found.has_news_to_come)
