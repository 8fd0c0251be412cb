"""The page on which a campaign is made: a list checked, or a draft stored."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import (
    drafts,
    list_words,
    receipts,
    selectors,
    uploads,
    wording,
)
from campaigns.forms import CampaignForm
from campaigns.models import TEXT_LIMIT, Upload
from campaigns.pacing import Delays, Duration, how_long
from campaigns.states import Pacing, UploadState
from campaigns.views import require_page_or_post, resources_of

EXAMPLE = 100  # recipients for which the form says beforehand how long they take
REMARKS_SHOWN = 500


@dataclass
class Made:
    """What became of the form: a draft, whose import may be left to the worker."""

    form: CampaignForm
    kept: Upload | None = None
    draft_id: int | None = None
    to_import: int | None = None


@require_page_or_post
async def new_campaign(request: HttpRequest) -> HttpResponse:
    """Checks a list, or stores a draft; whatever is wrong comes back with the input."""
    resources = resources_of(request)
    made = await in_orm(_make, request, resources.delays)
    if made.to_import is not None:
        name = f"new:{uuid.uuid4().hex}"
        await resources.doorbell.ring_import(made.to_import, name=name)
    if made.draft_id is not None:
        return redirect("campaigns:campaign", made.draft_id)
    form, delays = made.form, resources.delays
    phones = form.phone_list
    count = len(phones.recipients) if phones else 0
    rows = sum(source.layout.rows for source in form.sources)
    expected = rows if form.is_beginning else count
    receipt = receipts.receipt_of(phones) if phones else None
    ctx = {
        "form": form,
        "text_limit": TEXT_LIMIT,
        "kept": form.file if made.kept else None,
        "ticket": uploads.ticket(made.kept) if made.kept else "",
        "phones": phones,
        "receipt": receipt,
        "receipt_words": list_words.receipt(receipt) if receipt else "",
        "remarks": phones.remarks[:REMARKS_SHOWN] if phones else (),
        "rows": rows,
        "count": expected or EXAMPLE,
        "lengths": _lengths(expected or EXAMPLE, delays),
        "pause": wording.seconds_between(delays.least_s, delays.most_s),
    }
    status = 422 if form.errors else 200
    return render(request, "campaigns/new.html", ctx, status=status)


def _make(request: HttpRequest, delays: Delays) -> Made:
    """Reads the form, keeps its file, and stores the draft if it is to be saved."""
    earlier = uploads.find(request.POST.get("kept", ""))
    is_kept = earlier is not None and earlier.state == UploadState.KEPT
    form = CampaignForm(
        *((request.POST, request.FILES) if request.method == "POST" else ()),
        lines=selectors.choosable_lines(),
        region=settings.PHONE_REGION,
        now=timezone.now(),
        kept=earlier if is_kept else None,
    )
    is_good = form.is_valid()
    if earlier and not is_kept and not form.file:
        # The same page was sent twice: its draft is there.
        return Made(form, draft_id=earlier.campaign_id)
    if form.file:
        form.file = form.file.kept()
    kept = form.file.upload if form.file else None
    if is_kept and earlier and earlier != kept:
        uploads.let_go(earlier.pk)
    if not (is_good and form.is_to_be_saved):
        return Made(form, kept)
    try:
        saved = drafts.save(form, operator=operator_of(request), delays=delays)
    except uploads.AlreadyTaken as taken:
        return Made(form, draft_id=taken.campaign_id)
    return Made(form, draft_id=saved.draft_id, to_import=saved.to_import)


def _lengths(count: int, delays: Delays) -> list[tuple[Pacing, Duration]]:
    rate = settings.CHATAPP_RATE_LIMIT
    return [(p, how_long(count, p, delays, rate_per_s=rate)) for p in Pacing]
