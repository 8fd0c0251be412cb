"""What is known of messages from elsewhere than the answer to their request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from asgi_app.database import Tx, as_time
from campaigns.history import EventKind, Standing, after, fold
from campaigns.ledger.counters import Deltas
from campaigns.ledger.statements import (
    EARLIER,
    EVENT_COLUMNS,
    EVENTS,
    MESSAGES,
    event_row,
    insert,
    marks,
    read_text,
    update_each,
)
from campaigns.states import MessageStatus

# The column that holds when a status happened first.
MOMENTS = {
    EventKind.SENT: "sent_at",
    EventKind.DELIVERED: "delivered_at",
    EventKind.READ: "read_at",
    EventKind.FAILED: "failed_at",
}

# As it stands in the stored JSON; within a text its quotes would be escaped.
_UNTIMED = '"untimed": true'


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece; `at` is None where ChatApp did not tell when it happened."""

    pk: int
    attempt: int
    kind: EventKind
    at: datetime | None
    arrived_at: datetime
    message_id: str | None = None
    code: str = ""
    reason: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Row:
    """A message as it is stored, while its campaign's row is held."""

    pk: int
    campaign_id: int
    status: MessageStatus
    attempt: int
    message_id: str | None
    code: str
    claim_deadline: datetime | None
    answered_at: datetime | None
    moments: dict[str, datetime | None]
    # What its history says besides, where it has earlier attempts.
    failed: frozenset[int] = frozenset()
    has_left: bool = True

    @property
    def standing(self) -> Standing:
        by_status = self.moments["failed_at"] is not None
        return Standing(
            self.status, self.attempt, by_status, self.failed, self.has_left
        )


async def read_rows(
    tx: Tx, keys: Iterable[Any], *, by: Literal["id", "message_id"] = "id"
) -> dict[int, Row]:
    """Messages by primary key; hold their campaigns' rows before."""
    wanted = sorted(set(keys))
    if not wanted:
        return {}
    rows = await tx.fetch(
        f"SELECT id, campaign_id, status, attempt, message_id, code,"
        f" claim_deadline, answered_at,"
        f" sent_at, delivered_at, read_at, failed_at"
        f" FROM {MESSAGES} WHERE {by} IN ({marks(wanted)})",
        wanted,
    )
    return {
        pk: Row(
            pk=pk,
            campaign_id=campaign_id,
            status=MessageStatus(status),
            attempt=attempt,
            message_id=None if message_id is None else read_text(message_id),
            code=code,
            claim_deadline=as_time(claim_deadline),
            answered_at=as_time(answered_at),
            moments=dict(zip(MOMENTS.values(), map(as_time, moments), strict=True)),
        )
        for (
            pk,
            campaign_id,
            status,
            attempt,
            message_id,
            code,
            claim_deadline,
            answered_at,
            *moments,
        ) in rows
    }


async def apply_evidence(
    tx: Tx, rows: Mapping[int, Row], pieces: Sequence[Evidence], deltas: Deltas
) -> None:
    """Raises messages by what is known of them and adds it to their history.

    The same piece again only adds to the copies of its event. Changes `rows` and
    `deltas`, which the caller writes to the counters.
    """
    known = await _known_events(tx, rows, pieces)
    changes: dict[int, dict[str, Any]] = {}
    ids_of_earlier: dict[tuple[int, int], str] = {}
    copies: dict[int, int] = {}
    events: dict[tuple[Any, ...], list[Any]] = {}
    for piece in pieces:
        row = rows[piece.pk]
        same = _identity(piece.pk, piece.attempt, piece.kind, piece.at)
        if same in known:
            copies[known[same]] = copies.get(known[same], 0) + 1
            continue
        if same in events:
            events[same][EVENT_COLUMNS.index("copies")] += 1
            continue
        events[same] = list(_event(piece))
        was = row.status
        changes.setdefault(row.pk, {}).update(_raise(row, piece))
        deltas.move(row.campaign_id, was, row.status)
        if piece.kind in MOMENTS:
            deltas.hear(row.campaign_id)
        if piece.attempt < row.attempt and piece.message_id:
            ids_of_earlier[piece.pk, piece.attempt] = piece.message_id
    await update_each(tx, MESSAGES, {pk: c for pk, c in changes.items() if c})
    await insert(tx, EVENTS, EVENT_COLUMNS, list(events.values()))
    for event_id, more in copies.items():
        await tx.execute(
            f"UPDATE {EVENTS} SET copies = copies + %s WHERE id = %s", (more, event_id)
        )
    for (pk, attempt), message_id in ids_of_earlier.items():
        await tx.execute(
            f"UPDATE {EARLIER} SET message_id = %s"
            f" WHERE of_id = %s AND number = %s AND message_id IS NULL",
            (message_id, pk, attempt),
        )


