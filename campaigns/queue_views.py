"""The queue page: who works, what waits, and how late the clock runs."""

from __future__ import annotations

from typing import Protocol

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from campaigns import queue_wording
from campaigns.clocks import LATE
from campaigns.heartbeat import ALIVE_FOR
from campaigns.queue_report import QueueWatch, Standing
from campaigns.views import RELOAD_S

CALM = frozenset({Standing.NOTHING_WAITS, Standing.ON_TIME})


class Resources(Protocol):
    """What this page needs of the process that serves it."""

    @property
    def queue(self) -> QueueWatch: ...


@require_safe
async def queue(request: HttpRequest) -> HttpResponse:
    """Answers within seconds, whatever is away and whatever the queue holds."""
    resources: Resources = request.scope["state"]["resources"]  # type: ignore[attr-defined]
    report = await resources.queue.read()
    reloads = request.GET.get("reload") != "off"
    ctx = {
        "report": report,
        "jobs": report.jobs,
        "facts": report.facts,
        "now": report.facts.now if report.facts else timezone.now(),
        "is_calm": report.standing in CALM,
        "standing": queue_wording.standing(report),
        "crons": queue_wording.crons(report),
        "is_late": report.late > LATE,
        "alive_for_s": round(ALIVE_FOR.total_seconds()),
        "live": True,
        "reloads": reloads,
    }
    response = render(request, "campaigns/queue.html", ctx)
    if reloads:
        response.headers["Refresh"] = str(RELOAD_S)
    return response
