"""Pages to look things up: phones in a campaign, lines, everything about a phone."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from asgi_app.database import in_orm
from campaigns import line_pages, phone_pages
from campaigns.away import says_when_away
from campaigns.models import Campaign
from campaigns.phone_search import Found, Sought, find_in_campaign, seek
from campaigns.views import live_page
from chatapp.models import Line

LONGEST_QUERY = 60


@says_when_away
@require_safe
async def search(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Phones of a campaign by all, the beginning, or the last digits of them."""
    query, sought = _read_query(request)
    try:
        campaign, found = await in_orm(_search, campaign_id, sought)
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    trouble = _trouble(query, sought)
    ctx = {"campaign": campaign, "query": query, "found": found, "trouble": trouble}
    status = 422 if trouble else 200
    return render(request, "campaigns/search.html", ctx, status=status)


@says_when_away
@require_safe
async def lines(request: HttpRequest) -> HttpResponse:
    found = await in_orm(line_pages.list_lines)
    live = any(glance.queue for glance in found)
    return live_page(request, "campaigns/lines.html", {"lines": found}, live)


@says_when_away
@require_safe
async def line(request: HttpRequest, line_id: int) -> HttpResponse:
    try:
        found = await in_orm(line_pages.read_line, line_id=line_id)
    except Line.DoesNotExist as error:
        raise Http404 from error
    ctx = {"it": found, "line": found.line}
    return live_page(request, "campaigns/line.html", ctx, found.has_news_to_come)


@says_when_away
@require_safe
async def phones(request: HttpRequest) -> HttpResponse:
    """Finds phones across campaigns; a whole one leads straight to its page."""
    query, sought = _read_query(request)
    found = await in_orm(phone_pages.find_phones, sought)
    if len(sought.whole) == 1 or (len(found.phones) == 1 and not found.is_cut):
        phone = sought.whole[0] if sought.whole else found.phones[0]
        return redirect("campaigns:phone", phone.lstrip("+"))
    trouble = _trouble(query, sought)
    ctx = {"query": query, "found": found, "trouble": trouble}
    status = 422 if trouble else 200
    return render(request, "campaigns/phones.html", ctx, status=status)


@says_when_away
@require_safe
async def phone(request: HttpRequest, digits: str) -> HttpResponse:
    told = request.GET.get("before", "")
    is_id = told.isascii() and told.isdigit() and len(told) <= 18
    found = await in_orm(
        phone_pages.read_phone_page, digits=digits, before=int(told) if is_id else None
    )
    return render(request, "campaigns/phone.html", {"it": found})


def _read_query(request: HttpRequest) -> tuple[str, Sought]:
    query = request.GET.get("q", "")[:LONGEST_QUERY].strip()
    return query, seek(query, region=settings.PHONE_REGION)


def _trouble(query: str, sought: Sought) -> str:
    if query and not sought:
        return _("There is no phone in this. Please type digits, 15 at most.")
    return ""


def _search(campaign_id: int, sought: Sought) -> tuple[Campaign, Found]:
    campaign = Campaign.objects.select_related("line").get(pk=campaign_id)
    return campaign, find_in_campaign(campaign, sought)
