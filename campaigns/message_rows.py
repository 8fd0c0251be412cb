"""New rows of messages in plain SQL, which takes a fraction of what the ORM does."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection

from campaigns.models import Message
from campaigns.recipients import Recipient

# With the values of many columns a statement must still fit into a packet: 16 MiB.
MOST_ROWS, MOST_BYTES = 2000, 1024 * 1024
TRACKING_BYTES, OWN_BYTES = 12, 8
# In a statement as they are: a driver takes longer to quote a value than to send it.
# Nothing else than this is ever let through.
_PLAIN = re.compile(r"\+[0-9]{3,15}", re.ASCII)

_VARYING = ("phone", "list_line", "delay_ms", "tracking", "zone", "fields")


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
    columns, known = columns_alike(fixed)
    head = f"INSERT INTO {Message._meta.db_table} ({', '.join(columns)}) VALUES "
    phones = phone_literals(recipient.phone for recipient in recipients)
    trackings = _trackings(len(recipients))
    rows: list[str] = []
    params: list[Any] = []
    size = 0
    with connection.cursor() as cursor:
        for number, recipient in enumerate(recipients):
            rows.append(
                f"({known}, {phones[number]}, {recipient.line or 'NULL'},"
                f" {delays_ms[number]:d}, '{trackings[number]}', %s, %s)"
            )
            fields = _fields(recipient)
            params += (zones[number], fields)
            size += len(fields or "")
            if len(rows) == MOST_ROWS or size > MOST_BYTES:
                cursor.execute(head + ", ".join(rows), params)
                rows, params, size = [], [], 0
        if rows:
            cursor.execute(head + ", ".join(rows), params)


def phone_literals(phones: Iterable[str]) -> list[str]:
    """Phones in E.164 as SQL writes them; raises ValueError for anything else."""
    literals = []
    for phone in phones:
        if not _PLAIN.fullmatch(phone):
            raise ValueError("not a phone in E.164")
        literals.append(f"'{phone}'")
    return literals


def columns_alike(fixed: dict[str, int]) -> tuple[list[str], str]:
    """The columns of a new message, and the values of those that are alike in all.

    Those that vary are the last six: _VARYING.
    """
    columns: list[str] = []
    values: list[str] = []
    for field in Message._meta.concrete_fields:
        if field.primary_key or field.generated or field.name in _VARYING:
            continue
        columns.append(field.attname)
        default = fixed.get(field.name, field.get_default())
        values.append(_literal(field.get_db_prep_save(default, connection)))
    return [*columns, *_VARYING], ", ".join(values)


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


def _trackings(count: int) -> list[str]:
    """As many values of their own, of the shape that `models.new_tracking` has.

    They begin alike, and so come to lie side by side in their unique index; 64 bits of
    each are its own.
    """
    together = secrets.token_hex(TRACKING_BYTES - OWN_BYTES)
    drawn = secrets.token_hex(OWN_BYTES * count)
    length = 2 * OWN_BYTES
    return [together + drawn[at : at + length] for at in range(0, len(drawn), length)]


_FIELDS = Message._meta.get_field("fields")
