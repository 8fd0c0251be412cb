"""The record of every text the sandbox was sent, and of what it answered."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from chatapp.sandbox.licences import Line
from chatapp.sandbox.store import Store

PAGE = 100
MAX_TEXT = 5000

_COLUMNS = (
    "seq, at, side, licence_id, messenger, phone, text, tracking, message_id,"
    " accepted, answer"
)


@dataclass(frozen=True, slots=True)
class Send:
    """One request to send a text (``side`` out), or one incoming message (in)."""

    seq: int
    at: float
    side: str
    licence_id: str
    messenger: str
    phone: str
    text: str
    tracking: str | None
    message_id: str | None
    accepted: bool
    answer: str

    @property
    def line(self) -> Line:
        return Line(self.licence_id, self.messenger)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many texts were sent, and how many of them were accepted."""

    total: int
    accepted: int

    @property
    def refused(self) -> int:
        return self.total - self.accepted


class Record:
    """What was sent, kept before it is answered."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self,
        *,
        line: Line,
        phone: str,
        text: str,
        tracking: str | None = None,
        message_id: str | None = None,
        answer: str,
        side: str = "out",
    ) -> Send:
        """Keep a message; it was accepted if it has got an id."""
        row = (
            time.time(),
            side,
            line.licence_id,
            line.messenger,
            phone,
            text[:MAX_TEXT],
            tracking,
            message_id,
            message_id is not None,
            answer,
        )
        seq = self._store.insert(
            f"INSERT INTO messages ({_COLUMNS}) VALUES (NULL,?,?,?,?,?,?,?,?,?,?)", *row
        )
        return Send(seq, *row)

    def set_answer(self, send: Send, answer: str) -> None:
        """Correct what a message was answered."""
        self._store.run("UPDATE messages SET answer=? WHERE seq=?", answer, send.seq)

    def sends(self) -> list[Send]:
        """Every text the sandbox was sent, oldest first; for tests."""
        return self._select("side='out' ORDER BY seq")

    def accepted(self) -> list[Send]:
        """Every text the sandbox accepted, oldest first; for tests."""
        return self._select("side='out' AND accepted ORDER BY seq")

    def after(self, seq: int, limit: int = PAGE) -> list[Send]:
        """The texts that came after ``seq``, oldest first."""
        return self._select("side='out' AND seq>? ORDER BY seq LIMIT ?", seq, limit)

    def before(self, seq: int | None, limit: int = PAGE) -> list[Send]:
        """The texts and incoming messages before ``seq``, newest first."""
        if seq is None:
            return self._select("1 ORDER BY seq DESC LIMIT ?", limit)
        return self._select("seq<? ORDER BY seq DESC LIMIT ?", seq, limit)

    def find(self, message_id: str) -> Send | None:
        """The message with this id."""
        found = self._select("message_id=?", message_id)
        return found[0] if found else None

    def chat(
        self,
        line: Line,
        phone: str,
        *,
        limit: int,
        newer: bool = False,
        cursor: int | None = None,
        last_time: float | None = None,
    ) -> list[Send]:
        """A page of a chat, beginning at ``cursor`` or ``last_time`` (unix seconds)."""
        where = "phone=? AND licence_id=? AND messenger=? AND accepted"
        values: list[Any] = [phone, line.licence_id, line.messenger]
        sign, order = (">", "") if newer else ("<", " DESC")
        if cursor is not None:
            where += f" AND seq{sign}?"
            values.append(cursor)
        if last_time is not None:
            where += f" AND at{sign}?"
            values.append(last_time)
        return self._select(f"{where} ORDER BY seq{order} LIMIT ?", *values, limit)

    def counts(self) -> Counts:
        """How many texts came, and how many were accepted."""
        rows = self._store.rows(
            "SELECT accepted, COUNT(*) FROM messages WHERE side='out' GROUP BY accepted"
        )
        found = {bool(accepted): number for accepted, number in rows}
        return Counts(total=sum(found.values()), accepted=found.get(True, 0))

    def doubled(self) -> list[tuple[str, str, int]]:
        """Who accepted the same text more than once: phone, text, how often."""
        return self._store.rows(
            "SELECT phone, text, COUNT(*) FROM messages WHERE side='out' AND accepted"
            " GROUP BY phone, text HAVING COUNT(*) > 1 ORDER BY phone"
        )

    def _select(self, where: str, *values: Any) -> list[Send]:
        rows = self._store.rows(
            f"SELECT {_COLUMNS} FROM messages WHERE {where}", *values
        )
        return [Send(*[*row[:9], bool(row[9]), row[10]]) for row in rows]
