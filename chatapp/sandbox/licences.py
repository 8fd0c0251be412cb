"""The licences that every sandbox has."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from chatapp.sandbox.errors import ApiError
from chatapp.sandbox.options import DAY_S


class Line(NamedTuple):
    """A licence with one of its messengers."""

    licence_id: str
    messenger: str


class Licence(NamedTuple):
    """A licence; ``days`` from the start of today until it ends."""

    id: int
    name: str | None
    days: int
    messengers: tuple[str, ...]
    phone: str


GR_LICENCE_ID = 50001
CA_LICENCE_ID = 50002
EXPIRED_LICENCE_ID = 50003

LICENCES = (
    Licence(GR_LICENCE_ID, "Sandbox WhatsApp", 60, ("grWhatsApp",), "79000000001"),
    Licence(
        CA_LICENCE_ID,
        "Sandbox WhatsApp Cloud",
        300,
        ("caWhatsApp", "telegram"),
        "79000000002",
    ),
    Licence(EXPIRED_LICENCE_ID, None, -10, ("grWhatsApp",), "79000000003"),
)

NAMES = {
    "grWhatsApp": "[WEB] WhatsApp",
    "caWhatsApp": "[Cloud API] WhatsApp",
    "telegram": "Telegram",
}


def ends_at(licence: Licence) -> int:
    """When the licence ends, in unix seconds."""
    today = time.time() // DAY_S
    return int((today + licence.days) * DAY_S)


def check_line(line: Line, *, to_send: bool = False) -> None:
    """ApiError if there is no such line, or it may not send any more."""
    for licence in LICENCES:
        if str(licence.id) == line.licence_id:
            break
    else:
        raise ApiError("ApiLicenseNotFoundError")
    if line.messenger not in licence.messengers:
        raise ApiError("ApiMessengerNotFoundError")
    if to_send and licence.days < 0:
        raise ApiError("ApiLicenseExpiredError")


def listed(*, bare: bool = False, string_ids: bool = False) -> list[dict[str, Any]]:
    """The licences as the API lists them, ``bare`` without anything optional."""
    return [_as_json(licence, bare, string_ids) for licence in LICENCES]


def _as_json(licence: Licence, bare: bool, string_ids: bool) -> dict[str, Any]:
    licence_id = str(licence.id) if string_ids else licence.id
    if bare:
        types = [{"type": messenger} for messenger in licence.messengers]
        return {"licenseId": licence_id, "messenger": types}
    paid = licence.days > 0
    return {
        "licenseId": licence_id,
        "licenseTo": ends_at(licence),
        "licenseName": licence.name,
        "meOwner": True,
        "active": paid,
        "status": {"id": 4, "code": "paid"} if paid else {"id": 5, "code": "failed"},
        "messenger": [
            {"type": kind, "name": NAMES[kind], "info": {"phone": licence.phone}}
            for kind in licence.messengers
        ],
        "app": [],
        "access": [],
    }
