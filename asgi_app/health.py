"""The liveness probe."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe


@require_safe
async def healthz(request: HttpRequest) -> HttpResponse:
    """Says that this process answers; asks neither the database nor Redis."""
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")
