"""A campaign's messages, a page at a time, however many there are.

A page begins behind a message and never counts its way there, so that the last page of
a million costs what the first does. Each order walks an index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet

from campaigns.by_index import BY_ANSWER, BY_PLACE, BY_REASON, by_index
from campaigns.models import BY_DELAY, Campaign, Message
from campaigns.states import MessageStatus

PAGE = 100
# A filter with more messages than this is not sorted in memory, nor counted.
MOST_SORTED = 5_000
END = "end"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_NUMBER = 18  # digits that fit a BIGINT, whatever they are


@dataclass(frozen=True)
class Cursor:
    """A place between two messages: the order's own key of one, and its id."""

    key: int
    id: int

    @classmethod
    def read(cls, told: str) -> Cursor | None:
        key, dot, pk = told.partition(".")
        if not (dot and _is_number(key) and _is_number(pk)):
            return None
        return cls(int(key), int(pk))

    def __str__(self) -> str:
        return f"{self.key}.{self.id}"


@dataclass(frozen=True)
class Wanted:
    """Which messages an address asks for, in which order, and from where on.

    `code` is None for any; `by_time` is the latest answer first.
    """

    status: MessageStatus | None = None
    code: str | None = None
    by_time: bool = False
    after: Cursor | None = None
    before: Cursor | None = None
    is_last: bool = False

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Wanted:
        """Reads GET parameters; what makes no sense in them is left out."""
        told = query.get("status", "")
        status = MessageStatus(told) if told in set(MessageStatus) else None
        before = query.get("before", "")
        return cls(
            status=status,
            code=query.get("code") if status else None,
            by_time=query.get("sort") == "time",
            after=Cursor.read(query.get("after", "")),
            before=Cursor.read(before),
            is_last=before == END,
        )

    @property
    def is_backwards(self) -> bool:
        return self.is_last or self.before is not None

    @property
    def is_filtered(self) -> bool:
        return self.status is not None


@dataclass(frozen=True)
class MessagePage:
    """Some messages, and the addresses of their neighbours; "" where there are none.

    `count` is how many the filter has, None where nobody counted; `looked_back_to` is
    set where only messages since then were looked at.
    """

    messages: Sequence[Message]
    wanted: Wanted
    previous: str = ""
    next: str = ""
    count: int | None = None
    looked_back_to: datetime | None = None

    @property
    def most_counted(self) -> int:
        return MOST_SORTED

    @property
    def is_first(self) -> bool:
        return not self.wanted.is_backwards and self.wanted.after is None


def read_messages(campaign: Campaign, wanted: Wanted) -> MessagePage:
    """A page of a campaign's messages."""
    count = _count(campaign, wanted)
    if wanted.by_time:
        if wanted.is_filtered and (count is None or count > MOST_SORTED):
            return _look_back(campaign, wanted, count)
        if wanted.is_filtered:
            return _sort(campaign, wanted, count)
        answered = _of(campaign).filter(answered_at__isnull=False)
        # By the index (campaign, answered_at).
        return _walk(answered, wanted, "answered_at", None, is_downwards=True)
    # By the index (campaign, status, code), which ends with the id, or by (campaign,
    # status, delay_ms): the order in which they are sent.
    column = "delay_ms" if wanted.is_filtered and wanted.code is None else None
    return _walk(_matching(campaign, wanted), wanted, column, count)


def count_up_to(rows: QuerySet[Message], most: int) -> int:
    """How many rows there are, or `most` if there are at least so many."""
    return rows.order_by()[:most].count()


def _of(campaign: Campaign) -> QuerySet[Message]:
    return Message.objects.filter(campaign=campaign)


def _matching(campaign: Campaign, wanted: Wanted) -> QuerySet[Message]:
    rows = _of(campaign)
    if wanted.status is not None:
        rows = rows.filter(status=wanted.status)
    if wanted.code is not None:
        rows = rows.filter(code=wanted.code)
    return rows


def _count(campaign: Campaign, wanted: Wanted) -> int | None:
    """What the campaign's counters say, or a short count."""
    if wanted.status is None:
        return campaign.total
    of_status: int = getattr(campaign, wanted.status)
    if wanted.code is None:
        return of_status
    found = count_up_to(_matching(campaign, wanted), MOST_SORTED + 1)
    return found if found <= MOST_SORTED else None


def _walk(
    rows: QuerySet[Message],
    wanted: Wanted,
    column: str | None,
    count: int | None,
    *,
    is_downwards: bool = False,
) -> MessagePage:
    """Follows an index from the place that is wanted, one way or the other."""
    backwards = wanted.is_backwards
    place = wanted.before if backwards else wanted.after
    with by_index(_index(wanted, column)):
        found = _beyond(rows, column, place, up=backwards == is_downwards)
    more, messages = len(found) > PAGE, found[:PAGE]
    if backwards:
        messages.reverse()
    has_previous = more if backwards else place is not None
    has_next = wanted.before is not None if backwards else more
    return MessagePage(
        messages,
        wanted,
        previous=_place(messages[0], column) if messages and has_previous else "",
        next=_place(messages[-1], column) if messages and has_next else "",
        count=count,
    )


