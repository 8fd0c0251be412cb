"""Deleting a campaign: hidden at once, its rows removed by the worker in pieces."""

from __future__ import annotations

import logging

from django.db import transaction
from django.db.models import Model, QuerySet

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from asgi_app.subjects import about
from campaigns.ledger.gone import gone_digest
from campaigns.models import (
    Campaign,
    EarlierAttempt,
    GoneId,
    ListRemark,
    Message,
    MinuteCount,
    ShelvedStatus,
)
from campaigns.services import NotPossibleNow
from campaigns.states import CampaignStatus

logger = logging.getLogger(__name__)

CHUNK = 500


def may_be_deleted(campaign: Campaign) -> bool:
    """Whether it is a draft, cancelled or sent out, with nothing under way."""
    ended = campaign.status in {CampaignStatus.DRAFT, CampaignStatus.CANCELLED}
    return not campaign.claimed and (ended or campaign.is_sent_out)


@repeated
def delete_campaign(*, campaign_id: int, operator: str) -> None:
    """Hides a campaign and its trials for good; the worker removes their rows.

    Raises Campaign.DoesNotExist, and NotPossibleNow unless it may be deleted.
    """
    with transaction.atomic():
        family = [Campaign.objects.held(campaign_id)]
        # Who tries a text holds its draft, so there come no more of them now.
        trials = Campaign.objects.filter(trial_of=campaign_id)
        family += Campaign.objects.all_held(list(trials.values_list("pk", flat=True)))
        for campaign in family:
            if not may_be_deleted(campaign):
                raise NotPossibleNow(campaign.state)
        # Cancelled too, so that whoever holds an old page cannot start it.
        Campaign.objects.by_id(*(campaign.pk for campaign in family)).update(
            deleted_at=orm_now(), status=CampaignStatus.CANCELLED
        )
    with about(campaign=campaign_id, operator=operator):
        logger.info("the campaign was deleted")


def remove_some() -> bool:
    """Removes a piece of what was deleted; False when nothing is left.

    A short transaction for some hundred messages with all that belongs to them; the
    campaign's own row goes last.
    """
    gone = Campaign.including_deleted.filter(deleted_at__lte=orm_now())
    pk = gone.order_by("pk").values_list("pk", flat=True).first()
    if pk is None:
        return False
    with transaction.atomic():
        # Held by its id alone: who goes by `campaign_deleted` takes that entry first.
        held = Campaign.including_deleted.select_for_update().filter(pk=pk)
        campaign = held.first()
        if campaign is None or campaign.deleted_at is None:
            return True  # another worker was quicker, or it is shown again
        if _remove_messages(campaign):
            return True
        for rows in (
            ListRemark.objects.filter(campaign=campaign),
            MinuteCount.objects.filter(campaign=campaign),
        ):
            if _remove_chunk(rows):
                return True
        campaign.delete()
    return True


def _remove_messages(campaign: Campaign) -> bool:
    messages = Message.objects.filter(campaign=campaign).order_by("pk")
    chunk = list(messages.values_list("pk", "tracking", "message_id")[:CHUNK])
    if not chunk:
        return False
    ids = [pk for pk, *_ in chunk]
    earlier = EarlierAttempt.objects.filter(of__in=ids, message_id__isnull=False)
    message_ids = [
        *(message_id for *_, message_id in chunk if message_id),
        *filter(None, earlier.values_list("message_id", flat=True)),
    ]
    trackings = [tracking for _, tracking, _ in chunk]
    now = orm_now()
    GoneId.objects.bulk_create(
        [
            GoneId(digest=digest, gone_at=now)
            for digest in sorted({gone_digest(id_) for id_ in message_ids + trackings})
        ],
        ignore_conflicts=True,
    )
    Message.objects.filter(pk__in=ids).delete()
    # What is still to be applied to them names their phones.
    ShelvedStatus.objects.filter(message_id__in=message_ids).delete()
    ShelvedStatus.objects.filter(tracking__in=trackings).delete()
    return True


def _remove_chunk(rows: QuerySet[ListRemark] | QuerySet[MinuteCount]) -> bool:
    model: type[Model] = rows.model
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK])
    return bool(ids and model._default_manager.filter(pk__in=ids).delete()[0])
