"""Takes people out of a draft who were written to lately."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns.audience import phones_of
from campaigns.models import Campaign, ListRemark, Message, Upload
from campaigns.recipients import Reason
from campaigns.services import locked_draft, need_whole_list, note

CHUNK = 500
ABOUT_LENGTH = 200


def leave_out(*, campaign_id: int, of: Sequence[int], operator: str) -> int:
    """Leaves out of a draft who got one of these campaigns lately; returns how many.

    A short transaction for some hundred; a second call finds nobody left. The receipt
    of the list names them. Raises NotPossibleNow once it has started, ListNotIn.
    """
    need_whole_list(campaign_id)
    names = Campaign.objects.filter(pk__in=of).order_by("pk")
    about = ", ".join(names.values_list("name", flat=True))[:ABOUT_LENGTH]
    left_out = 0
    while gone := _leave_some_out(campaign_id, of, about):
        left_out += gone
    if left_out:
        note(campaign_id, "cooled", operator, orm_now(), count=left_out)
    return left_out


@repeated
def _leave_some_out(campaign_id: int, of: Sequence[int], about: str) -> int:
    with transaction.atomic():
        draft = locked_draft(campaign_id)
        phones = phones_of(draft, of, orm_now(), CHUNK)
        rows = list(Message.objects.filter(campaign=draft, phone__in=phones))
        upload = Upload.objects.filter(campaign=draft).first()
        ListRemark.objects.bulk_create(
            ListRemark(
                campaign=draft,
                source=upload.name if upload and row.is_from_upload else "",
                line=row.list_line or 0,
                raw=row.phone,
                reason=Reason.GOT_LATELY,
                phone=row.phone,
                about=about,
            )
            for row in rows
        )
        Message.objects.filter(pk__in=[row.pk for row in rows]).delete()
        Campaign.objects.by_id(campaign_id).update(
            total=F("total") - len(rows), waiting=F("waiting") - len(rows)
        )
    return len(rows)
