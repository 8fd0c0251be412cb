"""Campaigns: the list, a new one, its fields, a copy, its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from ninja import Router
from pydantic import Field

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import (
    copying,
    drafts,
    editing,
    in_pieces,
    removal,
    selectors,
    text_words,
)
from campaigns.api import reading
from campaigns.api.campaign_shapes import CampaignBrief, CampaignShape, LookShape
from campaigns.api.faults import refuse_unless_valid
from campaigns.api.guard import resources_of
from campaigns.api.list_shapes import FileOrder, Phones, faults_in, source_of
from campaigns.api.once import Done, once, told_before
from campaigns.api.shapes import BodyId, Id, Order, Page
from campaigns.copying import Whom
from campaigns.edit_forms import CopyForm, EditForm, copy_name
from campaigns.forms import SAVE, CampaignForm
from campaigns.list_files import ListSource
from campaigns.models import Campaign
from campaigns.pacing import Delays
from campaigns.refusals import NotPossibleNow
from campaigns.states import CampaignStatus, Pacing
from chatapp.models import why_unusable

router = Router(tags=["campaigns"])


class NewOrder(Order):
    """A campaign to be; without a `line` it takes the first that can send.

    `phones` and `file` are one list. `column` is where a file has its phones, from 0,
    where it is not clear.
    """

    name: str
    text: str
    line: BodyId | None = None
    pacing: Pacing = Pacing.ONE_AFTER_ANOTHER
    phones: Phones = ""
    file: FileOrder | None = None
    column: Annotated[int, Field(strict=True, ge=0, le=999)] | None = None


class EditOrder(Order):
    """What is to be another; of what was started only its name and note."""

    name: str | None = None
    note: str | None = None
    text: str | None = None
    line: BodyId | None = None
    pacing: Pacing | None = None


class CopyOrder(Order):
    """Whom a copy is for, and its name."""

    whom: Whom = Whom.EVERYBODY
    name: str | None = None


class _NewForm(CampaignForm):
    """The page's form, with rows that were sent as such in place of pasted text."""

    def __init__(self, *args: Any, rows: ListSource | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rows = rows

    def clean_phones(self) -> str:
        self.pasted = self._rows
        return ""


@router.get("", response=Page[CampaignBrief], summary="All campaigns, newest first")
async def list_campaigns(
    request: HttpRequest, before: Id | None = None
) -> Page[CampaignBrief]:
    told, last = await in_orm(reading.read_list, before=before)
    following = f"/api/campaigns?before={last}" if last else None
    return Page(items=list(told), next=following)


@router.post("", response={201: CampaignShape}, summary="Make a draft")
async def create_campaign(request: HttpRequest, order: NewOrder) -> HttpResponse:
    """Makes a draft; nothing is sent before it is started.

    A list of more than 5,000 rows is still coming in when this has answered.
    """
    operator, delays = operator_of(request), resources_of(request).delays
    return await once(request, lambda: _create(order, operator, delays))


@router.get("/{campaign_id}", response=CampaignShape, summary="One campaign")
async def read_campaign(request: HttpRequest, campaign_id: Id) -> CampaignShape:
    return await in_orm(reading.read_campaign, campaign_id)


@router.patch("/{campaign_id}", response=CampaignShape, summary="Change a campaign")
async def edit_campaign(
    request: HttpRequest, campaign_id: Id, order: EditOrder
) -> HttpResponse:
    """Changes what is told and nothing else: name and note at any time.

    The rest while it is a draft, and its list is in.
    """
    if answer := await in_orm(told_before, request):
        return answer
    campaign = await in_orm(_find, campaign_id)
    told = order.model_dump(exclude_none=True)
    is_draft = campaign.status == CampaignStatus.DRAFT
    if not is_draft and not told.keys() <= {"name", "note"}:
        raise NotPossibleNow(campaign.state)
    form = EditForm(
        _query(_shown(campaign) | told),
        campaign=campaign,
        lines=await in_orm(selectors.choosable_lines),
        now=timezone.now(),
    )
    form.full_clean()
    if "text" in told and form.template and editing.needs_a_look(form.template):
        misfits = await in_pieces.misfits(campaign, form.template)
        for said in text_words.misfits(misfits):
            form.add_error("text", said)
    # What is wrong with the rest was so before, and does not change.
    refuse_unless_valid(form, only=told.keys())
    changes = editing.Changes(**{name: form.cleaned_data[name] for name in told})

    def edit() -> Done:
        editing.edit_campaign(
            campaign_id=campaign_id, changes=changes, operator=operator_of(request)
        )
        return Done(reading.read_campaign(campaign_id))

    return await once(request, edit)


@router.delete("/{campaign_id}", response={204: None}, summary="Delete a campaign")
async def delete_campaign(request: HttpRequest, campaign_id: Id) -> HttpResponse:
    """Deletes for good a draft, or what is cancelled or sent out."""

    def delete() -> Done:
        operator = operator_of(request)
        removal.delete_campaign(campaign_id=campaign_id, operator=operator)
        return Done(status=204)

    return await once(request, delete)


@router.post("/{campaign_id}/copies", response={201: CampaignShape}, summary="Copy it")
async def copy_campaign(
    request: HttpRequest, campaign_id: Id, order: CopyOrder
) -> HttpResponse:
    """Makes a draft with the text and the list, or a part of it."""
    if told := await in_orm(told_before, request):
        return told
    campaign = await in_orm(_find, campaign_id)
    name = copy_name(campaign, order.whom) if order.name is None else order.name
    form = CopyForm(_query({"name": name, "whom": order.whom}), campaign=campaign)
    refuse_unless_valid(form)
    operator = operator_of(request)

    async def show(draft_id: int, left_out: int) -> HttpResponse:
        def finish() -> Done:
            copying.finish_copy(draft_id=draft_id, left_out=left_out, operator=operator)
            return _made(draft_id)

        return await once(request, finish)

    return await in_pieces.copy(
        campaign,
        name=form.cleaned_data["name"],
        whom=form.cleaned_data["whom"],
        operator=operator,
        show=show,
    )


@router.get("/{campaign_id}/look", response=LookShape, summary="Look before the start")
async def look_at_campaign(request: HttpRequest, campaign_id: Id) -> LookShape:
    """What the page before the start tells: texts, finish, warnings, and the seal."""
    return await in_orm(reading.read_look, campaign_id)


def _find(campaign_id: int) -> Campaign:
    return Campaign.objects.select_related("line").get(pk=campaign_id)


def _create(order: NewOrder, operator: str, delays: Delays) -> Done:
    rows = source_of(order.phones)
    files = {"upload": [order.file.opened()]} if order.file else {}
    data: dict[str, Any] = {
        "name": order.name,
        "text": order.text,
        "pacing": order.pacing,
        "do": SAVE,
    }
    if order.column is not None:
        data["column"] = order.column
    lines, now = selectors.choosable_lines(), timezone.now()
    usable = (line.pk for line in lines if why_unusable(line, now) is None)
    data["line"] = order.line or next(usable, "")
    form = _NewForm(
        _query(data),
        MultiValueDict(files),
        lines=lines,
        region=settings.PHONE_REGION,
        now=now,
        rows=rows,
    )
    refuse_unless_valid(
        form,
        {"upload": "file"},
        further=lambda: faults_in(form.phone_list, order.phones),
    )
    saved = drafts.save(form, operator=operator, delays=delays)
    return _made(saved.draft_id, saved.to_import)


def _made(draft_id: int, to_import: int | None = None) -> Done:
    return Done(
        reading.read_campaign(draft_id),
        status=201,
        place=f"/api/campaigns/{draft_id}",
        upload_id=to_import,
    )


def _shown(campaign: Campaign) -> dict[str, Any]:
    """All fields of the form, as they are."""
    return {
        "name": campaign.name,
        "note": campaign.note,
        "text": campaign.text,
        "line": campaign.line_id,
        "pacing": campaign.pacing,
    }


def _query(fields: Mapping[str, Any]) -> QueryDict:
    query = QueryDict(mutable=True)
    for name, value in fields.items():
        query[name] = str(value)
    return query
