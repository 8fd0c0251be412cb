"""Copies: a draft with the text and the list of another campaign, or a part of it.

A long list is copied in pieces, each a short transaction; until the last the draft is
hidden as a deleted one is, and one whose maker died is removed like those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns.by_index import BY_PLACE, by_index
from campaigns.models import Campaign, Message, StopEntry
from campaigns.services import NobodyToSendTo, note
from campaigns.states import CampaignStatus, MessageStatus, Pacing

# Messages of the original that are looked at in one transaction.
WINDOW = 2000
# Far longer than any copy takes.
MADE_WITHIN = timedelta(hours=6)

_MESSAGES = Message._meta.db_table
_COPIED = frozenset({"phone", "fields", "zone"})
_STOPS = StopEntry._meta.db_table
_OPEN = frozenset({MessageStatus.WAITING, MessageStatus.CLAIMED})
_SENT = frozenset(
    {
        MessageStatus.UNSURE,
        MessageStatus.ASSUMED_SENT,
        MessageStatus.ACCEPTED,
        MessageStatus.SENT,
    }
)


class Whom(StrEnum):
    """Which of a campaign's people a copy is for."""

    EVERYBODY = "everybody"
    UNREAD = "unread"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


STATUSES: Mapping[Whom, frozenset[MessageStatus]] = {
    Whom.EVERYBODY: frozenset(MessageStatus),
    # It left for them; what was refused would be refused again, ten in a row stop a
    # line.
    Whom.UNREAD: _SENT | {MessageStatus.DELIVERED},
    Whom.UNDELIVERED: frozenset(MessageStatus)
    - _OPEN
    - {MessageStatus.DELIVERED, MessageStatus.READ},
    Whom.FAILED: frozenset({MessageStatus.FAILED}),
}


@dataclass(frozen=True)
class Piece:
    """How far a copy has got: the key to go on behind, None at the end."""

    after: int | None
    left_out: int


def count_of(campaign: Campaign, whom: Whom) -> int:
    """How many a copy would be for, the stop list aside, by the counters."""
    return sum(getattr(campaign, status) for status in STATUSES[whom])


def begin_copy(*, campaign_id: int, name: str, remark: str, operator: str) -> int:
    """Makes the hidden draft and returns its id; raises Campaign.DoesNotExist."""
    with transaction.atomic():
        original = Campaign.objects.get(pk=campaign_id)
        draft = Campaign.including_deleted.create(
            name=name,
            note=remark,
            text=original.text,
            line_id=original.line_id,
            pacing=original.pacing,
            # The delays are drawn when its turn comes.
            draw_anew=original.pacing == Pacing.EACH_ON_ITS_OWN,
            created_by=operator,
            deleted_at=orm_now() + MADE_WITHIN,
        )
    return draft.pk


@repeated
def copy_piece(*, campaign_id: int, draft_id: int, whom: Whom, after: int) -> Piece:
    """Copies phones and values of the next window, without who is on the stop list."""
    messages = Message.objects.filter(campaign=campaign_id, pk__gt=after).order_by("pk")
    with by_index(BY_PLACE):
        ids = list(messages.values_list("pk", flat=True)[:WINDOW])
    if not ids:
        return Piece(None, 0)
    statuses = sorted(STATUSES[whom])
    window = messages.filter(pk__lte=ids[-1], status__in=statuses)
    columns, values, params = _row_of(draft_id)
    with transaction.atomic(), connection.cursor() as cursor:
        wanted = window.count()
        cursor.execute(
            f"INSERT INTO {_MESSAGES} ({', '.join(columns)})"
            f" SELECT {', '.join(values)} FROM {_MESSAGES} m"
            f" WHERE m.campaign_id = %s AND m.id > %s AND m.id <= %s"
            f" AND m.status IN ({', '.join('%s' for _ in statuses)})"
            f" AND NOT EXISTS (SELECT 1 FROM {_STOPS} s WHERE s.phone = m.phone)"
            f" ORDER BY m.id",
            [*params, campaign_id, after, ids[-1], *statuses],
        )
        copied = cursor.rowcount
    return Piece(ids[-1], wanted - copied)


def _row_of(draft_id: int) -> tuple[list[str], list[str], list[Any]]:
    """Columns of a copied message, what stands in each, and its parameters.

    Whatever is not copied is as in a new message.
    """
    # MySQL's RANDOM_BYTES and SQLite's randomblob are drawn for each row.
    drawn = "RANDOM_BYTES" if connection.vendor == "mysql" else "RANDOMBLOB"
    columns, values, params = list[str](), list[str](), list[Any]()
    for field in Message._meta.concrete_fields:
        if field.primary_key or field.generated:
            continue
        columns.append(field.attname)
        if field.name in _COPIED:
            values.append(f"m.{columns[-1]}")
        elif field.name == "tracking":
            values.append(f"LOWER(HEX({drawn}(12)))")
        else:
            values.append("%s")
            value = draft_id if field.name == "campaign" else field.get_default()
            params.append(field.get_db_prep_save(value, connection))
    return columns, values, params


@repeated
def finish_copy(*, draft_id: int, left_out: int, operator: str) -> None:
    """Shows the draft; raises NobodyToSendTo when it is empty."""
    with transaction.atomic():
        total = Message.objects.filter(campaign=draft_id).count()
        if not total:
            raise NobodyToSendTo
        now = orm_now()
        if _hidden(draft_id).update(total=total, waiting=total, deleted_at=None):
            note(draft_id, "copied", operator, now, count=total)
            if left_out:
                note(draft_id, "left_out", operator, now, count=left_out)


def drop_unless_shown(*, draft_id: int) -> None:
    """Has what was made in vain removed at once, and not hours later."""
    _hidden(draft_id).update(deleted_at=orm_now())


def _hidden(draft_id: int) -> QuerySet[Campaign]:
    return Campaign.including_deleted.filter(
        pk=draft_id, status=CampaignStatus.DRAFT, deleted_at__isnull=False
    )
