"""Deleting a campaign: hidden at once, its rows removed by the worker in pieces."""

from __future__ import annotations

import logging
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Model, Q, QuerySet

from asgi_app.database import orm_now
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
# Nothing of it can leave any more, and nothing is under way.
_AT_REST = Q(claimed=0) & reduce(
    or_,
    [
        Q(status=CampaignStatus.DRAFT),
        Q(status=CampaignStatus.CANCELLED),
        Q(started_at__isnull=False, waiting=0),
    ],
)


def may_be_deleted(campaign: Campaign) -> bool:
    """Whether it is a draft, cancelled or sent out, with nothing under way."""
    ended = campaign.status in {CampaignStatus.DRAFT, CampaignStatus.CANCELLED}
    return not campaign.claimed and (ended or campaign.is_sent_out)


def delete_campaign(*, campaign_id: int, operator: str) -> None:
    """Hides a campaign and its trials for good; the worker removes their rows.

    Raises Campaign.DoesNotExist, and NotPossibleNow unless it may be deleted.
    """
    with transaction.atomic():
        family = Q(pk=campaign_id) | Q(trial_of=campaign_id)
        held = Campaign.objects.select_for_update().filter(family).order_by("pk")
        found = {campaign.pk: campaign for campaign in held}
        if campaign_id not in found:
            raise Campaign.DoesNotExist
        busy = [campaign for campaign in found.values() if not may_be_deleted(campaign)]
        if busy:
            raise NotPossibleNow(busy[0].state)
        # Cancelled too, so that whoever holds an old page cannot start it.
        hidden = (
            Campaign.objects.filter(pk__in=found)
            .filter(_AT_REST)
            .update(deleted_at=orm_now(), status=CampaignStatus.CANCELLED)
        )
        if hidden != len(found):
            raise NotPossibleNow(found[campaign_id].state)
    with about(campaign=campaign_id, operator=operator):
        logger.info("the campaign was deleted")


def remove_some() -> bool:
    """Removes a piece of what was deleted; False when nothing is left.

    A short transaction for some hundred messages with all that belongs to them; the
    campaign's own row goes last.
    """
    with transaction.atomic():
        gone = Campaign.including_deleted.filter(deleted_at__lte=orm_now())
        campaign = gone.order_by("pk").select_for_update().first()
        if campaign is None:
            return False
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
