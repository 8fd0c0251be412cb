"""What can happen to a message, and where it stands after it.

A message is the fold of its events: the ledger decides each change with `after`, the
audit folds the whole history with it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import reduce

from campaigns.states import MessageStatus


class EventKind(StrEnum):
    CLAIMED = "claimed"
    # The request did not leave.
    GIVEN_BACK = "given_back"
    # The answer to the request.
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNSURE = "unsure"
    # The claim passed its deadline without a record.
    NO_ANSWER = "no_answer"
    # A backup was put back, and nobody can tell whether it was sent since.
    IN_DOUBT = "in_doubt"
    # Our own message, seen in a callback or in the chat's history.
    ECHOED = "echoed"
    FOUND = "found"
    LOOKED = "looked"
    # Statuses by callback.
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    IGNORED = "ignored"
    # What people decide.
    ASSUMED_SENT = "assumed_sent"
    SENT_AGAIN = "sent_again"
    RETRIED = "retried"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


# What each piece of evidence shows to be true at least.
EVIDENCE = {
    EventKind.ACCEPTED: MessageStatus.ACCEPTED,
    EventKind.ECHOED: MessageStatus.ACCEPTED,
    EventKind.FOUND: MessageStatus.ACCEPTED,
    EventKind.SENT: MessageStatus.SENT,
    EventKind.FAILED: MessageStatus.FAILED,
    EventKind.DELIVERED: MessageStatus.DELIVERED,
    EventKind.READ: MessageStatus.READ,
}
# Other steps lead from one of these statuses to another, and else nowhere.
STEPS: dict[EventKind, tuple[frozenset[MessageStatus], MessageStatus]] = {
    EventKind.CLAIMED: (frozenset({MessageStatus.WAITING}), MessageStatus.CLAIMED),
    EventKind.GIVEN_BACK: (frozenset({MessageStatus.CLAIMED}), MessageStatus.WAITING),
    EventKind.REFUSED: (
        frozenset({MessageStatus.CLAIMED, MessageStatus.UNSURE}),
        MessageStatus.FAILED,
    ),
    EventKind.UNSURE: (frozenset({MessageStatus.CLAIMED}), MessageStatus.UNSURE),
    EventKind.NO_ANSWER: (frozenset({MessageStatus.CLAIMED}), MessageStatus.UNSURE),
    EventKind.IN_DOUBT: (frozenset({MessageStatus.WAITING}), MessageStatus.UNSURE),
    EventKind.ASSUMED_SENT: (
        frozenset({MessageStatus.UNSURE}),
        MessageStatus.ASSUMED_SENT,
    ),
    EventKind.SENT_AGAIN: (frozenset({MessageStatus.UNSURE}), MessageStatus.WAITING),
    EventKind.RETRIED: (frozenset({MessageStatus.FAILED}), MessageStatus.WAITING),
    EventKind.CANCELLED: (frozenset({MessageStatus.WAITING}), MessageStatus.CANCELLED),
    EventKind.EXPIRED: (frozenset({MessageStatus.WAITING}), MessageStatus.EXPIRED),
}
NEW_ATTEMPT = frozenset({EventKind.SENT_AGAIN, EventKind.RETRIED})

_RANKS = {
    MessageStatus.UNSURE: 1,
    MessageStatus.ASSUMED_SENT: 2,
    MessageStatus.ACCEPTED: 4,
    MessageStatus.SENT: 5,
    MessageStatus.FAILED: 6,
    MessageStatus.DELIVERED: 7,
    MessageStatus.READ: 8,
}
# What a failed status outweighs.
_ON_THEIR_WAY = frozenset({MessageStatus.ACCEPTED, MessageStatus.SENT})
_NOT_LEFT = frozenset(
    {MessageStatus.WAITING, MessageStatus.CANCELLED, MessageStatus.EXPIRED}
)
# A refusal is only an answer: any evidence that the message exists outweighs it.
_REFUSED_RANK = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a message stands; `by_status` tells a failed status from a refusal.

    What earlier attempts came to is not compared: `failed` are those with a failed
    status, `has_left` says that the present one was claimed and not given back.
    """

    status: MessageStatus = MessageStatus.WAITING
    attempt: int = 1
    by_status: bool = False
    failed: frozenset[int] = field(default=frozenset(), compare=False)
    has_left: bool = field(default=True, compare=False)

    @property
    def rank(self) -> int:
        if self.status == MessageStatus.FAILED and not self.by_status:
            return _REFUSED_RANK
        return _RANKS.get(self.status, 0)


def after(standing: Standing, kind: EventKind, attempt: int) -> Standing:
    """Where a message stands after an event of one of its attempts.

    Evidence only raises. A failed status of an earlier attempt says nothing of the
    present one, unless that has not left because the earlier one was seen on its way;
    any other evidence means that the person has the message, or will, as long as the
    attempt has not failed.
    """
    if shown := EVIDENCE.get(kind):
        return _shown(standing, shown, attempt)
    if kind not in STEPS or attempt != standing.attempt:
        return standing
    origins, target = STEPS[kind]
    if standing.status not in origins:
        return standing
    step = 1 if kind in NEW_ATTEMPT else 0
    return replace(
        standing,
        status=target,
        attempt=standing.attempt + step,
        by_status=False,
        has_left=target not in _NOT_LEFT,
    )


def _shown(standing: Standing, shown: MessageStatus, attempt: int) -> Standing:
    """Where a message stands after a piece of evidence."""
    of_earlier = attempt < standing.attempt
    by_status = shown == MessageStatus.FAILED
    is_under_way = standing.has_left or standing.status not in _ON_THEIR_WAY
    if by_status:
        standing = replace(standing, failed=standing.failed | {attempt})
    if of_earlier and by_status and is_under_way:
        return standing
    if of_earlier and attempt in standing.failed and shown in _ON_THEIR_WAY:
        return standing
    if not of_earlier:
        standing = replace(standing, has_left=True)
    risen = replace(standing, status=shown, by_status=by_status)
    return risen if risen.rank > standing.rank else standing


def fold(events: Iterable[tuple[EventKind, int]]) -> Standing:
    """Where a message stands after all of its events, as (kind, attempt)."""
    return reduce(lambda s, event: after(s, *event), events, Standing())


def split_tracking(tracking: str) -> tuple[str, int]:
    """The row's own tracking and the attempt that a send's tracking stands for."""
    base, dash, number = tracking.rpartition("-")
    if dash and number.isascii() and number.isdigit() and len(number) <= 4:
        return base, int(number)
    return tracking, 1


def join_tracking(base: str, attempt: int) -> str:
    """The tracking that a send of this attempt carries."""
    return base if attempt == 1 else f"{base}-{attempt}"
