"""How the queue page says what a job does, and how long ago something was."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils.translation import gettext as _

from campaigns import queue_wording
from campaigns.queue_report import JobRow
from campaigns.wording import time_span

register = template.Library()


@register.filter
def job_words(row: JobRow) -> str:
    return queue_wording.job(row)


@register.filter
def span(lasting: timedelta) -> str:
    return time_span(lasting)


@register.filter
def due(ahead: timedelta) -> str:
    """ "in 12 s" or "3 s late"; "now" within half a second."""
    if abs(ahead) < timedelta(seconds=0.5):
        return _("now")
    if ahead > timedelta():
        return _("in %(time)s") % {"time": time_span(ahead)}
    return _("%(time)s late") % {"time": time_span(-ahead)}


@register.filter
def since(at: datetime, now: datetime) -> str:
    """ "3 s ago"."""
    gone = max(now - at, timedelta())
    return _("%(time)s ago") % {"time": time_span(gone)}


@register.filter
def first_line(text: str) -> str:
    return text.partition("\n")[0]


@register.filter
def other_lines(text: str) -> str:
    return text.partition("\n")[2]
