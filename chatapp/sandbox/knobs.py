"""Knobs: what a sandbox does wrong, to whom, and how often."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class Endpoint(StrEnum):
    """Where a knob works; most are for sends."""

    SEND = "send"
    TOKENS = "tokens"
    REFRESH = "refresh"
    CHECK = "check"
    LICENSES = "licenses"
    PHONE_CHECK = "phone_check"
    HISTORY = "history"
    CALLBACK_PUT = "callback_put"
    CALLBACK_DELETE = "callback_delete"
    CALLBACK_LIST = "callback_list"
    ANY = "any"


class Kind(StrEnum):
    """What goes wrong."""

    # Nothing is done, and the token is not even looked at.
    RATE_LIMIT = "rate_limit"
    ERROR_BEFORE = "error_before"
    HANG_BEFORE = "hang_before"
    CLOSE_BEFORE = "close_before"
    RESET_BEFORE = "reset_before"
    # Refused after the token was found good.
    REFUSE = "refuse"
    NOT_ON_WHATSAPP = "not_on_whatsapp"
    SUCCESS_FALSE = "success_false"
    HTML_ERROR = "html_error"
    STRING_ERROR = "string_error"
    # Done, but the client cannot tell.
    ERROR_AFTER = "error_after"
    HANG = "hang"
    CLOSE_AFTER = "close_after"
    RESET_AFTER = "reset_after"
    HALF_ANSWER = "half_answer"
    NO_ID = "no_id"
    NOT_JSON = "not_json"
    # Done at once, answered later.
    DELAY = "delay"
    # The list of licences.
    BARE_LICENSES = "bare_licenses"
    STRING_IDS = "string_ids"
    # The callbacks of an accepted message.
    STATUS_LATE = "status_late"
    STATUS_EARLY = "status_early"
    STATUS_DOUBLED = "status_doubled"
    STATUS_REVERSED = "status_reversed"
    STATUS_DROPPED = "status_dropped"
    STATUS_FAILED = "status_failed"
    ECHO = "echo"


MEANINGS: dict[Kind, str] = {
    Kind.RATE_LIMIT: "429, with Retry-After if one is given",
    Kind.ERROR_BEFORE: "5xx, nothing accepted",
    Kind.HANG_BEFORE: "no answer, nothing accepted",
    Kind.CLOSE_BEFORE: "connection closed, nothing accepted",
    Kind.RESET_BEFORE: "connection reset, nothing accepted",
    Kind.REFUSE: "refused with a status, code and text",
    Kind.NOT_ON_WHATSAPP: "the number is not on WhatsApp",
    Kind.SUCCESS_FALSE: "200 with success:false, nothing accepted",
    Kind.HTML_ERROR: "4xx with an HTML page, nothing accepted",
    Kind.STRING_ERROR: "4xx with the error as a string, nothing accepted",
    Kind.ERROR_AFTER: "accepted, then 5xx",
    Kind.HANG: "accepted, then no answer",
    Kind.CLOSE_AFTER: "accepted, then the connection is closed",
    Kind.RESET_AFTER: "accepted, then the connection is reset",
    Kind.HALF_ANSWER: "accepted, half of the answer arrives",
    Kind.NO_ID: "accepted, 200 without an id",
    Kind.NOT_JSON: "accepted, 200 with something that is not JSON",
    Kind.DELAY: "the answer comes some seconds later",
    Kind.BARE_LICENSES: "licences without their optional fields",
    Kind.STRING_IDS: "licence ids as strings",
    Kind.STATUS_LATE: "statuses come some seconds later",
    Kind.STATUS_EARLY: "statuses come before the answer to the send",
    Kind.STATUS_DOUBLED: "every status comes twice",
    Kind.STATUS_REVERSED: "statuses come last one first, together",
    Kind.STATUS_DROPPED: "no status comes",
    Kind.STATUS_FAILED: "sent, then failed; error a string, or with a code an object",
    Kind.ECHO: "a message event of side out comes with the statuses",
}

BEFORE = (
    Kind.ERROR_BEFORE,
    Kind.HANG_BEFORE,
    Kind.CLOSE_BEFORE,
    Kind.RESET_BEFORE,
)
REFUSALS = (
    Kind.REFUSE,
    Kind.NOT_ON_WHATSAPP,
    Kind.SUCCESS_FALSE,
    Kind.HTML_ERROR,
    Kind.STRING_ERROR,
)
AFTER = (
    Kind.ERROR_AFTER,
    Kind.HANG,
    Kind.CLOSE_AFTER,
    Kind.RESET_AFTER,
    Kind.HALF_ANSWER,
    Kind.NO_ID,
    Kind.NOT_JSON,
)
# Kinds that look at the knob's seconds.
TIMED = (Kind.DELAY, Kind.STATUS_LATE)
# Kinds with places of their own, whatever the knob's ``on`` says.
_PLACES = {
    Kind.NOT_ON_WHATSAPP: (Endpoint.SEND, Endpoint.PHONE_CHECK),
    Kind.BARE_LICENSES: (Endpoint.LICENSES,),
    Kind.STRING_IDS: (Endpoint.LICENSES,),
}


@dataclass(slots=True)
class Knob:
    """One fault; ``phone`` empty is everybody, ``left`` None is always."""

    id: int
    kind: Kind
    on: Endpoint = Endpoint.SEND
    phone: str = ""
    left: int | None = None
    seconds: float = 1.0
    status: int | None = None
    code: str = ""
    message: str = ""
    retry_after: str = ""

    def fits(self, endpoint: Endpoint, phone: str) -> bool:
        """Whether it works on a request."""
        if self.phone and self.phone != phone:
            return False
        places = _PLACES.get(self.kind)
        if places:
            return endpoint in places
        return self.on in (endpoint, Endpoint.ANY)

    def as_json(self) -> dict[str, Any]:
        """The knob as the control API shows it."""
        return asdict(self)


class Knobs:
    """The knobs that are set; a knob for a phone goes before one for everybody."""

    def __init__(self) -> None:
        self._knobs: dict[int, Knob] = {}
        self._last_id = 0

    def set(
        self,
        kind: Kind | str,
        *,
        phone: str = "",
        count: int | None = None,
        on: Endpoint | str = Endpoint.SEND,
        seconds: float = 1.0,
        status: int | None = None,
        code: str = "",
        message: str = "",
        retry_after: str = "",
    ) -> Knob:
        """Set a knob for ``count`` requests, or for all; ValueError if it is absurd."""
        if count is not None and count < 1:
            raise ValueError("count must be 1 or more")
        if status is not None and not 400 <= status <= 599:
            raise ValueError("status must be between 400 and 599")
        if not 0 <= seconds <= 86400:
            raise ValueError("seconds must be between 0 and 86400")
        if not (retry_after.isascii() and retry_after.isprintable()):
            raise ValueError("retry_after must be seconds or an HTTP date")
        # Half a surrogate pair, which JSON can carry, is a ValueError here.
        (code + message).encode()
        self._last_id += 1
        knob = Knob(
            id=self._last_id,
            kind=Kind(kind),
            on=Endpoint(on),
            phone=re.sub(r"[^0-9]", "", phone),
            left=count,
            seconds=seconds,
            status=status,
            code=code,
            message=message,
            retry_after=retry_after,
        )
        self._knobs[knob.id] = knob
        return knob

    def set_from(self, data: Mapping[str, Any]) -> Knob:
        """Set a knob out of JSON or a form; ValueError names what is wrong in it."""
        unknown = set(data) - _FIELDS
        if unknown:
            raise ValueError(f"unknown field: {min(unknown)}")
        if "kind" not in data:
            raise ValueError("kind is missing")
        given = {name: value for name, value in data.items() if value is not None}
        for name, read in (("count", int), ("status", int), ("seconds", float)):
            if name in given:
                given[name] = _number(name, given[name], read)
        for name in _FIELDS - {"count", "status", "seconds"}:
            if name in given:
                given[name] = str(given[name])
        return self.set(**given)

    def take(
        self, kinds: Collection[Kind], endpoint: Endpoint, phone: str = ""
    ) -> Knob | None:
        """The knob of these kinds that fits a request, counted down."""
        fitting = [
            knob
            for knob in self._knobs.values()
            if knob.kind in kinds and knob.fits(endpoint, phone)
        ]
        if not fitting:
            return None
        knob = next((knob for knob in fitting if knob.phone), fitting[0])
        if knob.left is not None:
            knob.left -= 1
            if not knob.left:
                del self._knobs[knob.id]
        return knob

    def clear(self, knob_id: int | None = None) -> None:
        """Clear one knob, or all of them."""
        if knob_id is None:
            self._knobs.clear()
        else:
            self._knobs.pop(knob_id, None)

    def active(self) -> list[Knob]:
        """The knobs that are set, oldest first."""
        return list(self._knobs.values())


_FIELDS = {field.name for field in fields(Knob)} - {"id", "left"} | {"count"}


def _number(name: str, value: Any, read: type[int] | type[float]) -> float:
    try:
        return read(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number") from None
