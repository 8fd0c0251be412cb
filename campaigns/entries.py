"""The values that the ledger takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

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


@dataclass(frozen=True, slots=True)
class LineState:
    """What a line has to do, as read at `now`."""

    line_id: int
    licence_id: str
    messenger: str
    now: datetime
    next_at: datetime
    turn: int
    setbacks: int
    head: Head | None


@dataclass(frozen=True, slots=True)
class Claimed:
    message_id: int
    campaign_id: int
    phone: str
    tracking: str


@dataclass(frozen=True, slots=True)
class Setback:
    """Why nothing could leave."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Move:
    """Where the clock of a line goes; kept only while the turn is still the mover's."""

    line_id: int
    turn: int
    next_at: datetime
    setback: Setback | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claimed message.

    WAITING means that it did not leave: the claim is given back.
    """

    claimed: Claimed
    status: MessageStatus
    at: datetime
    message_id: str | None = None
    http_status: int | None = None
    code: str = ""
    reason: str = ""
    answer: str = ""
    move: Move | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Due:
    line_id: int
    next_at: datetime
