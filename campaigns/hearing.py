"""What a callback tells, in the ledger's words: statuses, counts, who wrote."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

from django.conf import settings

from campaigns.history import EventKind, split_tracking
from campaigns.ledger.entries import HeardStatus, Wrote
from campaigns.ledger.shelf import Heard
from campaigns.stopwords import find_stop_word
from chatapp.events import Callback, MessageEvent, StatusEvent, StatusKind

# E.164 without its plus; what has more digits is no phone.
PHONE = re.compile(r"[1-9][0-9]{6,14}")
OUR_TRACKING = re.compile(r"[0-9a-f]{24}(-[0-9]{1,4})?")
# The count's names come from the sender; others than these are counted together.
COUNTED = frozenset({"chatTag", "chatConversation", "selftest"})
KINDS = {
    StatusKind.SENT: EventKind.SENT,
    StatusKind.DELIVERED: EventKind.DELIVERED,
    StatusKind.READ: EventKind.READ,
    StatusKind.FAILED: EventKind.FAILED,
    None: EventKind.IGNORED,
}


def heard(callback: Callback) -> Heard:
    """What a callback tells of messages, and how many events of each kind it had.

    Of what people write nothing is kept but when, and that it was a stop word.
    """
    statuses = [_status(event) for event in callback.statuses]
    counts: Counter[str] = Counter()
    stop_words: dict[str, str] = {}
    wrote: list[Wrote] = []
    if callback.statuses:
        counts["status"] = len(callback.statuses)
    for message in callback.messages:
        counts["message_out" if message.side == "out" else "message_in"] += 1
        if message.side == "out" and OUR_TRACKING.fullmatch(message.tracking):
            statuses.append(_echo(message))
        if _is_from_person(message):
            wrote.append(_wrote(message))
        if word := _stop_word(message):
            stop_words[f"+{message.phone}"] = word
    for name, count in callback.ignored.items():
        counts[name if name in COUNTED else "other"] += count
    if callback.bad:
        counts["bad"] = callback.bad
    return Heard(statuses, counts, stop_words, wrote)


def _is_from_person(event: MessageEvent) -> bool:
    """Whether somebody wrote it to us in a chat of two.

    A chat that goes by an id instead of a phone cannot be told apart from others.
    """
    is_private = event.chat_type in {"", "private"}
    is_incoming = event.side == "in" and not event.from_me
    return is_incoming and is_private and bool(PHONE.fullmatch(event.phone))


def _stop_word(event: MessageEvent) -> str | None:
    """The stop word that a person wrote, and nothing besides."""
    if not _is_from_person(event):
        return None
    return find_stop_word(event.text, settings.STOP_WORDS)


def _wrote(event: MessageEvent) -> Wrote:
    return Wrote(
        event.licence_id, event.messenger, f"+{event.phone}", event.happened_at
    )


def _status(event: StatusEvent) -> HeardStatus:
    base, attempt = split_tracking(event.tracking)
    # A failure may come under the type, and with the time, of a success.
    failed = event.kind == StatusKind.FAILED
    return HeardStatus(
        digest=_digest(event, "failed" if failed else event.type.lower()),
        kind=KINDS[event.kind],
        type=event.type,
        message_id=event.message_id,
        tracking=base,
        attempt=attempt,
        at=event.happened_at,
        licence_id=event.licence_id,
        messenger=event.messenger,
        phone=event.phone[:20],
        code=event.error_code,
        reason=event.error_text,
        raw=event.raw,
    )


def _echo(event: MessageEvent) -> HeardStatus:
    base, attempt = split_tracking(event.tracking)
    return HeardStatus(
        digest=_digest(event, "echo"),
        kind=EventKind.ECHOED,
        type="message",
        message_id=event.message_id,
        tracking=base,
        attempt=attempt,
        at=event.happened_at,
        licence_id=event.licence_id,
        messenger=event.messenger,
        phone=event.phone[:20],
    )


def _digest(event: StatusEvent | MessageEvent, kind: str) -> str:
    """The same for the same event told again."""
    parts = (event.message_id, event.tracking, kind, str(event.happened_at))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
