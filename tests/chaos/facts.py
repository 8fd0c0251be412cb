"""What the judge reads: the sandbox's record, our database, and what was done to us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Send:
    """A text that the sandbox was sent; `answer` is what it did, in its own words."""

    seq: int
    line: tuple[str, str]
    phone: str
    tracking: str
    message_id: str | None
    accepted: bool
    answer: str


@dataclass(frozen=True, slots=True)
class Told:
    """A callback that the sandbox posted about a send, and what we answered."""

    send: int
    label: str
    posted_at: float
    due: float
    answer: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A message as our database has it."""

    pk: int
    phone: str
    tracking: str
    status: str
    message_id: str | None


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a message's history; `worker` where it is a claim."""

    row: int
    kind: str
    at: datetime
    worker: str
    code: str


@dataclass(frozen=True, slots=True)
class Halt:
    """A worker that was killed, cut off, or stood still in the middle of what it did.

    `worker` is a part of its name.
    """

    worker: str
    since: datetime
    until: datetime