def _index(wanted: Wanted, column: str | None) -> str:
    """The index in whose order the page is read."""
    if column is None:
        return BY_REASON if wanted.is_filtered else BY_PLACE
    return BY_ANSWER if column == "answered_at" else BY_DELAY


def _beyond(
    rows: QuerySet[Message], column: str | None, place: Cursor | None, *, up: bool
) -> list[Message]:
    """The first messages behind a place, and one more if there is one."""
    sign, beyond = ("", "gt") if up else ("-", "lt")
    most = PAGE + 1
    if column is None:
        if place is not None:
            rows = rows.filter(**{f"id__{beyond}": place.id})
        return list(rows.order_by(f"{sign}id")[:most])
    order = (f"{sign}{column}", f"{sign}id")
    if place is None:
        return list(rows.order_by(*order)[:most])
    # Two ranges of one index; a single condition with OR would read all before it.
    key = _value(column, place.key)
    same = rows.filter(**{column: key, f"id__{beyond}": place.id})
    found = list(same.order_by(f"{sign}id")[:most])
    if len(found) < most:
        further = rows.filter(**{f"{column}__{beyond}": key}).order_by(*order)
        found += further[: most - len(found)]
    return found


def _sort(campaign: Campaign, wanted: Wanted, count: int | None) -> MessagePage:
    """Sorts the few messages of a filter by time in memory."""
    rows = _matching(campaign, wanted).filter(answered_at__isnull=False).order_by()
    answers = rows.values_list("answered_at", "pk")
    keys = [Cursor(_key(at), pk) for at, pk in answers if at is not None]
    keys.sort(key=lambda cursor: (cursor.key, cursor.id), reverse=True)
    start = _start(keys, wanted)
    shown = keys[start : start + PAGE]
    by_id = Message.objects.in_bulk([cursor.id for cursor in shown])
    return MessagePage(
        [by_id[cursor.id] for cursor in shown if cursor.id in by_id],
        wanted,
        previous=str(shown[0]) if shown and start else "",
        next=str(shown[-1]) if shown and start + PAGE < len(keys) else "",
        count=count,
    )


def _start(keys: Sequence[Cursor], wanted: Wanted) -> int:
    """Where among the sorted keys the wanted page begins."""
    if wanted.is_last:
        return max(len(keys) - PAGE, 0)

    def before(place: Cursor) -> int:
        return sum((c.key, c.id) > (place.key, place.id) for c in keys)

    if wanted.before is not None:
        return max(before(wanted.before) - PAGE, 0)
    if wanted.after is None:
        return 0
    return before(replace(wanted.after, id=wanted.after.id - 1))


def _look_back(campaign: Campaign, wanted: Wanted, count: int | None) -> MessagePage:
    """Filters the answers of a stretch of time: there are too many to sort them."""
    answered = _of(campaign).filter(answered_at__isnull=False)
    if wanted.after is not None:
        answered = answered.filter(answered_at__lte=_time(wanted.after.key))
    stretch = answered.order_by("-answered_at", "-id")
    floor = stretch.values_list("answered_at", flat=True)[
        MOST_SORTED : MOST_SORTED + 1
    ].first()
    rows = _matching(campaign, wanted).filter(answered_at__isnull=False)
    if floor is not None:
        rows = rows.filter(answered_at__gte=floor)
    page = _walk(
        rows,
        replace(wanted, before=None, is_last=False),
        "answered_at",
        count,
        is_downwards=True,
    )
    if page.next or floor is None:
        return replace(page, previous="")
    # The next stretch begins where this one ended.
    end = str(Cursor(_key(floor), 0))
    return replace(page, previous="", next=end, looked_back_to=floor)


def _place(message: Message, column: str | None) -> str:
    if column is None:
        return str(Cursor(0, message.pk))
    value = getattr(message, column)
    key = _key(value) if isinstance(value, datetime) else value
    return str(Cursor(key, message.pk))


def _value(column: str, key: int) -> int | datetime:
    return _time(key) if column == "answered_at" else key


def _key(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _time(key: int) -> datetime:
    # What nobody wrote may lie beyond the calendar.
    return _EPOCH + min(key, 4_000_000_000_000_000) * _MICROSECOND


def _is_number(told: str) -> bool:
    return told.isascii() and told.isdigit() and len(told) <= _LONGEST_NUMBER
