"""The sentences that say why a line's rules let it rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from campaigns.forecast_words import moment
from campaigns.rules import Why

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
