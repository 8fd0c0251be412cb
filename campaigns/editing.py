"""Changes to a campaign: name and note at any time, the rest while it is a draft."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from django.db import transaction

from asgi_app.database import orm_now
from campaigns.by_index import BY_PLACE, by_index
from campaigns.models import TEXT_LIMIT, Campaign, Message
from campaigns.services import NotPossibleNow, need_whole_list, note
from campaigns.states import CampaignStatus, MessageStatus, Pacing
from campaigns.texts import Template
from chatapp.models import Line

# Messages that are looked at in one query.
WINDOW = 5000


@dataclass
class Misfits:
    """Rows of a list that a text does not fit: by missing name, and too long ones.

    `longest` is how many characters the longest text has, where one is too long.
    """

    missing: Counter[str] = field(default_factory=Counter)
    too_long: int = 0
    longest: int = 0

    def __bool__(self) -> bool:
        return bool(self.missing or self.too_long)


@dataclass(frozen=True)
class DraftChange:
    """What may be changed while nothing has been sent."""

    text: str
    line: Line
    pacing: Pacing


def edit_campaign(
    *,
    campaign_id: int,
    name: str,
    remark: str,
    operator: str,
    draft: DraftChange | None = None,
) -> None:
    """Stores a new name and note, and of a draft the rest.

    Raises Campaign.DoesNotExist, NotPossibleNow when it is a draft no more,
    and ListNotIn while its list is coming in.
    """
    changes: dict[str, object] = {"name": name, "note": remark}
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=campaign_id)
        if draft is not None:
            if campaign.status != CampaignStatus.DRAFT:
                raise NotPossibleNow(campaign.state)
            # What is still to come in is fitted to the text as it is.
            need_whole_list(campaign_id)
            changes |= {"text": draft.text, "line": draft.line, "pacing": draft.pacing}
            if draft.pacing != campaign.pacing:
                changes["draw_anew"] = draft.pacing == Pacing.EACH_ON_ITS_OWN
                # One after another is sent without delays of its own.
                Message.objects.filter(
                    campaign=campaign, status=MessageStatus.WAITING, delay_ms__gt=0
                ).update(delay_ms=0)
        if any(getattr(campaign, column) != to for column, to in changes.items()):
            Campaign.objects.filter(pk=campaign_id).update(**changes)
            note(campaign_id, "edited", operator, orm_now())


def needs_a_look(template: Template) -> bool:
    """Whether rows can differ in how the text fits them."""
    return bool(template.names)


def find_misfits(
    *, campaign_id: int, template: Template, after: int, misfits: Misfits
) -> int | None:
    """Adds those of the next window; returns the key to go on behind, None at the end.

    By message_place, a window at a time.
    """
    rows = Message.objects.filter(campaign=campaign_id, pk__gt=after).order_by("pk")
    with by_index(BY_PLACE):
        window = list(rows.values_list("pk", "fields")[:WINDOW])
    for _, fields in window:
        if names := template.missing(fields or {}):
            misfits.missing.update(names)
        elif (length := template.longest(fields or {})) > TEXT_LIMIT:
            misfits.too_long += 1
            misfits.longest = max(misfits.longest, length)
    return window[-1][0] if window else None
