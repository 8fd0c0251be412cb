"""Uploads in the database: kept in pieces with a form, taken by a draft, let go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns.layouts import Layout
from campaigns.models import Campaign, Upload, UploadPiece
from campaigns.states import UploadState

PIECE_LENGTH = 512 * 1024
# A form that was left open for longer is not going to be saved.
KEPT_FOR = timedelta(hours=24)

_SALT = "campaigns.upload"


class AlreadyTaken(Exception):
    """The upload went into a draft before; `campaign_id` is that draft."""

    def __init__(self, campaign_id: int | None) -> None:
        super().__init__("the upload belongs to a draft")
        self.campaign_id = campaign_id


@repeated
def keep(*, name: str, data: bytes, layout: Layout) -> Upload:
    """Stores an upload whose form may have to be shown again."""
    with transaction.atomic():
        upload = Upload.objects.create(
            name=name,
            size=len(data),
            layout=layout.to_json(),
            rows_total=layout.rows,
            touched_at=orm_now(),
        )
        for number, start in enumerate(range(0, len(data), PIECE_LENGTH)):
            piece = data[start : start + PIECE_LENGTH]
            UploadPiece.objects.create(upload=upload, number=number, data=piece)
    return upload


def read_pieces(upload_id: int) -> Iterator[bytes]:
    """The upload's bytes, a piece at a time."""
    number = 0
    while True:
        piece = UploadPiece.objects.filter(upload_id=upload_id, number=number).first()
        if piece is None:
            return
        yield bytes(piece.data)
        number += 1


def take(*, upload: Upload, campaign: Campaign, layout: Layout) -> None:
    """Gives an upload to a draft, whose import begins; raises AlreadyTaken.

    In the caller's transaction.
    """
    held = hold(upload.pk)
    if held is None or held.campaign_id is not None:
        raise AlreadyTaken(held.campaign_id if held else None)
    Upload.objects.filter(pk=upload.pk).update(
        campaign=campaign,
        state=UploadState.IMPORTING,
        layout=layout.to_json(),
        rows_total=layout.rows,
        touched_at=orm_now(),
    )


def hold(upload_id: int) -> Upload | None:
    """The upload, held until the transaction ends; None when it is gone.

    Then update it by its id alone: by another index, which MariaDB may prefer, one
    waits for the uploads of others as well, and they for this one.
    """
    return Upload.objects.select_for_update().filter(pk=upload_id).first()


def let_go(upload_id: int) -> None:
    """Forgets an upload that no draft has taken."""
    Upload.objects.filter(pk=upload_id, campaign=None).delete()


def ticket(upload: Upload) -> str:
    """What a form carries to find its upload again."""
    return signing.dumps(upload.pk, salt=_SALT)


def find(ticket: str) -> Upload | None:
    """The upload of a form; None without one, or when it is gone."""
    if not ticket:
        return None
    try:
        pk = signing.loads(ticket, salt=_SALT)
    except signing.BadSignature:
        return None
    return Upload.objects.filter(pk=pk).first()


def standing_still(*, since: datetime) -> list[int]:
    """Imports that nobody goes on with, by `upload_touched`."""
    standing = Upload.objects.filter(
        state=UploadState.IMPORTING, touched_at__lt=since
    ).order_by("touched_at")
    return list(standing.values_list("pk", flat=True)[:100])


def forget_unsaved(*, now: datetime) -> None:
    """Deletes uploads whose form was never saved, by `upload_touched`."""
    Upload.objects.filter(
        state=UploadState.KEPT, campaign=None, touched_at__lt=now - KEPT_FOR
    ).delete()
