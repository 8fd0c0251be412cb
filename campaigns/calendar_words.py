"""What the calendar of a line says of an hour, in short and in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from campaigns import explanations
from campaigns.hindrances import Kind
from campaigns.line_hours import Hour
from campaigns.rules import Why
from campaigns.spells import SENDING, Spell

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Why nothing left, as it stands behind a time.
REASONS: Mapping[str, StrOrPromise] = {
    SENDING: lazy("waited between two messages"),
    Kind.DATABASE_AWAY: lazy("the database could not be reached"),
    Kind.NOT_STARTED: lazy("nothing was started"),
    Kind.CANCELLED: lazy("cancelled"),
    Kind.NOTHING_WAITS: lazy("nothing to send"),
    Kind.SCHEDULED: lazy("what is to come starts by itself later"),
    Kind.OF_NO_USE: lazy("past its last moment"),
    Kind.SLICE_WAITS: lazy("the others waited for the trial slice"),
    Kind.PAUSED: lazy("paused"),
    Kind.PAUSED_IDLE: lazy("paused by the program after a long standstill"),
    Kind.NO_WORKER_YET: lazy("no worker was there"),
    Kind.NO_WORKER: lazy("no worker was there"),
    Kind.ACCOUNT_REFUSED: lazy("ChatApp refused the account"),
    Kind.LINE_UNUSABLE: lazy("the licence could not be used"),
    Kind.LINE_STOPPED: lazy("the line was stopped"),
    Kind.LINE_BUSY: lazy("busy with another campaign"),
    Kind.HELD_BACK: lazy("held back"),
    Kind.LATE: lazy("late: no worker took the next message up"),
    Kind.DAY_OFF: lazy("day off"),
    Kind.OUTSIDE_HOURS: lazy("outside its hours"),
    Kind.HOUR_CAP: lazy("the hour's cap was reached"),
    Kind.DAY_CAP: lazy("the day's cap was reached"),
    Kind.WARM_UP: lazy("the day's step of the warm-up was reached"),
}
TO_COME: Mapping[Why, StrOrPromise] = {
    Why.DAY_OFF: lazy("day off"),
    Why.OUTSIDE_HOURS: lazy("outside its hours"),
    Why.HOUR_CAP: lazy("the hour's cap will be reached"),
    Why.DAY_CAP: lazy("the day's cap will be reached"),
    Why.WARM_UP: lazy("the day's step of the warm-up will be reached"),
}
# Rests that were agreed to, and need nobody's attention.
_AGREED = frozenset({*map(str, Why), SENDING, Kind.NOTHING_WAITS, Kind.PAUSED})


@dataclass(frozen=True)
class Cell:
    """An hour as the table shows it: its look, what stands in it, what is said."""

    look: str
    said: str
    sent: int = 0
    planned: int = 0
    of_draft: int = 0
    is_now: bool = False


def cell(hour: Hour | None) -> Cell:
    if hour is None:
        return Cell("none", _("the clock jumped over this hour"))
    return Cell(
        _look(hour),
        sentence(hour),
        hour.sent,
        hour.planned,
        hour.of_draft,
        hour.is_now,
    )


def sentence(hour: Hour) -> str:
    """What was sent in an hour and is planned, or why nothing."""
    said = []
    if hour.sent:
        said.append(_counted(hour.sent, ngettext("{n} sent", "{n} sent", hour.sent)))
    if hour.failed:
        pattern = ngettext("{n} failed", "{n} failed", hour.failed)
        said.append(_counted(hour.failed, pattern))
    if hour.planned:
        pattern = ngettext("{n} planned", "{n} planned", hour.planned)
        said.append(_counted(hour.planned, pattern))
    if hour.of_draft:
        pattern = ngettext("{n} of this draft", "{n} of this draft", hour.of_draft)
        said.append(_counted(hour.of_draft, pattern))
    if not hour.sent:
        said += _past(hour)
    if hour.rests is not None:
        said.append(str(TO_COME[hour.rests]))
    elif hour.is_empty and not hour.is_past:
        said.append(_("free"))
    return "; ".join(said)


def _past(hour: Hour) -> list[str]:
    """Why nothing left in the part that is past."""
    if not (hour.is_past or hour.is_now):
        return []
    if not hour.spells:
        return [_("nothing was written down yet")] if hour.is_past else []
    if len({(spell.kind, spell.code) for spell in hour.spells}) == 1:
        return [_reason(hour.spells[0])]
    return [_timed(spell) for spell in hour.spells]


def _timed(spell: Spell) -> str:
    since, until = (_clock(at) for at in (spell.since, spell.until))
    return _("{since}–{until} {reason}").format(
        since=since, until=until, reason=_reason(spell)
    )


def _reason(spell: Spell) -> str:
    reason = str(REASONS[spell.kind])
    explained = explanations.explain(spell.code) if spell.code else ""
    return f"{reason} ({explained})" if explained else reason


def _look(hour: Hour) -> str:
    if hour.sent:
        return "sent"
    if hour.planned or hour.of_draft:
        return "planned"
    if hour.is_past:
        kinds = {spell.kind for spell in hour.spells}
        if not kinds and not hour.failed:
            return "unknown"  # nobody wrote down why nothing left
        if kinds - _AGREED or hour.failed:
            return "amiss"
        return "rested" if kinds & set(map(str, Why)) else "idle"
    return "rested" if hour.rests else "free"


def _counted(count: int, pattern: str) -> str:
    return pattern.format(n=number_format(count, force_grouping=True))


def _clock(at: datetime) -> str:
    return date_format(timezone.localtime(at), "H:i")
