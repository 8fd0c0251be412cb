"""What leaves next, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count

from django.conf import settings

from campaigns.hindrances import Hindrance, Kind, Surroundings
from campaigns.models import Campaign, LineClock, Message
from campaigns.states import MessageStatus, Pacing

# A line with one of these still has a time for its next try.
_HAS_A_TIME = frozenset({Kind.HELD_BACK, Kind.LINE_BUSY})


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
    times = _times(campaign, around.clocks.get(campaign.line_id), around.now)
    return next((_due(m, campaign, times) for m in found), None)


def next_on_line(
    line_id: int, around: Surroundings, hindrance: Hindrance | None, *, most: int
) -> list[Due]:
    """The next messages of a line, across its campaigns, in their order.

    Reads at most `most` rows a campaign, by the index (campaign, status, delay_ms).
    """
    clock = around.clocks.get(line_id)
    can_tell = hindrance is None or hindrance.kind in _HAS_A_TIME
    due: list[Due] = []
    for campaign in around.queues.get(line_id, ()):
        if len(due) == most:
            break
        if due:
            times = _behind(due[-1].at)
        else:
            times = _times(campaign, clock, around.now) if can_tell else None
        for message in _waiting(campaign, most - len(due)):
            known = _due(message, campaign, times)
            due.append(known if can_tell else replace(known, at=None))
    return due


def mean_pause() -> timedelta:
    """The mean of the pauses between two messages of a line."""
    return timedelta(seconds=(settings.SEND_DELAY_MIN + settings.SEND_DELAY_MAX) / 2)


def _waiting(campaign: Campaign, most: int) -> list[Message]:
    rows = Message.objects.filter(campaign=campaign, status=MessageStatus.WAITING)
    return list(rows.only("phone", "delay_ms").order_by("delay_ms", "id")[:most])


Times = Iterator[tuple[datetime, bool]]


def _times(campaign: Campaign, clock: LineClock | None, now: datetime) -> Times | None:
    """When the messages of a line's head leave, one after another."""
    if campaign.pacing == Pacing.EACH_ON_ITS_OWN or clock is None:
        return None
    # While one is on its way the clock shows when it is given up; the pause is drawn
    # when its answer is there.
    first = now + mean_pause() if campaign.claimed else clock.next_at
    return (
        (first + mean_pause() * number, bool(number or campaign.claimed))
        for number in count()
    )


def _behind(last: datetime | None) -> Times | None:
    """The times of a campaign that comes behind another's last message."""
    if last is None:
        return None
    return ((last + mean_pause() * number, True) for number in count(1))


def _due(message: Message, campaign: Campaign, times: Times | None) -> Due:
    if campaign.pacing == Pacing.EACH_ON_ITS_OWN:
        begun = None if campaign.draw_anew else campaign.delays_from
        drawn = timedelta(milliseconds=message.delay_ms)
        return Due(message, campaign, begun and begun + drawn, is_about=False)
    at, is_about = next(times) if times else (None, False)
    return Due(message, campaign, at, is_about)
