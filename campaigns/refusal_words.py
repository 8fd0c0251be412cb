"""Why what people ask of a campaign is not done, as pages and the API say it."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns import list_words, wording
from campaigns.refusals import (
    AlreadyListed,
    CampaignError,
    ChangedSinceShown,
    EditedMeanwhile,
    EndsBeforeStart,
    HasExpired,
    ListNotIn,
    NobodyToSendTo,
    NotPossibleNow,
    OfNoUseAnyMore,
    OnStopList,
    StartIsOver,
    TextCannotBeSent,
    ValuesMissing,
)
from campaigns.texts import BadText, MissingValue


def in_words(error: CampaignError) -> str:
    """One or two sentences."""
    if isinstance(error, NotPossibleNow):
        return str(wording.NOT_POSSIBLE[error.state])
    if isinstance(error, HasExpired):
        return _(
            "Its last moment has passed: what still waits expires, and is never sent. "
            "To send it all the same, copy the campaign."
        )
    if isinstance(error, OfNoUseAnyMore):
        return _(
            "Its last moment has passed: what still waits expires. Choose a later one, "
            "or none, where it should be sent all the same."
        )
    if isinstance(error, EndsBeforeStart):
        return _("Its last moment is before its start. Choose a later one, or none.")
    if isinstance(error, StartIsOver):
        return _("The time at which it was to start has passed. Choose another.")
    if isinstance(error, NobodyToSendTo):
        return _("There is nobody on the list yet. Please add a phone first.")
    if isinstance(error, AlreadyListed):
        return _("This phone is on the list already.")
    if isinstance(error, OnStopList):
        return _("This phone is on the stop list.")
    if isinstance(error, ListNotIn):
        return list_words.not_in(has_failed=error.has_failed)
    if isinstance(error, ValuesMissing):
        return list_words.values_missing(error.names)
    if isinstance(error, ChangedSinceShown):
        return _(
            "Nothing was started: the list, the text or the line is not what you were "
            "shown. Please look at it again."
        )
    if isinstance(error, EditedMeanwhile):
        return _(
            "%(by)s has changed this campaign meanwhile. What you typed is kept: "
            "please open the page anew beside it, and compare."
        ) % {"by": error.by}
    if isinstance(error, TextCannotBeSent):
        return fault_in_words(error.fault)
    return str(error)


def fault_in_words(fault: BadText | MissingValue) -> str:
    """Why a text cannot be sent."""
    if isinstance(fault, BadText):
        return _(
            "The text cannot be sent: its brackets do not fit together near “%(near)s”."
        ) % {"near": fault.near}
    return _(
        "The text cannot be sent: it asks for “%(name)s”, of which a row of the list "
        "says nothing."
    ) % {"name": fault.name}
