"""Changes to a campaign: name and note at any time, the rest while it is a draft."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from django.db import transaction

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns.by_index import BY_PLACE, by_index
from campaigns.models import TEXT_LIMIT, Action, Campaign, Message
from campaigns.refusals import EditedMeanwhile, NotPossibleNow
from campaigns.services import need_whole_list, note
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
class Changes:
    """What is to be another; None leaves it as it is. Of a draft all may be changed."""

    name: str | None = None
    note: str | None = None
    text: str | None = None
    line: Line | None = None
    pacing: Pacing | None = None

    @property
    def columns(self) -> Mapping[str, object]:
        """The changed columns with their values."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: to for name, to in told.items() if to is not None}

    @property
    def are_for_a_draft(self) -> bool:
        return not self.columns.keys() <= {"name", "note"}


def mark_of(campaign: Campaign) -> str:
    """The same as long as nobody changes what can be changed."""
    shown = [
        campaign.name,
        campaign.note,
        campaign.text,
        campaign.line_id,
        campaign.pacing,
    ]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:32]


@repeated
def edit_campaign(
    *, campaign_id: int, changes: Changes, operator: str, seen: str | None = None
) -> None:
    """Stores what is to be another, and nothing else.

    With `seen`, the mark of what was shown, nobody else's change is overruled. Raises
    Campaign.DoesNotExist, EditedMeanwhile, NotPossibleNow when it is a draft no more,
    and ListNotIn while its list is coming in.
    """
    with transaction.atomic():
        campaign = Campaign.objects.held(campaign_id)
        columns = {
            column: to
            for column, to in changes.columns.items()
            if getattr(campaign, column) != to
        }
        if changes.are_for_a_draft:
            if campaign.status != CampaignStatus.DRAFT:
                raise NotPossibleNow(campaign.state)
            if not columns.keys() <= {"name", "note"}:
                # What is still to come in is fitted to the text as it is.
                need_whole_list(campaign_id)
        if seen is not None and seen != mark_of(campaign):
            raise EditedMeanwhile(_last_editor(campaign_id))
        if "pacing" in columns:
            columns["draw_anew"] = columns["pacing"] == Pacing.EACH_ON_ITS_OWN
            # One after another is sent without delays of its own.
            Message.objects.filter(
                campaign=campaign, status=MessageStatus.WAITING, delay_ms__gt=0
            ).update(delay_ms=0)
        if columns:
            Campaign.objects.by_id(campaign_id).update(**columns)
            note(campaign_id, "edited", operator, orm_now())


def _last_editor(campaign_id: int) -> str:
    edits = Action.objects.filter(campaign=campaign_id, verb="edited")
    return edits.order_by("-pk").values_list("operator", flat=True).first() or ""


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
    for _, values in window:
        if names := template.missing(values or {}):
            misfits.missing.update(names)
        elif (length := template.longest(values or {})) > TEXT_LIMIT:
            misfits.too_long += 1
            misfits.longest = max(misfits.longest, length)
    return window[-1][0] if window else None
