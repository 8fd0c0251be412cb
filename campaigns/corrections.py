"""Correcting lines of a draft's list that were left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import transaction

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns import listing, services
from campaigns.models import Campaign, ListRemark, Upload
from campaigns.pacing import Delays
from campaigns.receipts import FINAL, PassedOver
from campaigns.recipients import (
    Entry,
    Fields,
    PhoneList,
    Reason,
    Recipient,
    Remark,
    judge,
    read_phone_entries,
)
from campaigns.stops import stopped_among


@dataclass(frozen=True)
class Typed:
    """What was typed in place of a line, with values by folded column name."""

    text: str
    values: Fields = field(default_factory=dict)


@dataclass(frozen=True)
class Corrected:
    """How many phones came in, and by the remark's id what is still wrong.

    None of `passed_over` was looked at: what was typed there went nowhere.
    """

    added: int
    wrong: Mapping[int, Remark]
    passed_over: Mapping[int, PassedOver]


@repeated
def correct(
    *,
    campaign_id: int,
    typed: Mapping[int, Typed],
    delays: Delays,
    region: str,
    operator: str,
) -> Corrected:
    """Adds to a draft what was left out and is right now, and says what is not.

    Lines that were not changed are left alone.

    Raises NotPossibleNow, or ListNotIn while the list is still coming in.
    """
    with transaction.atomic():
        campaign = services.locked_draft(campaign_id)
        services.need_whole_list(campaign_id)
        remarks = ListRemark.objects.filter(campaign=campaign).in_bulk(list(typed))
        passed_over = {
            pk: why for pk in typed if (why := _why_not(remarks.get(pk), typed[pk]))
        }
        read = {
            remark: _read(remark, typed[pk], region)
            for pk, remark in sorted(remarks.items())
            if pk not in passed_over
        }
        found = {p for entries in read.values() for e in entries for p in e.phones}
        listed = listing.already_listed(campaign, found)
        stopped = stopped_among(sorted(found))
        template = listing.template_of(campaign.text)
        upload = Upload.objects.filter(campaign=campaign).first()
        added = 0
        wrong: dict[int, Remark] = {}
        for remark, entries in read.items():
            judged = judge(
                entries,
                source=remark.source,
                template=template,
                listed=listed,
                stopped=stopped,
            )
            left_out = [r for r in judged.remarks if not r.kept]
            if left_out or not judged.recipients:
                wrong[remark.pk] = (left_out or [_nothing(remark)])[0]
                continue
            is_from_upload = upload is not None and remark.source == upload.name
            _let_in(campaign, remark, judged, is_from_upload, delays)
            listed |= {recipient.phone: recipient for recipient in judged.recipients}
            added += len(judged.recipients)
        if added:
            services.note(campaign_id, "corrected", operator, orm_now(), count=added)
    return Corrected(added, wrong, passed_over)


def _why_not(remark: ListRemark | None, typed: Typed) -> PassedOver | None:
    if remark is None:
        return PassedOver.UNKNOWN
    if remark.is_kept:
        return PassedOver.IS_IN
    if remark.reason in FINAL:
        return PassedOver.FINAL
    return None if _is_changed(remark, typed) else PassedOver.UNCHANGED


def _is_changed(remark: ListRemark, typed: Typed) -> bool:
    """Whether anything differs from what the page showed."""
    before = remark.fields or {}
    return typed.text != remark.raw.strip() or any(
        value != before.get(name, "") for name, value in typed.values.items()
    )


def _read(remark: ListRemark, typed: Typed, region: str) -> list[Entry]:
    """The typed line with the values of its row, under the row's own number."""
    fields = {**(remark.fields or {}), **typed.values}
    entries = read_phone_entries(typed.text, region=region, fields=fields)
    return [entry._replace(line=remark.line) for entry in entries]


def _let_in(
    campaign: Campaign,
    remark: ListRemark,
    judged: PhoneList,
    is_from_upload: bool,
    delays: Delays,
) -> None:
    """Stores the phones; the remark stays as the proof of what stood there."""
    first: Recipient = judged.recipients[0]
    # The line was counted when it was read.
    phones = PhoneList(judged.recipients, judged.remarks, lines=0)
    listing.store(campaign, phones, is_from_upload=is_from_upload, delays=delays)
    ListRemark.objects.filter(pk=remark.pk).update(
        is_kept=True, reason=Reason.CORRECTED, phone=first.phone, about="", fields=None
    )


def _nothing(remark: ListRemark) -> Remark:
    return Remark(remark.line, "", Reason.EMPTY, source=remark.source)
