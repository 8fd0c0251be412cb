"""A forecast in the words that operators read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from asgi_app import moments
from campaigns.forecast import Condition, Forecast
from campaigns.wording import time_span

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Nearer than this to its plan, a campaign is as planned.
NEAR = timedelta(minutes=1)

ENDINGS: Mapping[Condition | None, StrOrPromise] = {
    None: lazy("Ends {when}"),
    Condition.STARTED: lazy("If started now, it ends {when}"),
    Condition.RESUMED: lazy("If resumed now, it ends {when}"),
    Condition.CONTINUED: lazy("If you continue now, it ends {when}"),
    Condition.LINE_GOES_ON: lazy("If the line goes on now, it ends {when}"),
}


def ending(forecast: Forecast) -> str:
    """The whole sentence: "Ends Thu 14:20 ± 13 min"."""
    return str(ENDINGS[forecast.condition]).format(when=when(forecast))


def when(forecast: Forecast) -> str:
    """The time with its band: "Thu 14:20 ± 13 min"; the day unless it is today."""
    at = moment(forecast.ends_at, in_seconds=forecast.band < NEAR)
    if forecast.band < timedelta(seconds=1):
        return at
    return _("{time} ± {band}").format(time=at, band=time_span(forecast.band))


def moment(at: datetime, *, in_seconds: bool = False) -> str:
    """A time to the minute, or the second, with the day unless it is today."""
    half = timedelta(milliseconds=500) if in_seconds else timedelta(seconds=30)
    local = timezone.localtime(at + half)
    clock = date_format(local, "H:i:s" if in_seconds else "H:i")
    days = (local.date() - timezone.localdate()).days
    if days == 0:
        return clock
    weekday = moments.weekday(local)
    if 0 < days < 7:
        return f"{weekday} {clock}"
    return f"{weekday} {date_format(local, 'MONTH_DAY_FORMAT')}, {clock}"


def against_plan(forecast: Forecast) -> str:
    """How far it is from its plan: "2 min behind plan"; empty without a plan."""
    behind = forecast.behind
    if behind is None:
        return ""
    if abs(behind) < NEAR:
        return _("as planned")
    pattern = _("{span} behind plan") if behind > NEAR else _("{span} ahead of plan")
    said = pattern.format(span=time_span(abs(behind)))
    if forecast.paused >= NEAR:
        pause = time_span(forecast.paused)
        said = _("{said} (it was paused for {span})").format(said=said, span=pause)
    # A pause was no chance.
    if abs(behind - forecast.paused) <= max(forecast.planned_band, NEAR):
        return said
    return _("{said}, more than chance explains").format(said=said)


def as_values(forecast: Forecast | None) -> dict[str, str | int | None]:
    """For programs: times in ISO format, the band in seconds."""
    if forecast is None:
        return {"ends_at": None, "band_s": None, "planned_end_at": None}
    planned_at = forecast.planned_at
    return {
        "ends_at": forecast.ends_at.isoformat(),
        "band_s": round(forecast.band.total_seconds()),
        "planned_end_at": planned_at.isoformat() if planned_at else None,
    }