def _raise(row: Row, piece: Evidence) -> dict[str, Any]:
    """Raises a row in memory; returns the columns that changed."""
    change: dict[str, Any] = {}
    risen = after(row.standing, piece.kind, piece.attempt)
    row.failed, row.has_left = risen.failed, risen.has_left
    if risen.status != row.status:
        # What was said of a failure or a doubt does not fit any more.
        failed = risen.status == MessageStatus.FAILED
        change |= {
            "status": risen.status,
            "claim_deadline": None,
            "look_at": None,
            "code": piece.code if failed else "",
            "reason": piece.reason if failed else "",
        }
        row.status, row.code = risen.status, change["code"]
    of_earlier = piece.attempt < row.attempt
    column = MOMENTS.get(piece.kind)
    # A failure of an earlier attempt is the message's only where it shows it.
    is_past = of_earlier and piece.kind == EventKind.FAILED
    if column and not (is_past and "status" not in change):
        at = piece.at or piece.arrived_at
        first = row.moments[column]
        if first is None or at < first:
            change[column] = row.moments[column] = at
    if piece.message_id and row.message_id is None and not of_earlier:
        change["message_id"] = row.message_id = piece.message_id
    return change


def _event(piece: Evidence) -> tuple[Any, ...]:
    detail = dict(piece.detail)
    if piece.at is None:
        detail["untimed"] = True
    for name in ("message_id", "code", "reason"):
        if value := getattr(piece, name):
            detail[name] = value
    return event_row(
        piece.pk,
        piece.attempt,
        piece.kind,
        piece.at or piece.arrived_at,
        arrived_at=piece.arrived_at,
        detail=detail,
    )


async def _known_events(
    tx: Tx, messages: Mapping[int, Row], pieces: Sequence[Evidence]
) -> dict[tuple[Any, ...], int]:
    """Events of these messages that are heard of again now, by their identity.

    Tells the messages with earlier attempts what they came to.
    """
    wanted = sorted({piece.pk for piece in pieces})
    if not wanted:
        return {}
    await _recall(tx, [messages[pk] for pk in wanted if messages[pk].attempt > 1])
    kinds = sorted({str(piece.kind) for piece in pieces})
    rows = await tx.fetch(
        f"SELECT id, message_id, attempt, kind,"
        f" CASE WHEN detail LIKE %s THEN NULL ELSE at END FROM {EVENTS}"
        f" WHERE message_id IN ({marks(wanted)}) AND kind IN ({marks(kinds)})",
        (f"%{_UNTIMED}%", *wanted, *kinds),
    )
    return {
        _identity(pk, attempt, kind, as_time(at)): event_id
        for event_id, pk, attempt, kind, at in rows
    }


async def _recall(tx: Tx, messages: Sequence[Row]) -> None:
    """Tells messages with earlier attempts what these came to."""
    if not messages:
        return
    rows = await tx.fetch(
        f"SELECT id, message_id, kind, attempt FROM {EVENTS}"
        f" WHERE message_id IN ({marks(messages)})",
        [row.pk for row in messages],
    )
    pasts: dict[int, list[tuple[EventKind, int]]] = {}
    for _, pk, kind, attempt in sorted(rows):
        pasts.setdefault(pk, []).append((EventKind(kind), attempt))
    for row in messages:
        if row.pk in pasts:
            standing = fold(pasts[row.pk])
            row.failed, row.has_left = standing.failed, standing.has_left


def _identity(pk: int, attempt: int, kind: str, at: datetime | None) -> tuple[Any, ...]:
    return (pk, attempt, str(kind), at)
