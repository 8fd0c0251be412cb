"""Addresses for monitoring; behind the same door as everything else."""

from __future__ import annotations

import logging
from typing import Protocol

from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from asgi_app.database import in_orm
from campaigns.monitoring import (
    CONTENT_TYPE,
    Numbers,
    Readiness,
    exposition,
    read_numbers,
    readiness,
)
from campaigns.queue_report import QueueReport, QueueWatch
from chatapp.tokens import TokenStore

logger = logging.getLogger(__name__)


class Resources(Protocol):
    @property
    def queue(self) -> QueueWatch: ...
    @property
    def tokens(self) -> TokenStore: ...


@require_safe
async def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus, in its text format."""
    return HttpResponse(exposition(*await _read(request)), content_type=CONTENT_TYPE)


@require_safe
async def readyz(request: HttpRequest) -> HttpResponse:
    """200 when messages can leave, else 503; what is the matter, part by part."""
    found = readiness(*await _read(request))
    _changes.note(found)
    said = {"ready": found.is_ready, **found.said}
    return JsonResponse(said, status=200 if found.is_ready else 503)


class _Changes:
    """Logs a line when the answer changes: a probe asks every few seconds."""

    def __init__(self) -> None:
        self._bad: frozenset[str] = frozenset()

    def note(self, found: Readiness) -> None:
        if found.bad == self._bad:
            return
        self._bad = found.bad
        if found.is_ready:
            logger.info("ready again")
            return
        bad = (f"{part}: {found.said[part]}" for part in sorted(found.bad))
        logger.warning("not ready: %s", "; ".join(bad))


_changes = _Changes()


async def _read(request: HttpRequest) -> tuple[QueueReport, Numbers | None]:
    resources: Resources = request.scope["state"]["resources"]  # type: ignore[attr-defined]
    report = await resources.queue.read()
    if report.facts is None:  # the database does not answer, or takes too long
        return report, None
    try:
        account = await resources.tokens.status()
        return report, await in_orm(read_numbers, account)
    except Error as error:
        logger.warning("the numbers for monitoring were not read: %s", error)
        return report, None
