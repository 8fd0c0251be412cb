"""The values that the ledger takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from campaigns.rules import HOUSE, Rules, Tally
from campaigns.states import MessageStatus, Pacing


class LostClaim(Exception):
    """Somebody else moved the line, or paused or changed the campaign; claim anew."""


@dataclass(frozen=True, slots=True)
class Head:
    """The campaign whose turn it is on a line."""

    campaign_id: int
    text: str
    pacing: Pacing
    delays_from: datetime | None
    draw_anew: bool
    served_at: datetime | None
    woken_at: datetime | None
    # One message to the operator's own phone: hours and caps are not for it.
    is_trial: bool
    # It may leave through a line that the delivery brake has stopped.
    is_line_test: bool
    # Only the members of its trial slice may leave.
    slice_is_open: bool


@dataclass(frozen=True, slots=True)
class LineState:
    """What a line has to do, as read at `now`.

    `is_stopped` says that the brake holds it, `unusable` why ChatApp's licence cannot
    be used, and `pause_ms` is the pause that was drawn before `next_at`. `tally` is
    what has left by the `rules`.
    """

    line_id: int
    licence_id: str
    messenger: str
    now: datetime
    next_at: datetime
    turn: int
    setbacks: int
    held_since: datetime | None
    pause_ms: int | None
    is_stopped: bool
    unusable: str
    rules: Rules
    tally: Tally
    head: Head | None


@dataclass(frozen=True, slots=True)
class Claimed:
    message_id: int
    campaign_id: int
    line_id: int
    phone: str
    tracking: str
    attempt: int
    delay_ms: int
    # What its row says for the variables of the text, by folded name.
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    zone: str = HOUSE
    # Set by the claim; tells it from an earlier or later one of the same attempt.
    claimed_at: datetime | None = None
    deadline: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Messages that leave now, and the turn with which they hold the line."""

    turn: int
    tally: Tally
    messages: tuple[Claimed, ...]


@dataclass(frozen=True, slots=True)
class Setback:
    """Why nothing could leave."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Move:
    """Where the clock of a line goes; kept only while the turn is still the mover's.

    A line that `is_resting` waits for its rules, and is woken when they change.
    """

    line_id: int
    turn: int
    next_at: datetime
    setback: Setback | None = None
    pause_ms: int | None = None
    is_resting: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claimed message.

    WAITING means that it did not leave: the claim is given back, `code` says why.
    """

    claimed: Claimed
    status: MessageStatus
    at: datetime
    message_id: str | None = None
    http_status: int | None = None
    took_ms: int | None = None
    code: str = ""
    reason: str = ""
    answer: str = ""
    move: Move | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Due:
    line_id: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class HeardStatus:
    """A status of a message as ChatApp told it; `kind` is an EventKind.

    `tracking` is split into the row's own and the attempt; `digest` is the same for
    the same status told again.
    """

    digest: str
    kind: str
    type: str
    message_id: str
    tracking: str
    attempt: int
    at: datetime | None
    licence_id: str = ""
    messenger: str = ""
    phone: str = ""
    code: str = ""
    reason: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Wrote:
    """That somebody, by his phone in E.164, has written to a line."""

    licence_id: str
    messenger: str
    phone: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class UnsureMessage:
    """An unsure message to look for in the chat's history."""

    message_id: int
    campaign_id: int
    licence_id: str
    messenger: str
    phone: str
    tracking: str
    attempt: int
    looks: int


@dataclass(frozen=True, slots=True)
class SoughtMessage(UnsureMessage):
    """One that may have been sent before a backup of it was put back."""

    line_id: int
    status: MessageStatus
    since: datetime | None
