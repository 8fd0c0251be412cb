"""The fields of a callback's items, read as values that any database stores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

CODE_CHARS = 100
ERROR_CHARS = 500
PHONE_DIGITS = 20
# Longer texts are neither numbers nor phones.
SHORT_CHARS = 50
# Unix seconds beyond this are taken for milliseconds.
MILLISECONDS_FROM = 1e11
# 2100: later is nonsense, and years near 9999 break the conversion to local time.
LATEST_S = 4_102_444_800


def opaque(value: Any, most_bytes: int) -> str:
    """An id as it came, or "" when it is none: never trimmed, cut or repaired."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    text = str(value)
    if len(text) > most_bytes or "\0" in text:
        return ""
    if text.isascii():
        return text
    try:
        return text if len(text.encode()) <= most_bytes else ""
    except UnicodeEncodeError:  # a lone surrogate
        return ""


def clean(value: Any, most: int) -> str:
    """Text for people, cut, without what a database refuses to store."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value)[:most]
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "")


def moment(value: Any) -> datetime | None:
    """The time of unix seconds or milliseconds, as a number or as digits."""
    if isinstance(value, str) and len(value) <= SHORT_CHARS:
        digits = value.strip()
        value = int(digits) if digits.isascii() and digits.isdigit() else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    seconds = value / 1000 if MILLISECONDS_FROM < value < 1e15 else value
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < LATEST_S else None


def phone_of(chat: Mapping[str, Any]) -> str:
    """The digits of a chat's phone, else of an id that is one, else ""."""
    given = chat.get("phone")
    phone = "" if isinstance(given, float) else clean(given, SHORT_CHARS)
    if not (phone.isascii() and phone.isdigit()):
        phone = "".join(letter for letter in phone if letter in "0123456789")
    if not phone:
        phone = clean(chat.get("id"), SHORT_CHARS).removesuffix("@c.us")
        if not (phone.isascii() and phone.isdigit()):
            return ""
    return phone if len(phone) <= PHONE_DIGITS else ""


def error_of(error: Any) -> tuple[str, str]:
    """The code and the text of an error, whose shape is not documented."""
    if isinstance(error, list):
        error = error[0]
    if isinstance(error, str):
        return "", clean(error, ERROR_CHARS)
    if isinstance(error, dict):
        code = "".join(_first(error, "code", "type", "name"))
        text = "".join(_first(error, "message", "text", "description", "title"))
        if not (code or text):
            text = compact(error, ERROR_CHARS)
        return code[:CODE_CHARS], text
    return clean(error, CODE_CHARS), ""


def _first(fields: Mapping[str, Any], *names: str) -> Iterator[str]:
    for name in names:
        if text := clean(fields.get(name), ERROR_CHARS):
            yield text
            return


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def compact(value: Any, most: int) -> str:
    """Compact JSON, cut; a lone surrogate stays the escape that it came as."""
    text = _encode(value)[:most]
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()[:most]
