"""What leaves next, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings

from campaigns.hindrances import Hindrance, Kind, Surroundings
from campaigns.line_rules import tally_of
from campaigns.models import Campaign, Message
from campaigns.rules import HOUSE, NO_RULES, Why, may_send
from campaigns.slices import may_leave
from campaigns.states import Pacing
from campaigns.turns import due_since

# A line with one of these still has a time for its next try.
_HAS_A_TIME = frozenset({Kind.HELD_BACK, Kind.LINE_BUSY, *map(Kind, Why)})


@dataclass(frozen=True)
class Due:
    """A waiting message; `at` is None where nobody can tell yet.

    A pause that is not drawn yet is counted at its mean, and the time `is_about`.
    """

    message: Message
    campaign: Campaign
    at: datetime | None
    is_about: bool


def next_of(campaign: Campaign, around: Surroundings) -> Due | None:
    """The next message of a campaign whose turn it is; None when nothing waits."""
    found = _waiting(campaign, 1)
    return next((_due(m, campaign, _times(campaign, around)) for m in found), None)


def next_on_line(
    line_id: int, around: Surroundings, hindrance: Hindrance | None, *, most: int
) -> list[Due]:
    """The next messages of a line, across its campaigns, in their order.

    Reads at most `most` rows a campaign, by the index (campaign, status, delay_ms).
    """
    can_tell = hindrance is None or hindrance.kind in _HAS_A_TIME
    due: list[Due] = []
    for campaign in around.queues.get(line_id, ()):
        if len(due) == most:
            break
        times = None
        if due and due[-1].at is not None:
            times = _paced(due[-1].at + mean_pause(), campaign, around, is_about=True)
        elif not due and can_tell:
            times = _times(campaign, around)
        for message in _waiting(campaign, most - len(due)):
            known = _due(message, campaign, times)
            due.append(known if can_tell else replace(known, at=None))
    return due


def mean_pause() -> timedelta:
    """The mean of the pauses between two messages of a line."""
    return timedelta(seconds=(settings.SEND_DELAY_MIN + settings.SEND_DELAY_MAX) / 2)


def _waiting(campaign: Campaign, most: int) -> list[Message]:
    rows = may_leave(campaign).only("phone", "delay_ms")
    return list(rows.order_by("delay_ms", "id")[:most])


Times = Iterator[tuple[datetime, bool]]


def _times(campaign: Campaign, around: Surroundings) -> Times | None:
    """When the messages of a line's head leave, one after another."""
    clock = around.clocks.get(campaign.line_id)
    if campaign.pacing == Pacing.EACH_ON_ITS_OWN or clock is None:
        return None
    # While one is on its way the clock shows when it is given up; the pause is drawn
    # when its answer is there.
    is_about = bool(campaign.claimed)
    first = around.now + mean_pause() if is_about else due_since(clock, campaign)
    return _paced(first, campaign, around, is_about=is_about)


def _paced(
    at: datetime, campaign: Campaign, around: Surroundings, *, is_about: bool
) -> Times:
    """Times a mean pause apart, where the line's rules allow them."""
    rules = around.rules.get(campaign.line_id, NO_RULES)
    if campaign.is_trial:
        rules = NO_RULES
    tally = tally_of(around.clocks.get(campaign.line_id))
    zones = around.zones.get(campaign.line_id, (HOUSE,))
    while True:
        verdict = may_send(rules, tally, at, zones)
        if verdict.room == 0:
            if verdict.until is None:
                return
            at = verdict.until
        yield at, is_about
        tally = tally.after(1, at, rules.zone)
        at, is_about = at + mean_pause(), True


def _due(message: Message, campaign: Campaign, times: Times | None) -> Due:
    if campaign.pacing == Pacing.EACH_ON_ITS_OWN:
        begun = None if campaign.draw_anew else campaign.delays_from
        drawn = timedelta(milliseconds=message.delay_ms)
        return Due(message, campaign, begun and begun + drawn, is_about=False)
    at, is_about = next(times, (None, False)) if times else (None, False)
    return Due(message, campaign, at, is_about)
