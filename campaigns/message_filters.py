"""Which of a campaign's messages an address asks for."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import QuerySet

from campaigns.models import Message
from campaigns.phone_search import condition, seek
from campaigns.states import MessageStatus

NAMES = ("status", "code", "phone")


def filtered(
    messages: QuerySet[Message], asked: Mapping[str, str], *, region: str
) -> QuerySet[Message]:
    """The messages of one campaign that `asked` (status, code, phone) leaves over.

    What cannot be meant, a status that does not exist, finds nothing: to leave it out
    would find more than was asked for. Indexes: message_due for the status,
    message_reason with the code.
    """
    status, code, phone = (asked.get(name, "").strip() for name in NAMES)
    if status:
        if status not in set(MessageStatus):
            return messages.none()
        messages = messages.filter(status=status)
    if code:
        messages = messages.filter(code=code)
    if phone:
        messages = messages.filter(condition(seek(phone, region=region)))
    return messages
