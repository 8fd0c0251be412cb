"""States, reasons and answers in the words that operators read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext, pgettext_lazy

from asgi_app import moments
from campaigns.history import EventKind
from campaigns.pacing import Duration
from campaigns.receipts import PassedOver
from campaigns.recipients import Reason
from campaigns.states import (
    FINISHED,
    SENT_OUT,
    CampaignStatus,
    MessageStatus,
    Pacing,
)

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from campaigns.models import Campaign

MESSAGES: Mapping[str, StrOrPromise] = {
    MessageStatus.WAITING: lazy("waiting"),
    MessageStatus.CLAIMED: lazy("on its way"),
    MessageStatus.UNSURE: lazy("unsure"),
    MessageStatus.ASSUMED_SENT: lazy("assumed sent"),
    MessageStatus.ACCEPTED: lazy("accepted"),
    MessageStatus.SENT: lazy("sent"),
    MessageStatus.FAILED: lazy("failed"),
    MessageStatus.DELIVERED: lazy("delivered"),
    MessageStatus.READ: lazy("read"),
    MessageStatus.CANCELLED: lazy("cancelled"),
    MessageStatus.EXPIRED: lazy("expired"),
}
# Counters in the order in which a message climbs; the first are named even at 0.
LADDER = (
    MessageStatus.WAITING,
    MessageStatus.CLAIMED,
    MessageStatus.ACCEPTED,
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.READ,
    MessageStatus.FAILED,
    MessageStatus.UNSURE,
    MessageStatus.ASSUMED_SENT,
    MessageStatus.CANCELLED,
    MessageStatus.EXPIRED,
)
ALWAYS_NAMED = frozenset(
    {
        MessageStatus.WAITING,
        MessageStatus.ACCEPTED,
        MessageStatus.FAILED,
        MessageStatus.UNSURE,
    }
)

# The steps of success, what stands beside them, and the order of the bar.
CLIMB = (
    MessageStatus.ACCEPTED,
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.READ,
)
BESIDE = (
    MessageStatus.FAILED,
    MessageStatus.UNSURE,
    MessageStatus.WAITING,
    MessageStatus.CLAIMED,
    MessageStatus.ASSUMED_SENT,
    MessageStatus.CANCELLED,
    MessageStatus.EXPIRED,
)
IN_BAR = (
    MessageStatus.READ,
    MessageStatus.DELIVERED,
    MessageStatus.SENT,
    MessageStatus.ACCEPTED,
    MessageStatus.ASSUMED_SENT,
    MessageStatus.UNSURE,
    MessageStatus.FAILED,
    MessageStatus.CANCELLED,
    MessageStatus.EXPIRED,
    MessageStatus.CLAIMED,
    MessageStatus.WAITING,
)
# The buckets of a chart over time.
STEPS: Mapping[timedelta, StrOrPromise] = {
    timedelta(minutes=1): lazy("a minute"),
    timedelta(minutes=10): lazy("in ten minutes"),
    timedelta(hours=1): lazy("an hour"),
}

CAMPAIGNS: Mapping[str, StrOrPromise] = {
    CampaignStatus.DRAFT: pgettext_lazy("campaign", "draft"),
    CampaignStatus.SCHEDULED: pgettext_lazy("campaign", "scheduled"),
    CampaignStatus.RUNNING: pgettext_lazy("campaign", "running"),
    CampaignStatus.PAUSED: pgettext_lazy("campaign", "paused"),
    CampaignStatus.CANCELLED: pgettext_lazy("campaign", "cancelled"),
    SENT_OUT: pgettext_lazy("campaign", "sent out"),
    FINISHED: pgettext_lazy("campaign", "finished"),
}

PACINGS: Mapping[str, StrOrPromise] = {
    Pacing.ONE_AFTER_ANOTHER: lazy("One after another"),
    Pacing.EACH_ON_ITS_OWN: lazy("Each on its own"),
}

EVENTS: Mapping[str, StrOrPromise] = {
    EventKind.CLAIMED: lazy("claimed for sending"),
    EventKind.GIVEN_BACK: lazy("did not leave, waits again"),
    EventKind.ACCEPTED: lazy("accepted by ChatApp"),
    EventKind.REFUSED: lazy("refused by ChatApp"),
    EventKind.UNSURE: lazy("answer lost: unsure"),
    EventKind.NO_ANSWER: lazy("no answer was recorded in time: unsure"),
    EventKind.IN_DOUBT: lazy("a backup was put back, maybe sent since: unsure"),
    EventKind.ECHOED: lazy("seen in a callback of our own message"),
    EventKind.FOUND: lazy("found in the chat's history"),
    EventKind.LOOKED: lazy("looked for in the chat's history, not found"),
    EventKind.SENT: lazy("sent"),
    EventKind.DELIVERED: lazy("delivered"),
    EventKind.READ: lazy("read"),
    EventKind.FAILED: lazy("failed"),
    EventKind.IGNORED: lazy("a status that is not known"),
    EventKind.ASSUMED_SENT: lazy("counted as sent"),
    EventKind.SENT_AGAIN: lazy("to be sent again, maybe a second copy"),
    EventKind.RETRIED: lazy("to be tried again"),
    EventKind.CANCELLED: lazy("cancelled"),
    EventKind.EXPIRED: lazy("expired, not sent"),
}

NOT_POSSIBLE: Mapping[str, StrOrPromise] = {
    CampaignStatus.DRAFT: lazy("This campaign has not been started yet."),
    CampaignStatus.SCHEDULED: lazy("This campaign is to start by itself."),
    CampaignStatus.RUNNING: lazy("This campaign is running already."),
    CampaignStatus.PAUSED: lazy("This campaign has been started, and is paused now."),
    CampaignStatus.CANCELLED: lazy(
        "This campaign is cancelled: nothing of it is sent any more."
    ),
    SENT_OUT: lazy("This campaign is sent out: nothing waits any more."),
    FINISHED: lazy("This campaign is finished: nothing waits any more."),
}

VERBS: Mapping[str, StrOrPromise] = {
    "created": lazy("created the draft"),
    "added": lazy("added to the list"),
    "corrected": lazy("corrected rows of the list"),
    "started": lazy("started it"),
    "paused": lazy("paused it"),
    "resumed": lazy("resumed it"),
    "cancelled": lazy("cancelled it"),
    "assumed_sent": lazy("counted unsure ones as sent"),
    "sent_again": lazy("had unsure ones sent again"),
    "retried": lazy("had failed ones tried again"),
    "released": lazy("let the line go on"),
    "recounted": lazy("recounted the books"),
    "copied": lazy("copied it from another campaign"),
    "left_out": lazy("left out who is on the stop list"),
    "cooled": lazy("left out who got another campaign lately"),
    "edited": lazy("changed it"),
    "start_timed": lazy("changed when it starts"),
    "end_timed": lazy("changed how long it is of use"),
    "sliced": lazy("changed how many get it first"),
    # As long as it was not told which.
    "timed": lazy("changed when it starts or ends, or who gets it first"),
    "scheduled": lazy("had it start by itself"),
    "unscheduled": lazy("made a draft of it again"),
    "late": lazy("it could not start in time"),
    "continued": lazy("let the others have it too"),
}

REASONS: Mapping[str, StrOrPromise] = {
    Reason.DOUBLE: lazy("on the list already"),
    Reason.NOT_A_NUMBER: lazy("no phone number found here"),
    Reason.TOO_SHORT: lazy("too few digits"),
    Reason.TOO_LONG: lazy("too many digits"),
    Reason.INVALID: lazy("no such phone number exists"),
    Reason.TOLL_FREE: lazy("a toll-free number; it cannot have WhatsApp"),
    Reason.PREMIUM: lazy("a premium-rate or shared-cost number"),
    Reason.SERVICE: lazy("a service number, not a person's phone"),
    Reason.DIGITS_LOST: lazy("Excel has destroyed digits of this number"),
    Reason.EMPTY: lazy("the phone is missing"),
    Reason.ON_STOP_LIST: lazy("on the stop list"),
    Reason.GOT_LATELY: lazy("got another campaign lately, and was left out"),
    Reason.VALUE_MISSING: lazy("the row has no value that the text needs"),
    Reason.TEXT_TOO_LONG: lazy("the text is too long with the values of this row"),
    Reason.LANDLINE: lazy("a landline; WhatsApp Business may run on it"),
    Reason.RESTORED: lazy("restored from Excel's notation; please compare"),
    Reason.CORRECTED: lazy("corrected by hand"),
}

# Why a correction was not looked at.
PASSED_OVER: Mapping[str, StrOrPromise] = {
    PassedOver.UNKNOWN: lazy("the list has no such line"),
    PassedOver.IS_IN: lazy("this line is in already"),
    PassedOver.FINAL: lazy("such a line cannot be corrected; add the phone by itself"),
    PassedOver.UNCHANGED: lazy("nothing in this line was changed"),
}


def time_span(span: timedelta) -> str:
    """A length of time in its two largest useful units."""
    seconds = round(span.total_seconds())
    if seconds < 60:
        return _("%(seconds)d s") % {"seconds": seconds}
    minutes = round(seconds / 60)
    if minutes < 60:
        return _("%(minutes)d min") % {"minutes": minutes}
    if minutes < 24 * 60:
        hours, minutes = divmod(minutes, 60)
        if not minutes:
            return _("%(hours)d h") % {"hours": hours}
        return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}
    days, hours = divmod(round(minutes / 60), 24)
    in_days = ngettext("%(days)d day", "%(days)d days", days) % {"days": days}
    return in_days + (" " + _("%(hours)d h") % {"hours": hours} if hours else "")


def duration(lasting: Duration) -> str:
    """How long a list takes, with its band: "about 45 min (± 4 min)"."""
    about = time_span(lasting.mean)
    if lasting.mean < timedelta(seconds=1):
        return _("at once")
    if lasting.band < timedelta(seconds=1):
        return _("about %(time)s") % {"time": about}
    return _("about %(time)s (± %(band)s)") % {
        "time": about,
        "band": time_span(lasting.band),
    }


def seconds_between(least_s: float, most_s: float) -> str:
    """The bounds of a random delay: "5–50 s"."""
    if least_s == most_s:
        return _("%(seconds)s s") % {"seconds": number_format(f"{least_s:g}")}
    return _("%(least)s–%(most)s s") % {
        "least": number_format(f"{least_s:g}"),
        "most": number_format(f"{most_s:g}"),
    }


def parts(counts: Iterable[tuple[str, int]]) -> str:
    """Counts by status in words, without those of nothing: "3 read, 1 failed"."""
    return ", ".join(
        f"{number_format(count, force_grouping=True)} {MESSAGES[status]}"
        for status, count in counts
        if count
    )


def terms(counts: Mapping[str, int]) -> str:
    """Counts by status as the terms of a sum: "640 read + 210 delivered"."""
    told = [
        _("%(count)s %(status)s")
        % {
            "count": number_format(counts[status], force_grouping=True),
            "status": MESSAGES[status],
        }
        for status in LADDER
        if counts.get(status)
    ]
    return " + ".join(told) or "0"


def books(campaign: Campaign) -> str:
    """The sum of the rows as the worker counted them last; empty before that."""
    if campaign.books is None or campaign.books_at is None:
        return ""
    counts: Mapping[str, int] = campaign.books["counts"]
    total = number_format(sum(counts.values()), force_grouping=True)
    said = _("%(total)s = %(terms)s ✓ counted from the rows at %(at)s") % {
        "total": total,
        "terms": terms(counts),
        "at": moments.in_short(campaign.books_at),
    }
    if repaired := campaign.books.get("repaired"):
        wrong = ", ".join(
            f"{MESSAGES[status]}: {was} → {now}"
            for status, (was, now) in repaired.items()
        )
        said += " · " + _("the counters were wrong and are repaired: %(wrong)s") % {
            "wrong": wrong
        }
    return str(said)
