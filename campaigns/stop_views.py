"""The pages of the stop list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import stops
from campaigns.csvfiles import BOM, Cell, csv_lines, delimiter_for
from campaigns.export_views import as_file
from campaigns.models import StopEntry
from campaigns.stop_forms import StopForm
from campaigns.views import PHONE, require_page_or_post

LONGEST_KEY = 18  # digits that fit a BIGINT, whatever they are
LONGEST_COUNT = 7
WRONG_SHOWN = 500


@require_page_or_post
async def stop_list(request: HttpRequest) -> HttpResponse:
    """Shows the list, and adds to it; what was wrong comes back, the rest is kept."""
    if request.method != "POST":
        return await _page(request, StopForm(region=settings.PHONE_REGION))
    form, added = await in_orm(_add, request)
    if form.errors or form.wrong:
        return await _page(request, form, added=added, status=422)
    told = {"added": added, "known": len(form.found) - added}
    return redirect(f"{reverse('campaigns:stops')}?{urlencode(told)}")


@require_POST
async def remove_stop(request: HttpRequest) -> HttpResponse:
    """Takes a phone off; a second click finds it gone, which is as good."""
    phone = PHONE.fullmatch(request.POST.get("phone", ""))
    if phone is None:
        return redirect("campaigns:stops")
    removed = await in_orm(
        stops.remove_from_stop_list, phone=phone[0], operator=operator_of(request)
    )
    told = f"?{urlencode({'removed': phone[0]})}" if removed else ""
    return redirect(f"{reverse('campaigns:stops')}{told}")


@require_GET
async def stops_file(request: HttpRequest) -> HttpResponseBase:
    """The whole list as CSV, sent while it is read."""
    stream = _stream(get_language() or "en")
    return as_file(stream, "stop-list", "csv")


def _add(request: HttpRequest) -> tuple[StopForm, int]:
    """Reads the form and adds what was understood; returns how many were new."""
    form = StopForm(request.POST, request.FILES, region=settings.PHONE_REGION)
    if not form.is_valid():
        return form, 0
    added = stops.add_to_stop_list(
        phones=form.found, operator=operator_of(request), reason=form.why
    )
    if form.wrong:
        form.keep_wrong()
    return form, added


async def _page(
    request: HttpRequest, form: StopForm, *, added: int | None = None, status: int = 200
) -> HttpResponse:
    search = request.GET.get("phone", "").strip()
    found = await in_orm(
        stops.read_stop_list,
        search=search,
        before=_number(request, "before", LONGEST_KEY),
        region=settings.PHONE_REGION,
    )
    removed = PHONE.fullmatch(request.GET.get("removed", ""))
    if added is None:
        added = _number(request, "added", LONGEST_COUNT)
        known = _number(request, "known", LONGEST_COUNT)
    else:
        known = len(form.found) - added if form.found else None
    ctx: dict[str, Any] = {
        "list": found,
        "form": form,
        "search": search,
        "is_first": "before" not in request.GET,
        "added": added if added or known else None,
        "known": known,
        "removed": removed[0] if removed else "",
        "wrong": form.wrong[:WRONG_SHOWN],
        "words": settings.STOP_WORDS,
    }
    return render(request, "campaigns/stops.html", ctx, status=status)


def _number(request: HttpRequest, name: str, longest: int) -> int | None:
    told = request.GET.get(name, "")
    fits = told.isascii() and told.isdigit() and len(told) <= longest
    return int(told) if fits else None


async def _stream(language: str) -> AsyncIterator[bytes]:
    delimiter = delimiter_for(language)
    with override(language):
        header = [_("Phone"), _("Added by"), _("Added at"), _("Why")]
        owner = _("its owner")
    yield BOM + csv_lines([header], delimiter=delimiter)
    after = 0
    while entries := await in_orm(stops.read_some, after=after):
        rows = [_row(entry, owner) for entry in entries]
        yield csv_lines(rows, delimiter=delimiter)
        after = entries[-1].pk


def _row(entry: StopEntry, owner: str) -> list[Cell]:
    at = timezone.localtime(entry.added_at)
    return [entry.phone, entry.added_by or owner, at, entry.reason]
