"""New rows of messages in plain SQL, which takes a fraction of what the ORM does."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from django.db import connection

from campaigns.models import Message
from campaigns.recipients import Recipient

# With the values of many columns a statement must still fit into a packet.
STATEMENT = 250
TRACKING_BYTES = 12

_VARYING = ("phone", "fields", "zone", "list_line", "delay_ms", "tracking")


def insert_messages(
    recipients: Sequence[Recipient],
    *,
    campaign_id: int,
    is_from_upload: bool,
    zones: Sequence[str],
    delays_ms: Sequence[int],
) -> None:
    """Adds a waiting message for each; what is not told is as in a new `Message`.

    Raises IntegrityError for a phone that the campaign has.
    """
    fixed = {"campaign": campaign_id, "is_from_upload": is_from_upload}
    columns, row = _row(fixed)
    head = f"INSERT INTO {Message._meta.db_table} ({', '.join(columns)}) VALUES "
    trackings = _trackings(len(recipients))
    with connection.cursor() as cursor:
        for start in range(0, len(recipients), STATEMENT):
            end = min(start + STATEMENT, len(recipients))
            params: list[Any] = []
            for number in range(start, end):
                recipient = recipients[number]
                params += (
                    recipient.phone,
                    _fields(recipient),
                    zones[number],
                    recipient.line or None,
                    delays_ms[number],
                    trackings[number],
                )
            cursor.execute(head + ", ".join([row] * (end - start)), params)


def _row(fixed: dict[str, int]) -> tuple[list[str], str]:
    """The columns of a new message, and a row of values with places for what varies."""
    places = dict.fromkeys(_VARYING, "%s")
    columns: list[str] = []
    values: list[str] = []
    for field in Message._meta.concrete_fields:
        if field.primary_key or field.generated or field.name in places:
            continue
        columns.append(field.attname)
        default = fixed.get(field.name, field.get_default())
        values.append(_literal(field.get_db_prep_save(default, connection)))
    columns += _VARYING
    return columns, f"({', '.join([*values, *places.values()])})"


def _literal(value: Any) -> str:
    """A default of a column as SQL writes it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(int(value))
    assert value == "" or value.isalnum(), "only plain words are defaults"
    return f"'{value}'"


def _fields(recipient: Recipient) -> Any:
    if recipient.fields is None:
        return None
    return _FIELDS.get_db_prep_save(recipient.fields, connection)


def _trackings(count: int) -> list[Any]:
    """As many values of their own, each as `models.new_tracking` draws one."""
    drawn = secrets.token_hex(TRACKING_BYTES * count)
    length = 2 * TRACKING_BYTES
    return [
        _TRACKING.get_db_prep_save(drawn[at : at + length], connection)
        for at in range(0, len(drawn), length)
    ]


_FIELDS = Message._meta.get_field("fields")
_TRACKING = Message._meta.get_field("tracking")
