"""What a campaign's text looks like with real rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from campaigns.history import split_tracking
from campaigns.listing import template_of
from campaigns.models import Campaign, Message
from campaigns.recipients import Fields, Recipient
from campaigns.states import CampaignStatus
from campaigns.texts import MissingValue, Template

SHOWN = 3


@dataclass(frozen=True)
class Sample:
    """A row's phone with the text that it will get."""

    phone: str
    text: str


def sample_texts(
    campaign: Campaign, count: int = SHOWN, *, is_from_end: bool = False
) -> list[Sample]:
    """The texts of the first messages, or of the last ones, in the list's order."""
    messages = Message.objects.filter(campaign=campaign)
    messages = messages.order_by("-id" if is_from_end else "id")
    chosen = list(messages.only("phone", "fields", "tracking")[:count])
    template = template_of(campaign.text)
    return [
        Sample(message.phone, _render(template, campaign.text, message))
        for message in (reversed(chosen) if is_from_end else chosen)
    ]


def samples_of_draft(campaign: Campaign) -> list[Sample]:
    """The texts of the first messages of a draft, where they are not all the same."""
    is_draft = campaign.status == CampaignStatus.DRAFT
    return sample_texts(campaign) if is_draft and is_personal(campaign.text) else []


def sample_rows(
    template: Template, recipients: Iterable[Recipient], count: int = SHOWN
) -> list[Sample]:
    """The same for a list that is not stored yet."""
    return [
        Sample(r.phone, template.render(r.fields or {}, seed=r.phone))
        for r, _ in zip(recipients, range(count), strict=False)
    ]


def is_personal(text: str) -> bool:
    """Whether not everybody gets the same text."""
    template = template_of(text)
    return template is not None and bool(template.names or template.variant_count > 1)


def _render(template: Template | None, text: str, message: Message) -> str:
    fields: Fields = message.fields or {}
    try:
        seed, _attempt = split_tracking(message.tracking)
        return template.render(fields, seed=seed) if template else text
    except MissingValue:
        return text
