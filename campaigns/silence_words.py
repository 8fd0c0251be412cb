"""What the silence clock says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from campaigns.silence import Cause, Silence
from campaigns.wording import time_span

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

CAUSES: Mapping[Cause, StrOrPromise] = {
    Cause.NONE: "",
    Cause.BROKEN: lazy(
        "Nothing comes back from ChatApp at all: the callback is most probably broken, "
        "or its address cannot be reached. Messages still leave; what becomes of them "
        "is told once it works again."
    ),
    Cause.NOT_SUBSCRIBED: lazy(
        "Other callbacks come, statuses do not: the callback is most probably "
        "registered without them."
    ),
    Cause.NOT_READ: lazy(
        "Deliveries are told, so the callback works: people just do not read, or have "
        "switched off that it is told."
    ),
}


def sentence(silence: Silence) -> str:
    """ "Last status 2 min ago; one every 40 s is expected at this pace." """
    every = _("one every {every} is expected at this pace.").format(
        every=time_span(silence.every)
    )
    if not silence.has_heard:
        return _("No status has come for {span}; {every}").format(
            span=time_span(silence.lasts), every=every
        )
    return _("Last status {span} ago; {every}").format(
        span=time_span(silence.lasts), every=every
    )


def cause(silence: Silence) -> str:
    return str(CAUSES[silence.cause])
