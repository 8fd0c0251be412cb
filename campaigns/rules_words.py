"""A line's rules in words: what they are, and why they let it rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from django.utils.dates import WEEKDAYS_ABBR
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from campaigns.forecast_words import moment
from campaigns.rules import (
    HOUSE,
    Rules,
    Tally,
    Why,
    may_send,
    warm_up_step,
)
from campaigns.rules_text import write_windows

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

RESTS: Mapping[Why, StrOrPromise] = {
    Why.DAY_OFF: lazy("The line has a day off."),
    Why.OUTSIDE_HOURS: lazy("It is outside the line's hours."),
    Why.HOUR_CAP: lazy("As many as the line may send in an hour have left."),
    Why.DAY_CAP: lazy("As many as the line may send on a day have left."),
    Why.WARM_UP: lazy(
        "The line is new and warms up: as many as it may send today have left."
    ),
}


def resting(why: Why, until: datetime | None) -> str:
    """Why a line rests, and until when."""
    if until is None:
        return f"{RESTS[why]} {_('No hour is open in the year to come.')}"
    return f"{RESTS[why]} {_('It goes on at {when}.').format(when=moment(until))}"


def verdict(
    rules: Rules,
    tally: Tally,
    now: datetime,
    zones: Sequence[str] = (HOUSE,),
    *,
    is_stopped: bool = False,
    is_kept: bool = False,
) -> str:
    """Whether the line may send now to somebody in these zones, in a sentence."""
    found = may_send(rules, tally, now, zones)
    if found.room == 0 and found.why is not None:
        return resting(found.why, found.until)
    if is_stopped:
        return _("Its rules allow it now, but the line is stopped (above).")
    if is_kept:
        return _("Its rules allow it now; what keeps it is said above.")
    return _("It may send now.")


def hours(rules: Rules) -> str:
    """ "Mon–Fri 09:00–19:00; Sat 10:00–16:00"."""
    windows = rules.hours.windows
    if windows is None:
        return _("at any hour")
    days = [(number, write_windows(day)) for number, day in enumerate(windows)]
    said = []
    for shown, group in groupby(days, key=lambda day: day[1]):
        numbers = [number for number, _shown in group]
        name = str(WEEKDAYS_ABBR[numbers[0]])
        if len(numbers) > 1:
            name = f"{name}–{WEEKDAYS_ABBR[numbers[-1]]}"
        said.append(f"{name} {shown or _('closed')}")
    return "; ".join(said)


def tallied(rules: Rules, tally: Tally, now: datetime) -> list[str]:
    """What has left in this hour and today, beside what may: "12 of 40 this hour"."""
    then = tally.at(now, rules.zone)
    step = warm_up_step(rules, tally, now)
    caps = [cap for cap in (rules.day_cap,) if cap is not None]
    if step is not None:
        caps.append(rules.warm_up[step])
    said = []
    if rules.hour_cap is not None:
        said.append(
            _("{n} of {cap} this hour").format(
                n=_shown(then.hour_count), cap=_shown(rules.hour_cap)
            )
        )
    if caps:
        said.append(
            _("{n} of {cap} today").format(
                n=_shown(then.day_count), cap=_shown(min(caps))
            )
        )
    return said


def warming(rules: Rules, tally: Tally, now: datetime) -> str:
    """The step of the warm-up and why there is one; empty when the line is warm."""
    step = warm_up_step(rules, tally, now)
    if step is None:
        return ""
    cap = rules.warm_up[step]
    today = ngettext(
        "Day {day} of its warm-up: {n} message.",
        "Day {day} of its warm-up: {n} messages.",
        cap,
    ).format(day=step + 1, n=_shown(cap))
    rest = [_shown(more) for more in rules.warm_up[step + 1 :]]
    then = (
        _("On its next days of sending: {rest}; then as many as its other rules allow.")
        if rest
        else _("After that, as many as its other rules allow.")
    )
    why = _("A new line that sends much at once gets banned.")
    return f"{today} {then.format(rest=', '.join(rest))} {why}"


def in_short(rules: Rules) -> str:
    """One line for a list: hours and caps; empty where nothing limits it."""
    if not rules.are_limiting:
        return ""
    said = [hours(rules)]
    if rules.hour_cap is not None:
        said.append(_("at most {n} an hour").format(n=_shown(rules.hour_cap)))
    if rules.day_cap is not None:
        said.append(_("at most {n} a day").format(n=_shown(rules.day_cap)))
    return "; ".join(said)


def _shown(number: int) -> str:
    return number_format(number, force_grouping=True)
