"""After a backup was put back: every line stands still until its chats were read.

What the backup holds as waiting may have been sent since. So it is looked for in its
chat's history before anything leaves; `lookthrough.py` does that in the worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from asgi_app.database import orm_now
from campaigns.models import Campaign, Event, LineClock, Message, WorkerBeat
from campaigns.restored import RESTORED, Findings
from campaigns.states import CampaignStatus, MessageStatus
from chatapp.callbacks import forget_what_was_seen
from chatapp.models import Line

# As for an unsure message: a chat's history may be that late.
LOOK_AFTER = timedelta(minutes=1)
_STARTED = (CampaignStatus.RUNNING, CampaignStatus.PAUSED, CampaignStatus.SCHEDULED)


@dataclass(frozen=True)
class StoodStill:
    """What `stand_still` did; `running` are campaigns that will go on."""

    lines: int
    waiting: int
    claimed: int
    unsure: int
    failed: int
    running: tuple[str, ...]
    backed_up_at: datetime | None


def stand_still(*, with_drafts: bool = True) -> StoodStill:
    """Stops every line and marks what is to be looked for; all of it or nothing.

    Again it marks again, which costs requests and harms nothing.
    """
    with transaction.atomic():
        campaigns = list(Campaign.objects.order_by("pk").select_for_update())
        now = orm_now()
        backed_up_at = _last_movement()
        lines = _stop_lines(now, backed_up_at)
        may_start = {
            campaign.pk
            for campaign in campaigns
            if campaign.status in _STARTED
            or (with_drafts and campaign.status == CampaignStatus.DRAFT)
        }
        waiting = _mark(may_start, MessageStatus.WAITING, now)
        every = [campaign.pk for campaign in campaigns]
        # They may have been tried, or sent, again.
        failed = _mark(every, MessageStatus.FAILED, now)
        unsure = _mark(every, MessageStatus.UNSURE, now)
        forget_what_was_seen()
    return StoodStill(
        lines=lines,
        waiting=waiting,
        claimed=sum(campaign.claimed for campaign in campaigns),
        unsure=unsure,
        failed=failed,
        running=tuple(
            campaign.name
            for campaign in campaigns
            if campaign.status in _STARTED and campaign.waiting
        ),
        backed_up_at=backed_up_at,
    )


def _last_movement() -> datetime | None:
    """The last moment of which the backup knows."""
    beats = WorkerBeat.objects.order_by("-beat_at").values_list("beat_at", flat=True)
    heard = Event.objects.order_by("-pk").values_list("arrived_at", flat=True)
    known: list[datetime] = [*beats[:1], *heard[:1]]
    return max(known, default=None)


def _stop_lines(now: datetime, backed_up_at: datetime | None) -> int:
    reason = Findings(backed_up_at.isoformat() if backed_up_at else "").write()
    line_ids = list(Line.objects.order_by("pk").values_list("pk", flat=True))
    for line_id in line_ids:
        LineClock.objects.get_or_create(line_id=line_id, defaults={"next_at": now})
    LineClock.objects.filter(line__in=line_ids).update(
        stopped_at=now,
        stopped_code=RESTORED,
        stopped_reason=reason,
        turn=F("turn") + 1,
    )
    return len(line_ids)


def _mark(campaign_ids: Iterable[int], status: MessageStatus, now: datetime) -> int:
    """Lets messages be looked for; of an unsure one it is the last look."""
    marked = 0
    looks = 1 if status == MessageStatus.UNSURE else 0
    for campaign_id in sorted(campaign_ids):
        rows = Message.objects.filter(campaign=campaign_id, status=status)
        if status == MessageStatus.FAILED:
            # What a status told to have failed had left.
            rows = rows.filter(failed_at__isnull=True)
        marked += rows.update(look_at=now + LOOK_AFTER, looks=looks)
    return marked
