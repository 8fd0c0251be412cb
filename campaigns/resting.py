"""What a line's rules say to the message whose turn it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from campaigns.ledger.dues import head_of
from campaigns.ledger.entries import LineState, Move
from campaigns.rules import Verdict, may_send

# Where the rules let nothing out for a year, they may still be changed.
LOOK_AGAIN = timedelta(days=1)


def verdict_on(state: LineState, zones: Sequence[str]) -> Verdict:
    """Whether the line's head may send to these zones; a trial always may."""
    if head_of(state).is_trial:
        return Verdict(None, awake=tuple(zones))
    return may_send(state.rules, state.tally, state.now, zones)


def among(state: LineState, verdict: Verdict) -> Sequence[str] | None:
    """The zones to which the line may send; None where zones do not matter."""
    if head_of(state).is_trial or not state.rules.in_recipients_zone:
        return None
    return verdict.awake if state.rules.hours.are_limited else None


def rest(state: LineState, verdict: Verdict) -> Move:
    """The line's clock set to when its rules let it go on."""
    until = verdict.until or state.now + LOOK_AGAIN
    return Move(state.line_id, state.turn, until, is_resting=True)
