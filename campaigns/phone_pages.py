"""Everything that was ever sent to one phone, and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from campaigns.history import EventKind
from campaigns.models import Campaign, Event, Message, ShelvedStatus, StopEntry
from campaigns.phone_search import Sought, find

PAGE = 50
EVENTS_SHOWN = 200
SHELVED_SHOWN = 50
# What callbacks say; the rest is what the program did itself.
BY_CALLBACK = (
    EventKind.ECHOED,
    EventKind.SENT,
    EventKind.DELIVERED,
    EventKind.READ,
    EventKind.FAILED,
    EventKind.IGNORED,
)


@dataclass(frozen=True)
class PhonePage:
    """A phone's messages, the newest first, and the callbacks about them.

    `older` is the id behind which there are more of them, None at the end.
    """

    phone: str
    messages: Sequence[Message]
    older: int | None
    callbacks: Sequence[Event]
    shelved: Sequence[ShelvedStatus]
    stop: StopEntry | None

    @property
    def digits(self) -> str:
        return self.phone.lstrip("+")

    @property
    def is_known(self) -> bool:
        return bool(self.messages or self.shelved or self.stop)


def read_phone_page(*, digits: str, before: int | None) -> PhonePage:
    """A phone with its messages older than `before`; nothing is known of most phones.

    By the indexes of phones (`message_phone`, `shelf_phone`), which end with the id.
    """
    phone = f"+{digits}"
    rows = _shown().filter(phone=phone).select_related("campaign__line")
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows.order_by("-id")[: PAGE + 1])
    messages = found[:PAGE]
    callbacks = Event.objects.filter(
        message__in=[message.pk for message in messages], kind__in=BY_CALLBACK
    )
    shelved = ShelvedStatus.objects.filter(phone=digits).defer("raw")
    return PhonePage(
        phone=phone,
        messages=messages,
        older=messages[-1].pk if len(found) > PAGE else None,
        callbacks=_named(list(callbacks.order_by("-id")[:EVENTS_SHOWN]), messages),
        shelved=list(shelved.order_by("-id")[:SHELVED_SHOWN]),
        stop=StopEntry.objects.filter(phone=phone).first(),
    )


@dataclass(frozen=True)
class PhonesFound:
    phones: Sequence[str]
    is_cut: bool


def find_phones(sought: Sought) -> PhonesFound:
    """The phones of all campaigns that may be meant, by the index of phones.

    Last digits alone are not looked for: across campaigns no index has them.
    """
    found = find(_shown().only("phone"), Sought(sought.whole, sought.beginnings))
    phones = dict.fromkeys(message.phone for message in found.messages)
    return PhonesFound(list(phones), found.is_cut)


def _shown() -> QuerySet[Message]:
    """All messages but those of campaigns that the worker has yet to remove.

    By the ids of those, found by `campaign_deleted`: a join would lead a database away
    from the index of phones.
    """
    gone = Campaign.including_deleted.filter(deleted_at__isnull=False)
    return Message.objects.exclude(campaign__in=list(gone.values_list("pk", flat=True)))


def _named(events: list[Event], messages: Sequence[Message]) -> list[Event]:
    """Gives each event its message, which is read already."""
    by_id = {message.pk: message for message in messages}
    for event in events:
        event.message = by_id[event.message_id]
    return events
