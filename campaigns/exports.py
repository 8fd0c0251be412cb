"""A campaign's messages as rows for a file, read by key a window at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import override

from campaigns import wording
from campaigns.by_index import BY_PLACE, by_index
from campaigns.csvfiles import Cell
from campaigns.explanations import explain
from campaigns.message_filters import filtered
from campaigns.models import Campaign, Message
from campaigns.states import MessageStatus
from campaigns.texts import BadText, MissingValue, Template, read_template
from chatapp.words import translated

# Messages that are looked at for one piece of the file.
WINDOW = 2000
WIDTHS = (17, 14, 9, 19, 19, 19, 19, 19, 19, 34, 22, 50)
TEXT_WIDTH = 60
_COLUMNS = (
    "phone",
    "status",
    "attempt",
    "claimed_at",
    "answered_at",
    "sent_at",
    "delivered_at",
    "read_at",
    "failed_at",
    "message_id",
    "code",
    "reason",
    "fields",
    "tracking",
)


@dataclass(frozen=True)
class Export:
    """What goes into a file: the messages up to `last`, in words of a language.

    `template` is None where everybody gets the same text. `zones` are those in which
    each time is told.
    """

    campaign: Campaign
    asked: Mapping[str, str]
    language: str
    last: int
    template: Template | None
    zones: Sequence[ZoneInfo]

    @property
    def header(self) -> list[str]:
        with override(self.language):
            times = [_("Left"), _("Answered"), _("Sent"), _("Delivered"), _("Read")]
            names = [_("Phone"), _("Status"), _("Attempt")]
            names += in_zones([*times, _("Failed")], self.zones)
            names += [_("Message id"), _("Code"), _("Reason")]
            return [*names, _("Text")] if self.template else names

    @property
    def widths(self) -> Sequence[int]:
        return (*WIDTHS, TEXT_WIDTH) if self.template else WIDTHS


@dataclass(frozen=True)
class Piece:
    """Rows, and the key behind which the next piece begins; None at the end.

    `statuses` says how many of the rows have each status.
    """

    rows: Sequence[Sequence[Cell]]
    statuses: Mapping[str, int]
    after: int | None


def in_zones(times: Iterable[str], zones: Sequence[ZoneInfo]) -> list[str]:
    """Names of columns of times; with the zone's where there are several."""
    if len(zones) == 1:
        return list(times)
    return [f"{name} ({zone.key})" for name in times for zone in zones]


def told_in(at: object, zones: Sequence[ZoneInfo]) -> list[Cell]:
    """A time as it is in each of the zones."""
    return [at.astimezone(z) if isinstance(at, datetime) else None for z in zones]


def begin_export(
    *,
    campaign_id: int,
    asked: Mapping[str, str],
    language: str,
    in_utc_too: bool = False,
) -> Export:
    """Finds what is there now; raises Campaign.DoesNotExist."""
    zones = [ZoneInfo(settings.TIME_ZONE), *([ZoneInfo("UTC")] if in_utc_too else [])]
    campaign = Campaign.objects.get(pk=campaign_id)
    messages = Message.objects.filter(campaign=campaign)
    last = messages.aggregate(last=Max("pk"))["last"] or 0
    template = _template(campaign.text)
    return Export(campaign, asked, language, last, template, zones)


def read_piece(export: Export, *, after: int) -> Piece:
    """The rows of the next window; there may be none in it, and more behind it.

    The window is a range of message_place: whatever is filtered, a piece costs no
    more than its window.
    """
    messages = Message.objects.filter(campaign=export.campaign).order_by("pk")
    window = messages.filter(pk__gt=after, pk__lte=export.last)
    with by_index(BY_PLACE):
        ends = window.values_list("pk", flat=True)[WINDOW - 1 : WINDOW]
        end = next(iter(ends), None)
        upto = export.last if end is None else end
        found = filtered(
            messages.filter(pk__gt=after, pk__lte=upto),
            export.asked,
            region=settings.PHONE_REGION,
        )
        messages_read = list(found.values_list(*_COLUMNS))
    with override(export.language):
        rows = [_row(export, *row) for row in messages_read]
    return Piece(rows, Counter(row[1] for row in messages_read), end)


def read_rows(export: Export, ids: Sequence[int]) -> dict[int, Sequence[Cell]]:
    """The rows of some messages, by their id."""
    found = Message.objects.filter(pk__in=ids).values_list("pk", *_COLUMNS)
    with override(export.language):
        return {pk: _row(export, *row) for pk, *row in found}


def _row(
    export: Export,
    phone: str,
    status: str,
    attempt: int,
    claimed_at: datetime | None,
    *more: object,
) -> list[Cell]:
    *times, message_id, code, reason, fields, tracking = more
    left = None if status == MessageStatus.WAITING else claimed_at
    row: list[Cell] = [phone, str(wording.MESSAGES[status]), attempt]
    row += [cell for at in (left, *times) for cell in told_in(at, export.zones)]
    row += [str(message_id or ""), str(code), _reason(str(code), str(reason))]
    if export.template:
        row.append(_text(export.template, fields, str(tracking)))
    return row


def _reason(code: str, reason: str) -> str:
    words, reason = explain(code), translated(reason)
    return " · ".join(filter(None, [words, reason if reason != words else ""]))


def _template(text: str) -> Template | None:
    """The text as a template where it can differ from one message to the next."""
    try:
        template = read_template(text)
    except BadText:
        return None
    return template if template.names or template.variant_count > 1 else None


def _text(template: Template, fields: object, tracking: str) -> str:
    """The text that the message has; empty for one that cannot be filled in."""
    try:
        return template.render(
            fields if isinstance(fields, dict) else {}, seed=tracking
        )
    except MissingValue:
        return ""
