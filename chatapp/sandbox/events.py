"""The shapes of what callbacks and histories carry."""

from __future__ import annotations

import uuid
from typing import Any

from chatapp.sandbox.licences import Line
from chatapp.sandbox.record import Send

STATUS = "messageStatus"
MESSAGE = "message"


def envelope(line: Line, event: str, items: list[Any]) -> dict[str, Any]:
    """The body of a callback."""
    meta = {
        "type": event,
        "licenseId": int(line.licence_id),
        "messengerType": line.messenger,
    }
    return {"data": items, "meta": meta}


def status_item(send: Send, kind: str, at: float, error: Any = None) -> dict[str, Any]:
    """One item of a ``messageStatus`` event."""
    return {
        "id": send.message_id,
        "type": kind,
        "time": int(at),
        "chat": _chat(send.phone),
        "fromApp": {"id": "app_100_1", "tracking": send.tracking},
        "error": error,
    }


def message_item(send: Send) -> dict[str, Any]:
    """A message as ``message`` events and the history of a chat show it."""
    out = send.side == "out"
    return {
        "id": send.message_id,
        "internalId": str(uuid.uuid5(uuid.NAMESPACE_OID, str(send.seq))),
        "side": send.side,
        "fromMe": out,
        "fromApi": out,
        "time": int(send.at),
        "type": "text",
        "message": {"text": send.text, "caption": None, "file": None},
        "fromUser": {
            "id": f"{send.phone}@c.us",
            "name": None if out else "Sandbox customer",
            "phone": send.phone,
        },
        "chat": _chat(send.phone),
        "fromApp": {"id": "app_100_1", "tracking": send.tracking} if out else None,
    }


def _chat(phone: str) -> dict[str, Any]:
    return {
        "id": f"{phone}@c.us",
        "hash": None,
        "type": "private",
        "phone": phone,
        "username": None,
        "email": None,
    }
