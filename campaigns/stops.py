"""The stop list: to whom nothing is sent, who said so, and why."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db import connection, transaction
from django.db.models import QuerySet

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns.message_rows import phone_literals
from campaigns.models import StopEntry
from campaigns.phone_search import condition, seek

logger = logging.getLogger(__name__)

PAGE = 100
CHUNK = 1000


@dataclass(frozen=True)
class StopList:
    """A page of the stop list, newest first; `older` is the key of the next page."""

    entries: Sequence[StopEntry]
    count: int
    older: int | None


def add_to_stop_list(*, phones: Iterable[str], operator: str, reason: str) -> int:
    """Puts phones in E.164 on the list and returns how many were new to it.

    Who is there already stays as he is: by whom and why he came first is kept.
    """
    added = 0
    rest = iter(phones)
    while chunk := sorted(set(islice(rest, CHUNK))):
        added += _add_some(chunk, operator, reason)
    return added


@repeated
def _add_some(phones: Sequence[str], operator: str, reason: str) -> int:
    with transaction.atomic():
        now = orm_now()
        known = StopEntry.objects.filter(phone__in=phones).count()
        StopEntry.objects.bulk_create(
            (
                StopEntry(phone=phone, added_by=operator, added_at=now, reason=reason)
                for phone in phones
            ),
            ignore_conflicts=True,
        )
    return len(phones) - known


def remove_from_stop_list(*, phone: str, operator: str) -> bool:
    """Takes a phone off the list; False when it was not there."""
    removed, _ = StopEntry.objects.filter(phone=phone).delete()
    if removed:
        logger.info("%s took a phone off the stop list", operator)
    return bool(removed)


def stopped_among(phones: Sequence[str]) -> set[str]:
    """Which of these phones are on the list; a query for each thousand."""
    found: set[str] = set()
    for start in range(0, len(phones), CHUNK):
        chunk = phone_literals(phones[start : start + CHUNK])
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT phone FROM {StopEntry._meta.db_table}"
                f" WHERE phone IN ({', '.join(chunk)})"
            )
            found.update(phone for (phone,) in cursor.fetchall())
    return found


def read_stop_list(
    *, search: str = "", before: int | None = None, region: str
) -> StopList:
    """A page of the list, by key: the entries older than `before`.

    The search uses the indexes of `phone` and `phone_tail`.
    """
    entries = found_by(search, region=region)
    count = entries.count()
    if before is not None:
        entries = entries.filter(pk__lt=before)
    page = list(entries.order_by("-pk")[: PAGE + 1])
    older = page[PAGE - 1].pk if len(page) > PAGE else None
    return StopList(page[:PAGE], count, older)


def read_some(*, after: int) -> list[StopEntry]:
    """Up to a thousand entries behind a key, for a file of all of them."""
    return list(StopEntry.objects.filter(pk__gt=after).order_by("pk")[:CHUNK])


def found_by(search: str, *, region: str) -> QuerySet[StopEntry]:
    """The entries that a search finds: all for none, none for a text without digits."""
    if not search.strip():
        return StopEntry.objects.all()
    return StopEntry.objects.filter(condition(seek(search, region=region)))
