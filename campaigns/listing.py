"""Puts lines of a list into a campaign: messages, remarks, and the counters of both.

Everything here runs inside a transaction that holds the campaign's row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TypeVar

from django.conf import settings
from django.db import connection
from django.db.models import F

from campaigns.message_rows import insert_messages, phone_literals
from campaigns.models import Campaign, ListRemark, Message, Upload
from campaigns.pacing import Delays
from campaigns.recipients import (
    Entry,
    PhoneList,
    Reason,
    Recipient,
    Remark,
    judge,
)
from campaigns.states import Pacing
from campaigns.stops import stopped_among
from campaigns.texts import BadText, Template, read_template
from campaigns.zones import zone_of

T = TypeVar("T")

# A commit each: fewer are not felt, and longer ones would hold up those who send.
BATCH = 5000
_MESSAGES = Message._meta.db_table


def template_of(text: str) -> Template | None:
    """The text with its variables; None for one from before there were any."""
    try:
        return read_template(text)
    except BadText:
        return None


def already_listed(campaign: Campaign, phones: Iterable[str]) -> dict[str, Recipient]:
    """Those of the phones that the campaign has, by `one_message_a_phone`."""
    upload = Upload.objects.filter(campaign=campaign).first()
    source = upload.name if upload else ""
    listed: dict[str, Recipient] = {}
    for batch in batches(phones):
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT phone, list_line, is_from_upload FROM {_MESSAGES}"
                f" WHERE campaign_id = %s AND phone IN"
                f" ({', '.join(phone_literals(batch))})",
                [campaign.pk],
            )
            rows = cursor.fetchall()
        for phone, line, is_from_upload in rows:
            listed[phone] = Recipient(phone, line or 0, source * bool(is_from_upload))
    return listed


def place(
    campaign: Campaign,
    entries: Sequence[Entry],
    *,
    source: str,
    is_from_upload: bool,
    delays: Delays,
) -> PhoneList:
    """Judges lines by what the campaign has, stores them, and returns the judgement."""
    phones = {phone for entry in entries for phone in entry.phones}
    judged = judge(
        entries,
        source=source,
        template=template_of(campaign.text),
        listed=already_listed(campaign, phones),
        stopped=stopped_among(sorted(phones)),
    )
    store(campaign, judged, is_from_upload=is_from_upload, delays=delays)
    return judged


def store(
    campaign: Campaign,
    phones: PhoneList,
    *,
    is_from_upload: bool = False,
    delays: Delays,
) -> None:
    """Adds recipients and remarks that were judged, and counts them."""
    own = campaign.pacing == Pacing.EACH_ON_ITS_OWN
    for recipients in batches(phones.recipients):
        insert_messages(
            recipients,
            campaign_id=campaign.pk,
            is_from_upload=is_from_upload,
            zones=[zone_of(r.phone, house=settings.TIME_ZONE) for r in recipients],
            delays_ms=[delays.draw_ms() if own else 0 for _ in recipients],
        )
    for remarks in batches(remark_row(campaign, r) for r in phones.remarks):
        ListRemark.objects.bulk_create(remarks)
    count = len(phones.recipients)
    Campaign.objects.by_id(campaign.pk).update(
        total=F("total") + count,
        waiting=F("waiting") + count,
        list_lines=F("list_lines") + phones.lines,
    )


def without_stopped(phones: PhoneList) -> PhoneList:
    """The list with a remark in place of each recipient who is on the stop list."""
    stopped = stopped_among([recipient.phone for recipient in phones.recipients])
    if not stopped:
        return phones
    out = tuple(
        Remark(r.line, r.raw or r.phone, Reason.ON_STOP_LIST, r.phone, source=r.source)
        for r in phones.recipients
        if r.phone in stopped
    )
    said = (r for r in phones.remarks if not (r.kept and r.phone in stopped))
    return replace(
        phones,
        recipients=tuple(r for r in phones.recipients if r.phone not in stopped),
        remarks=(*said, *out),
    )


def remark_row(campaign: Campaign, remark: Remark) -> ListRemark:
    return ListRemark(
        campaign=campaign,
        source=remark.source,
        line=remark.line,
        raw=remark.raw,
        reason=remark.reason,
        phone=remark.phone or "",
        first_line=remark.first_line or None,
        first_source=remark.first_source,
        is_kept=remark.kept,
        about=remark.about,
        fields=remark.fields,
    )


def batches(rows: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        yield batch
