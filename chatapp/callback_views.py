"""The callbacks on the Connect page: look, register, remove, test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from asgi_app.database import in_orm
from chatapp import callbacks, selftest
from chatapp.errors import ChatAppError
from chatapp.models import Line
from chatapp.views import Trouble, back, page, resources_of, work

UNSET = _("PUBLIC_URL is not set.")


@require_POST
async def look(request: HttpRequest) -> HttpResponse:
    chatapp = resources_of(request).chatapp
    return await _do(request, lambda: callbacks.look(chatapp), "looked")


@require_POST
async def register(request: HttpRequest, pk: int) -> HttpResponse:
    line, chatapp = await _line(pk), resources_of(request).chatapp
    replace = request.POST.get("replace", "")
    if not callbacks.expected_url():
        return await page(request, trouble=Trouble(UNSET))
    return await _do(
        request,
        lambda: callbacks.register(chatapp, line, replace=replace),
        "registered",
    )


@require_POST
async def remove(request: HttpRequest, pk: int) -> HttpResponse:
    line, chatapp = await _line(pk), resources_of(request).chatapp
    return await _do(request, lambda: callbacks.remove(chatapp, line), "removed")


@require_POST
async def self_test(request: HttpRequest) -> HttpResponse:
    """Shows what it found at once: nothing of it is kept."""
    if not callbacks.expected_url():
        return await page(request, trouble=Trouble(UNSET))
    counted = resources_of(request).callbacks_counted
    hops = await asyncio.shield(work.start(selftest.run(counted)))
    return await page(request, hops=hops)


async def _do(
    request: HttpRequest, act: Callable[[], Awaitable[None]], notice: str
) -> HttpResponse:
    async def task() -> None:
        await act()

    try:
        await asyncio.shield(work.start(task()))
    except callbacks.ForeignCallback as error:
        words = _("Another program's address is registered: %(url)s") % {"url": error}
        return await page(request, trouble=Trouble(words))
    except ChatAppError as error:
        return await page(request, trouble=Trouble.of(error))
    return back(notice)


async def _line(pk: int) -> Line:
    try:
        return await in_orm(Line.objects.get, pk=pk)
    except Line.DoesNotExist as error:
        raise Http404 from error
