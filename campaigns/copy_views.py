"""Pages that copy, change and delete a campaign."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import (
    copying,
    editing,
    in_pieces,
    removal,
    selectors,
    services,
    text_words,
    views,
)
from campaigns.alikeness import with_variants
from campaigns.copying import Whom
from campaigns.edit_forms import CopyForm, DeleteForm, EditForm, copy_name
from campaigns.models import Campaign
from campaigns.refusal_words import in_words


@views.require_page_or_post
async def copy(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Asks for a name and for whom, and makes the draft."""
    campaign = await _find(campaign_id)
    data = request.POST.copy() if request.method == "POST" else None
    whom = request.POST.get("whom", "")
    if data is not None and "name" not in data and whom in set(Whom):
        # The button "send to those who have not read it" asks nothing.
        data["name"] = copy_name(campaign, Whom(whom))
    form = CopyForm(data, campaign=campaign, whom=request.GET.get("whom", ""))
    status = 200
    if data is not None and form.is_valid():
        try:
            draft_id = await in_pieces.copy(
                campaign,
                name=form.cleaned_data["name"],
                whom=form.cleaned_data["whom"],
                operator=operator_of(request),
                show=partial(_show, operator_of(request)),
            )
        except services.NobodyToSendTo:
            form.add_error(
                "whom", _("Nobody is left: there is none, or all are on the stop list.")
            )
            status = 409
        except Campaign.DoesNotExist as error:
            raise Http404 from error
        else:
            return redirect("campaigns:campaign", draft_id)
    elif data is not None:
        status = 422
    ctx = {"campaign": campaign, "form": form}
    return render(request, "campaigns/copy.html", ctx, status=status)


@views.require_page_or_post
async def edit(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Changes name and note, of a draft the rest; what is wrong comes back."""
    campaign = await _find(campaign_id)
    lines = await in_orm(selectors.choosable_lines)
    data = request.POST if request.method == "POST" else None
    form = EditForm(data, campaign=campaign, lines=lines, now=timezone.now())
    ctx: dict[str, Any] = {"campaign": campaign, "form": form}
    if data is None and form.is_draft and "variants" in request.GET:
        varied = with_variants(campaign.text)
        form.initial["text"] = varied or campaign.text
        ctx["varied"] = "found" if varied else "none"
    if data is None:
        return render(request, "campaigns/edit.html", ctx)
    if form.is_valid() and form.template and editing.needs_a_look(form.template):
        for said in text_words.misfits(
            await in_pieces.misfits(campaign, form.template)
        ):
            form.add_error("text", said)
    if form.errors:
        return render(request, "campaigns/edit.html", ctx, status=422)
    try:
        if "text" in data and not form.is_draft:
            raise services.NotPossibleNow(campaign.state)
        await in_orm(
            editing.edit_campaign,
            campaign_id=campaign_id,
            changes=form.changes,
            operator=operator_of(request),
            seen=form.cleaned_data["seen"],
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    except services.CampaignError as error:
        ctx["trouble"] = in_words(error)
        return render(request, "campaigns/edit.html", ctx, status=409)
    return redirect("campaigns:campaign", campaign_id)


@views.require_page_or_post
async def delete(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Asks for the name; then hides it for good, and the worker removes its rows."""
    campaign = await _find(campaign_id)
    data = request.POST if request.method == "POST" else None
    form = DeleteForm(data, campaign=campaign)
    may_be = removal.may_be_deleted(campaign)
    status = 200
    if data is not None and may_be and form.is_valid():
        try:
            await in_orm(
                removal.delete_campaign,
                campaign_id=campaign_id,
                operator=operator_of(request),
            )
        except Campaign.DoesNotExist:
            return redirect("campaigns:list")  # a second click
        except services.NotPossibleNow:
            may_be = False
        else:
            return redirect("campaigns:list")
    if data is not None:
        status = 422 if may_be else 409
    ctx = {"campaign": campaign, "form": form, "may_be": may_be}
    return render(request, "campaigns/delete.html", ctx, status=status)


async def _show(operator: str, draft_id: int, left_out: int) -> int:
    await in_orm(
        copying.finish_copy, draft_id=draft_id, left_out=left_out, operator=operator
    )
    return draft_id


async def _find(campaign_id: int) -> Campaign:
    try:
        return await in_orm(Campaign.objects.select_related("line").get, pk=campaign_id)
    except Campaign.DoesNotExist as error:
        raise Http404 from error
