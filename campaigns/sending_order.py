"""Who gets a campaign first, and who last; both by the index on status and delay."""

from __future__ import annotations

from campaigns.models import Campaign, Message
from campaigns.states import MessageStatus


def first_recipients(campaign: Campaign, count: int) -> list[Message]:
    waiting = Message.objects.filter(campaign=campaign, status=MessageStatus.WAITING)
    return list(waiting.order_by("delay_ms", "id")[:count])


def last_recipients(campaign: Campaign, count: int) -> list[Message]:
    """The last of them, in their order."""
    waiting = Message.objects.filter(campaign=campaign, status=MessageStatus.WAITING)
    return list(waiting.order_by("-delay_ms", "-id")[:count])[::-1]
