"""What a callback says: its bytes as typed events, whatever shape they come in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from chatapp.eventfields import clean, compact, error_of, moment, opaque, phone_of
from chatapp.types import mapping

MOST_ITEMS = 10_000
# In bytes of UTF-8, the width of the columns that hold ids and trackings.
ID_BYTES = 255
LINE_BYTES = 64
NAME_CHARS = 50
TEXT_CHARS = 4096
RAW_CHARS = 2000
# How an event of no known name, and without a meta, is counted.
NAMELESS = ""


class StatusKind(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


KINDS = {
    "sent": StatusKind.SENT,
    "server": StatusKind.SENT,
    "delivered": StatusKind.DELIVERED,
    "received": StatusKind.DELIVERED,
    "viewed": StatusKind.READ,
    "read": StatusKind.READ,
    "seen": StatusKind.READ,
    "played": StatusKind.READ,
    "error": StatusKind.FAILED,
    "failed": StatusKind.FAILED,
    "undelivered": StatusKind.FAILED,
    "rejected": StatusKind.FAILED,
}

Reason = Literal["not_json", "too_deep", "not_an_object", "too_many_items"]


class BadCallback(Exception):
    """A body that holds no callback; `reason` is a code, the body is not kept."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """One item of a `messageStatus` event; text that is missing is empty.

    `kind` is None for a type that is not known. At least one of `message_id` and
    `tracking` is there; both are opaque and fit into 255 bytes.
    """

    licence_id: str
    messenger: str
    message_id: str
    tracking: str
    kind: StatusKind | None
    type: str
    happened_at: datetime | None
    phone: str
    error_code: str
    error_text: str
    raw: str


@dataclass(frozen=True, slots=True)
class MessageEvent:
    """One item of a `message` event; `side` is "in" or "out", or as it came.

    `chat_type` is "private" for a chat of two, or as it came; empty where not told.
    """

    licence_id: str
    messenger: str
    message_id: str
    side: str
    from_me: bool
    from_api: bool
    tracking: str
    phone: str
    chat_type: str
    text: str
    happened_at: datetime | None
    raw: str


@dataclass(frozen=True, slots=True)
class Callback:
    """All that a body said.

    `ignored` counts items by the name of an event that is not known; `bad` counts
    those that are no objects, or have neither an id nor a tracking to go by.
    """

    statuses: tuple[StatusEvent, ...] = ()
    messages: tuple[MessageEvent, ...] = ()
    ignored: Counter[str] = field(default_factory=Counter)
    bad: int = 0


def parse(body: bytes) -> Callback:
    """The events of a callback's body; raises BadCallback.

    The caller bounds the size of the body.
    """
    try:
        return _Reading().read(_load(body))
    except RecursionError:
        # The depth that fits hangs on the interpreter's stack, about 900 levels.
        raise BadCallback("too_deep") from None


def _load(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")
        if not text.strip():
            return {}
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise
        except ValueError:
            # CPython refuses to read integers of more than 4,300 digits.
            return json.loads(text, parse_int=_any_int)
    except ValueError:
        raise BadCallback("not_json") from None


def _any_int(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


class _Reading:
    """Gathers the events of one body."""

    def __init__(self) -> None:
        self._statuses: list[StatusEvent] = []
        self._messages: list[MessageEvent] = []
        self._ignored: Counter[str] = Counter()
        self._bad = 0
        self._count = 0

    def read(self, value: Any) -> Callback:
        if not isinstance(value, dict | list):
            raise BadCallback("not_an_object")
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                self._read_envelope(part)
            else:
                self._take(1)
                self._bad += 1
        return Callback(
            tuple(self._statuses), tuple(self._messages), self._ignored, self._bad
        )

    def _take(self, count: int) -> None:
        self._count += count
        if self._count > MOST_ITEMS:
            raise BadCallback("too_many_items")

    def _read_envelope(self, envelope: Mapping[str, Any]) -> None:
        envelope = _unwrap(envelope)
        meta = mapping(envelope.get("meta"))
        name = clean(meta.get("type"), NAME_CHARS)
        event = name.strip().casefold()
        items = _items(envelope)
        if event and event not in {"messagestatus", "message"}:
            self._take(max(1, len(items)))
            self._ignored[name] += max(1, len(items))
            return
        self._take(len(items))
        line = (
            opaque(meta.get("licenseId"), LINE_BYTES),
            opaque(meta.get("messengerType"), LINE_BYTES),
        )
        for item in items:
            self._read_item(item, event, line)

    def _read_item(self, item: Any, event: str, line: tuple[str, str]) -> None:
        if not isinstance(item, dict):
            self._bad += 1
            return
        message_id = opaque(item.get("id"), ID_BYTES)
        tracking = opaque(mapping(item.get("fromApp")).get("tracking"), ID_BYTES)
        if not (message_id or tracking):
            self._bad += 1
            return
        event = event or _infer(item)
        if event == "messagestatus":
            self._statuses.append(_status(item, line, message_id, tracking))
        elif event == "message":
            self._messages.append(_message(item, line, message_id, tracking))
        else:
            self._ignored[NAMELESS] += 1


def _unwrap(envelope: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = mapping(envelope.get("payload"))
    if "data" in envelope or not ("data" in payload or "meta" in payload):
        return envelope
    return {"meta": envelope.get("meta"), **payload}


def _items(envelope: Mapping[str, Any]) -> list[Any]:
    """The items of an envelope; an object that is no envelope is itself the item."""
    if "data" in envelope:
        data = envelope["data"]
    elif "id" in envelope or "fromApp" in envelope:
        data = envelope
    elif "meta" in envelope or "payload" in envelope:
        data = envelope.get("payload")
    else:
        data = envelope
    if isinstance(data, list):
        return data
    # An empty object is a probe, as an empty body is.
    return [] if data is None or data == {} else [data]


def _infer(item: Mapping[str, Any]) -> str:
    if isinstance(item.get("message"), dict):
        return "message"
    if _kind(item.get("type")) is not None:
        return "messagestatus"
    if "side" in item or "message" in item:
        return "message"
    return "messagestatus" if item.get("error") else NAMELESS


def _kind(type_: Any) -> StatusKind | None:
    # The slice spares a megabyte of lower-casing; no name is that long.
    if not isinstance(type_, str):
        return None
    return KINDS.get(type_[:NAME_CHARS].strip().lower())


def _status(
    item: Mapping[str, Any], line: tuple[str, str], message_id: str, tracking: str
) -> StatusEvent:
    type_, error = item.get("type"), item.get("error")
    code, text = error_of(error) if error else ("", "")
    return StatusEvent(
        licence_id=line[0],
        messenger=line[1],
        message_id=message_id,
        tracking=tracking,
        kind=StatusKind.FAILED if error else _kind(type_),
        type=clean(type_, NAME_CHARS),
        happened_at=moment(item.get("time")),
        phone=phone_of(mapping(item.get("chat"))),
        error_code=code,
        error_text=text,
        raw=compact(item, RAW_CHARS),
    )


def _message(
    item: Mapping[str, Any], line: tuple[str, str], message_id: str, tracking: str
) -> MessageEvent:
    from_me = item.get("fromMe")
    side = clean(item.get("side"), NAME_CHARS).strip().lower()
    if not side and isinstance(from_me, bool):
        side = "out" if from_me else "in"
    content = item.get("message")
    parts = mapping(content)
    chat = mapping(item.get("chat"))
    text = content if isinstance(content, str) else parts.get("text")
    return MessageEvent(
        licence_id=line[0],
        messenger=line[1],
        message_id=message_id,
        side=side,
        from_me=from_me is True,
        from_api=item.get("fromApi") is True,
        tracking=tracking,
        phone=phone_of(chat),
        chat_type=clean(chat.get("type"), NAME_CHARS).strip().lower(),
        text=clean(text or parts.get("caption"), TEXT_CHARS),
        happened_at=moment(item.get("time")),
        raw=compact(item, RAW_CHARS),
    )
