"""What a page says while the database is away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from campaigns.hindrances import Hindrance, Kind

Page = Callable[..., Coroutine[Any, Any, HttpResponse]]

logger = logging.getLogger(__name__)

RELOAD_S = 5


def says_when_away(page: Page) -> Page:
    """Answers 503 in words, and looks again, instead of a server error.

    Only where a page is read: of a write nobody could tell whether it was stored.
    """

    @wraps(page)
    async def said(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return await page(request, *args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            if request.method not in {"GET", "HEAD"}:
                raise
            logger.warning("a page was not read: the database is away: %s", error)
        ctx = {"hindrance": Hindrance(Kind.DATABASE_AWAY)}
        response = render(request, "campaigns/away.html", ctx, status=503)
        response.headers["Refresh"] = str(RELOAD_S)
        return response

    return said
