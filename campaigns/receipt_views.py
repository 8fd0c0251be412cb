"""The receipt of a list: its groups, their download, and their correction."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import corrections, list_words, receipt_selectors, services, wording
from campaigns.away import says_when_away
from campaigns.corrections import Corrected, Typed
from campaigns.csvfiles import delimiter_for
from campaigns.models import Campaign, ListRemark
from campaigns.receipt_files import remark_lines
from campaigns.refusal_words import in_words
from campaigns.tables import VALUE_LENGTH
from campaigns.views import page_number, require_page_or_post, resources_of

TYPED_LENGTH = 500


@says_when_away
@require_safe
async def receipt(request: HttpRequest, campaign_id: int) -> HttpResponse:
    try:
        campaign, found = await in_orm(
            receipt_selectors.read_receipt, campaign_id=campaign_id
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    ctx = {
        "campaign": campaign,
        "receipt": found,
        "receipt_words": list_words.receipt(found),
    }
    return render(request, "campaigns/receipt.html", ctx)


@says_when_away
@require_page_or_post
async def group(request: HttpRequest, campaign_id: int, reason: str) -> HttpResponse:
    """The lines with one reason; a POST corrects some of them."""
    if reason not in wording.REASONS:
        raise Http404
    if request.method != "POST":
        return await _group_page(request, campaign_id, reason)
    typed = _read_typed(request)
    try:
        corrected = await in_orm(
            corrections.correct,
            campaign_id=campaign_id,
            typed=typed,
            delays=resources_of(request).delays,
            region=settings.PHONE_REGION,
            operator=operator_of(request),
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    except services.CampaignError as error:
        said = in_words(error)
        return await _group_page(request, campaign_id, reason, trouble=said, status=409)
    if corrected.wrong:
        return await _group_page(
            request, campaign_id, reason, typed=typed, corrected=corrected, status=422
        )
    address = reverse("campaigns:receipt-group", args=[campaign_id, reason])
    return redirect(f"{address}?{urlencode({'added': corrected.added})}")


@require_safe
async def download(
    request: HttpRequest, campaign_id: int, reason: str = ""
) -> HttpResponse | StreamingHttpResponse:
    """The lines of a group, or of all, as a table for Excel."""
    if reason and reason not in wording.REASONS:
        raise Http404
    if not await in_orm(Campaign.objects.filter(pk=campaign_id).exists):
        raise Http404
    name = f"campaign-{campaign_id}-{reason or 'receipt'}.csv"
    return StreamingHttpResponse(
        remark_lines(campaign_id, reason, delimiter_for(get_language() or "en")),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _group_page(
    request: HttpRequest,
    campaign_id: int,
    reason: str,
    *,
    typed: dict[int, Typed] | None = None,
    corrected: Corrected | None = None,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    try:
        found = await in_orm(
            receipt_selectors.read_group,
            campaign_id=campaign_id,
            reason=reason,
            page=page_number(request),
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    wrong = corrected.wrong if corrected else {}
    ctx: dict[str, Any] = {
        "campaign": found.campaign,
        "group": found,
        "rows": [
            _row(remark, found.names, (typed or {}).get(remark.pk), wrong)
            for remark in found.remarks
        ],
        "trouble": trouble,
        "added": corrected.added if corrected else _added(request),
        "wrong_count": len(wrong),
        "page": found.page,
        "pages": found.pages,
    }
    return render(request, "campaigns/receipt_group.html", ctx, status=status)


def _row(
    remark: ListRemark,
    names: dict[str, str],
    typed: Typed | None,
    wrong: Any,
) -> dict[str, Any]:
    """A remark with the fields in which it can be corrected."""
    values = {**(remark.fields or {}), **(typed.values if typed else {})}
    problem = wrong.get(remark.pk)
    error = ""
    if problem is not None:
        error = str(wording.REASONS[problem.reason])
        if problem.about:
            error += f" ({problem.about})"
    return {
        "remark": remark,
        "text": typed.text if typed else remark.raw,
        "values": [
            (place, name, values.get(folded, ""))
            for place, (folded, name) in enumerate(names.items())
        ],
        "error": error,
    }


def _read_typed(request: HttpRequest) -> dict[int, Typed]:
    """What stands in the fields of the page, by the remark's id."""
    names = request.POST.getlist("name")
    typed: dict[int, Typed] = {}
    for key in request.POST.getlist("remark")[: receipt_selectors.PAGE]:
        if not (key.isascii() and key.isdigit() and len(key) < 19):
            continue
        text = request.POST.get(f"text-{key}", "").strip()[:TYPED_LENGTH]
        values = {
            name: request.POST.get(f"value-{key}-{place}", "").strip()[:VALUE_LENGTH]
            for place, name in enumerate(names)
        }
        typed[int(key)] = Typed(text, values)
    return typed


def _added(request: HttpRequest) -> int:
    asked = request.GET.get("added", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 0
