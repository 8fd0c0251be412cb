"""A checked form becomes a draft, for the page and for the API alike."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from campaigns import imports, services
from campaigns.forms import CampaignForm
from campaigns.pacing import Delays


@dataclass(frozen=True)
class Saved:
    """A draft, and the upload that the worker is still to import."""

    draft_id: int
    to_import: int | None


def save(form: CampaignForm, *, operator: str, delays: Delays) -> Saved:
    """Stores the draft; a small list is imported here and now.

    Raises uploads.AlreadyTaken.
    """
    source = form.imported.kept() if form.imported else None
    upload = source.upload if source else None
    draft = services.create_campaign(
        name=form.cleaned_data["name"],
        text=form.cleaned_data["text"],
        line=form.cleaned_data["line"],
        pacing=form.cleaned_data["pacing"],
        phones=form.stored_at_once,
        delays=delays,
        operator=operator,
        upload=(upload, source.layout) if source and upload else None,
    )
    if source and upload and source.is_small:
        region = settings.PHONE_REGION
        imports.go_on(upload_id=upload.pk, delays=delays, region=region)
        upload = None
    return Saved(draft.pk, upload.pk if upload else None)
