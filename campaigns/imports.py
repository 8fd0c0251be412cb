"""Importing an upload: line by line into its draft, from wherever it stopped.

A batch of lines and the progress are one transaction, so an import that is killed goes
on and never doubles. Two that run at once cannot both store a batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial

from django.db import OperationalError, transaction
from django.db.models import F

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from asgi_app.subjects import about
from campaigns import uploads
from campaigns.layouts import Layout, Unreadable, UnreadableFile
from campaigns.listing import BATCH, place, template_of
from campaigns.models import Campaign, Upload, UploadPiece
from campaigns.pacing import Delays
from campaigns.readahead import read_ahead
from campaigns.recipients import Entry
from campaigns.spreadsheets import read_entries
from campaigns.states import CampaignStatus, UploadState

logger = logging.getLogger(__name__)

MOST_ERRORS = 3


class Overtaken(Exception):
    """Another worker has gone on with this import."""


class DraftGone(Exception):
    """The campaign is a draft no more."""


def go_on(
    *,
    upload_id: int,
    delays: Delays,
    region: str,
    is_to_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Imports until the end or until it is to stop; says whether it has ended.

    CPU-bound: for a thread. An error of the program is raised, and counted: the third
    in a row ends the import.
    """
    upload = (
        Upload.objects.select_related("campaign")
        .filter(pk=upload_id, state=UploadState.IMPORTING)
        .first()
    )
    if upload is None or upload.campaign is None:
        return True
    with about(campaign=upload.campaign.pk):
        return _go_on(upload, upload.campaign, delays, region, is_to_stop)


def _go_on(
    upload: Upload,
    campaign: Campaign,
    delays: Delays,
    region: str,
    is_to_stop: Callable[[], bool],
) -> bool:
    try:
        # A database that stores leaves this process idle, which reads on meanwhile.
        for done, entries in read_ahead(
            partial(_batches, upload, upload.rows_done, campaign, region)
        ):
            _store(upload, campaign, entries, done, delays)
            if is_to_stop():
                return False
    except Overtaken:
        return True
    except DraftGone:
        _end(upload, UploadState.STOPPED)
    except UnreadableFile as error:
        _end(upload, UploadState.FAILED, error.code)
    except OperationalError:
        raise
    except Exception:
        _count_error(upload)
        raise
    else:
        _end(upload, UploadState.DONE)
    return True


def _batches(
    upload: Upload, after: int, campaign: Campaign, region: str
) -> Iterator[tuple[int, list[Entry]]]:
    """The lines that are left, in batches, each with the line up to which it goes."""
    template = template_of(campaign.text)
    entries = read_entries(
        uploads.read_pieces(upload.pk),
        Layout.from_json(upload.layout),
        region=region,
        names=template.names if template else (),
        after=after,
    )
    batch: list[Entry] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) >= BATCH:
            yield entry.line, batch
            batch = []
    if batch:
        yield batch[-1].line, batch


@repeated
def _store(
    upload: Upload,
    campaign: Campaign,
    entries: list[Entry],
    done: int,
    delays: Delays,
) -> None:
    """Stores a batch; raises Overtaken or DraftGone, and nothing of it is stored."""
    with transaction.atomic():
        try:
            held = Campaign.objects.held(campaign.pk)
        except Campaign.DoesNotExist:
            raise DraftGone from None
        if held.status != CampaignStatus.DRAFT:
            raise DraftGone
        if not _hold_as_it_was(upload):
            raise Overtaken
        Upload.objects.filter(pk=upload.pk).update(
            rows_done=done, errors=0, touched_at=orm_now()
        )
        place(held, entries, source=upload.name, is_from_upload=True, delays=delays)
    upload.rows_done = done


def _hold_as_it_was(upload: Upload) -> bool:
    """Holds the upload; False when somebody else has gone on with it, or ended it."""
    held = uploads.hold(upload.pk)
    return (
        held is not None
        and held.state == UploadState.IMPORTING
        and held.rows_done == upload.rows_done
    )


@repeated
def _end(upload: Upload, state: UploadState, code: str = "") -> None:
    """Ends the import, and lets go of what was uploaded."""
    with transaction.atomic():
        ended = _hold_as_it_was(upload)
        if ended:
            Upload.objects.filter(pk=upload.pk).update(
                state=state, code=code, touched_at=orm_now()
            )
            UploadPiece.objects.filter(upload=upload).delete()
    if ended and state != UploadState.DONE:
        logger.warning("the import ended: %s %s", state, code)


def _count_error(upload: Upload) -> None:
    Upload.objects.filter(pk=upload.pk).update(
        errors=F("errors") + 1, touched_at=orm_now()
    )
    if Upload.objects.filter(pk=upload.pk, errors__gte=MOST_ERRORS).exists():
        _end(upload, UploadState.FAILED, Unreadable.BROKEN)
