"""What holds of every body of a callback, and of every file of the spool."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from campaigns.spoolfile import SpoolFile, body_of, record_of
from chatapp.events import BadCallback, Callback, MessageEvent, StatusEvent, parse

_LIMITS = {
    "licence_id": 64,
    "messenger": 64,
    "message_id": 255,
    "tracking": 255,
    "type": 50,
    "side": 50,
    "chat_type": 50,
    "phone": 20,
    "error_code": 100,
    "error_text": 500,
    "text": 4096,
    "raw": 2000,
}
_OPAQUE = {"licence_id", "messenger", "message_id", "tracking"}
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(2100, 1, 1, tzinfo=UTC)
_GOOD: Any = {"id": "good", "type": "read"}
# Whatever stands beside them, these items are read.
_BESIDE = [
    *({"meta": {"type": "messageStatus"}, "data": [_GOOD]}, {"data": [{"id": "\0"}]}),
    *(5, {"meta": {"type": "message"}, "data": [_GOOD, None, {"id": "b"}]}),
]


def check_callbacks(data: bytes) -> None:
    """Only BadCallback leaves, and one item never changes another."""
    try:
        whole = parse(data)
    except BadCallback as error:
        assert str(error) == error.reason
        return
    for status in whole.statuses:
        _check_event(status)
    for message in whole.messages:
        _check_event(message)
    assert whole.bad >= 0 and all(count > 0 for count in whole.ignored.values())
    _check_beside(data, whole)


def _check_event(event: StatusEvent | MessageEvent) -> None:
    assert event.message_id or event.tracking
    for name, most in _LIMITS.items():
        value = getattr(event, name, "")
        size = len(value.encode()) if name in _OPAQUE else len(value)
        assert size <= most and "\0" not in value, (name, value)
        value.encode()
    at = event.happened_at
    assert at is None or _FIRST < at < _LAST, at


def _check_beside(data: bytes, alone: Callback) -> None:
    """The same items among others."""
    text = data.decode("utf-8-sig")
    if not text.strip():
        return
    value = json.loads(text, parse_int=lambda d: int(d) if len(d) < 4000 else d)
    parts = value if isinstance(value, list) else [value]
    try:
        beside = parse(json.dumps([_BESIDE[0], *parts, *_BESIDE[1:]]).encode())
    except BadCallback as error:
        # One level and five items more than were there may be too many.
        assert error.reason in {"too_deep", "too_many_items"}
        return
    extra = parse(json.dumps(_BESIDE).encode())
    assert Counter(beside.statuses) == Counter(alone.statuses + extra.statuses)
    assert Counter(beside.messages) == Counter(alone.messages + extra.messages)
    assert beside.bad == alone.bad + extra.bad
    assert beside.ignored == alone.ignored + extra.ignored


def check_spools(data: bytes) -> None:
    """A file with junk in it gives every whole record, and comes to its end."""
    assert body_of(record_of(data)[:-1]) == data
    at = data[0] % (len(data) + 1) if data else 0
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder, "1.spool")
        # A header that is damaged sends the reader to the first record.
        path.write_bytes(
            b"x" * 51 + record_of(b"one") + data[:at] + b"\n" + record_of(data[at:])
        )
        check_spool_file(path, [b"one", data[at:]])
        path.write_bytes(data)
        check_spool_file(path, [])


def check_spool_file(path: Path, whole: list[bytes]) -> None:
    file = SpoolFile(path)
    assert file.adopt()
    read: list[bytes] = []
    for _ in range(path.stat().st_size + 2):
        batch = file.read(3)
        if batch.is_end:
            break
        read += batch.records
        file.commit(batch)
    else:
        raise AssertionError("it comes to no end")
    file.close()
    assert not Counter(whole) - Counter(read)
