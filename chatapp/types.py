"""What ChatApp's answers mean, as values; ids are strings whatever the API sends."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TokenPair:
    """An access token with the refresh token that renews it; repr masks both."""

    access: str
    refresh: str
    access_ends_at: datetime
    refresh_ends_at: datetime
    cabinet_user_id: str

    def __repr__(self) -> str:
        return (
            f"TokenPair(access={self.access[:4]}…, refresh={self.refresh[:4]}…, "
            f"access_ends_at={self.access_ends_at:%Y-%m-%dT%H:%M:%SZ}, "
            f"refresh_ends_at={self.refresh_ends_at:%Y-%m-%dT%H:%M:%SZ}, "
            f"cabinet_user_id={self.cabinet_user_id})"
        )


@dataclass(frozen=True)
class Messenger:
    """A messenger that a licence carries; `type` is the API's name of it."""

    type: str
    name: str
    phone: str | None


@dataclass(frozen=True)
class Licence:
    """A paid place at ChatApp; with one of its messengers it makes a line."""

    licence_id: str
    name: str | None
    paid_until: datetime | None
    status_code: str
    active: bool | None
    messengers: tuple[Messenger, ...]


@dataclass(frozen=True)
class LineKey:
    """Names a line: a licence with a messenger."""

    licence_id: str
    messenger: str


@dataclass(frozen=True)
class PhoneCheck:
    """Whether a phone has the messenger, and under which chat id."""

    exists: bool
    chat_id: str | None


@dataclass(frozen=True)
class Accepted:
    """The API took a message for sending; delivery is told by callback only."""

    message_id: str
    chat_id: str
    status: int
    raw: str
    took_ms: int


@dataclass(frozen=True)
class CallbackUrl:
    """A registered callback of a line."""

    licence_id: str
    messenger: str
    events: tuple[str, ...]
    url: str


@dataclass(frozen=True)
class HistoryItem:
    """A message of a chat's history; `tracking` is what our send carried."""

    message_id: str
    side: str
    tracking: str | None
    time: datetime | None
    text: str | None


def mapping(value: Any) -> Mapping[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(data: Any) -> list[Mapping[str, Any]]:
    """The objects of a list answer, which is bare or under `items`."""
    found = data if isinstance(data, list) else mapping(data).get("items")
    return [mapping(item) for item in found] if isinstance(found, list) else []


def as_id(value: Any) -> str | None:
    """An id as a string, whether it came as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return _clean(str(value)) or None


def as_text(value: Any) -> str | None:
    """The value if it is text, else None."""
    return _clean(value) if isinstance(value, str) else None


def _clean(text: str) -> str:
    """The text without halves of letters, which no database takes."""
    return text.encode("utf-8", "replace").decode()


def as_time(value: Any) -> datetime | None:
    """A moment from unix seconds, given as a number or as digits."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_token_pair(data: Any) -> TokenPair | None:
    """The pair that /v1/tokens answers, or None when a part of it is missing."""
    fields = mapping(data)
    access, refresh = (
        as_id(fields.get("accessToken")),
        as_id(fields.get("refreshToken")),
    )
    access_ends_at = as_time(fields.get("accessTokenEndTime"))
    refresh_ends_at = as_time(fields.get("refreshTokenEndTime"))
    if not (access and refresh and access_ends_at and refresh_ends_at):
        return None
    # Tokens travel in headers, where a line break or a foreign letter cannot stand.
    if not all(token.isascii() and token.isprintable() for token in (access, refresh)):
        return None
    return TokenPair(
        access=access,
        refresh=refresh,
        access_ends_at=access_ends_at,
        refresh_ends_at=refresh_ends_at,
        cabinet_user_id=as_id(fields.get("cabinetUserId")) or "",
    )


def read_licences(data: Any) -> list[Licence]:
    """The licences of an answer; those without an id or a messenger are left out."""
    found = items(data)
    licences = [licence for item in found if (licence := _read_licence(item))]
    if skipped := len(found) - len(licences):
        logger.warning("ChatApp licences without id or messenger: %d", skipped)
    return licences


def _read_licence(item: Mapping[str, Any]) -> Licence | None:
    licence_id = as_id(item.get("licenseId"))
    messengers = tuple(_read_messengers(items(item.get("messenger"))))
    if licence_id is None or not messengers:
        return None
    active = item.get("active")
    return Licence(
        licence_id=licence_id,
        name=as_text(item.get("licenseName")),
        paid_until=as_time(item.get("licenseTo")),
        status_code=as_text(mapping(item.get("status")).get("code")) or "",
        active=active if isinstance(active, bool) else None,
        messengers=messengers,
    )


def _read_messengers(found: Iterable[Mapping[str, Any]]) -> Iterable[Messenger]:
    for item in found:
        if kind := as_text(item.get("type")):
            yield Messenger(
                type=kind,
                name=as_text(item.get("name")) or kind,
                phone=as_id(mapping(item.get("info")).get("phone")),
            )


def read_callbacks(data: Any) -> list[CallbackUrl]:
    """The callbacks of an answer; those that name no line or address are left out."""
    callbacks = []
    for item in items(data):
        licence_id = as_id(item.get("licenseId"))
        messenger, url = as_text(item.get("messengerType")), as_text(item.get("url"))
        events = item.get("events")
        if licence_id and messenger and url:
            names = events if isinstance(events, list) else []
            callbacks.append(
                CallbackUrl(
                    licence_id=licence_id,
                    messenger=messenger,
                    events=tuple(name for name in names if isinstance(name, str)),
                    url=url,
                )
            )
    return callbacks


def read_history(data: Any) -> list[HistoryItem]:
    """The messages of a chat's history; those without an id are left out."""
    return [
        HistoryItem(
            message_id=message_id,
            side=as_text(item.get("side")) or "",
            tracking=as_id(mapping(item.get("fromApp")).get("tracking")),
            time=as_time(item.get("time")),
            text=as_text(mapping(item.get("message")).get("text")),
        )
        for item in items(data)
        if (message_id := as_id(item.get("id")))
    ]
