"""The sentences that say why nothing is sent now."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from asgi_app.moments import in_short
from campaigns import explanations, rules_words, wording
from campaigns.collapse_words import facts
from campaigns.forecast_words import moment
from campaigns.hindrances import Hindrance, Kind
from campaigns.ledger.moments import PAUSED_LATE
from campaigns.rules import Why


def in_words(hindrance: Hindrance) -> str:
    """One or two sentences, the same on a page and in a terminal."""
    return _SAID[hindrance.kind](hindrance)


def _database_away(_it: Hindrance) -> str:
    return explanations.explain("database_away")


def _not_started(_it: Hindrance) -> str:
    return _("It has not been started yet.")


def _cancelled(it: Hindrance) -> str:
    end = _("What was still waiting is never sent.")
    return f"{_who(it, _('Cancelled by %(by)s at %(at)s.'), _('Cancelled.'))} {end}"


def _nothing_waits(_it: Hindrance) -> str:
    return _("Nothing waits any more.")


def _paused(it: Hindrance) -> str:
    return _who(it, _("Paused by %(by)s at %(at)s."), _("Paused."))


def _scheduled(it: Hindrance) -> str:
    assert it.until is not None
    return _("It starts by itself: {when}.").format(when=moment(it.until))


def _of_no_use(it: Hindrance) -> str:
    assert it.since is not None
    return _("It is of no use after {when}: what still waits expires.").format(
        when=moment(it.since)
    )


def _slice_waits(it: Hindrance) -> str:
    return ngettext(
        "The trial slice has been sent; {n} other waits for you to continue or stop.",
        "The trial slice has been sent; {n} others wait for you to continue or stop.",
        it.count,
    ).format(n=number_format(it.count, force_grouping=True))


def _paused_idle(it: Hindrance) -> str:
    if it.code == PAUSED_LATE:
        return _(
            "Paused by the program: when it was to start, the program did not run, and "
            "by now what the text says may be out of date. Resume it if it is not."
        )
    return _(
        "Paused by the program: for more than 6 hours nothing could leave, and what "
        "the text says may be out of date by now. Resume it if it is not."
    )


def _no_worker_yet(_it: Hindrance) -> str:
    return _("No worker has been seen yet. Please check that one is running.")


def _no_worker(it: Hindrance) -> str:
    assert it.silence is not None
    return _(
        "No worker has been seen for %(silence)s. Please check that one is running."
    ) % {"silence": wording.time_span(it.silence)}


def _explained(it: Hindrance) -> str:
    return explanations.explain(it.code) or it.reason or it.code


def _line_unusable(it: Hindrance) -> str:
    return explanations.explain(it.code.removeprefix("line_")) or it.code


def _line_stopped(it: Hindrance) -> str:
    assert it.since is not None
    stopped = _("The line was stopped at %(at)s.") % {"at": in_short(it.since)}
    return " ".join(filter(None, [stopped, facts(it.reason), _explained(it)]))


def _line_busy(it: Hindrance) -> str:
    assert it.ahead is not None and it.until is not None
    return _("The line is busy with ‹%(name)s› until about %(at)s.") % {
        "name": it.ahead.name,
        "at": in_short(it.until),
    }


def _resting(it: Hindrance) -> str:
    return rules_words.resting(Why(it.kind), it.until)


def _held_back(it: Hindrance) -> str:
    assert it.until is not None
    next_try = _("The next try is at %(at)s.") % {"at": in_short(it.until)}
    return f"{_explained(it)} {next_try}"


def _late(it: Hindrance) -> str:
    assert it.since is not None
    return _(
        "The next message has been due since %(at)s, and no worker has taken it up."
    ) % {"at": in_short(it.since)}


def _who(it: Hindrance, known: str, unknown: str) -> str:
    return known % {"by": it.by, "at": in_short(it.since)} if it.since else unknown


_SAID: Mapping[Kind, Callable[[Hindrance], str]] = {
    Kind.DATABASE_AWAY: _database_away,
    Kind.NOT_STARTED: _not_started,
    Kind.CANCELLED: _cancelled,
    Kind.NOTHING_WAITS: _nothing_waits,
    Kind.SCHEDULED: _scheduled,
    Kind.OF_NO_USE: _of_no_use,
    Kind.SLICE_WAITS: _slice_waits,
    Kind.PAUSED: _paused,
    Kind.PAUSED_IDLE: _paused_idle,
    Kind.NO_WORKER_YET: _no_worker_yet,
    Kind.NO_WORKER: _no_worker,
    Kind.ACCOUNT_REFUSED: _explained,
    Kind.LINE_UNUSABLE: _line_unusable,
    Kind.LINE_STOPPED: _line_stopped,
    Kind.LINE_BUSY: _line_busy,
    **{Kind(why): _resting for why in Why},
    Kind.HELD_BACK: _held_back,
    Kind.LATE: _late,
}
