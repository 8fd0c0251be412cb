"""A test of a line that the delivery brake has stopped, on one's own phone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns.collapse import Evidence
from campaigns.ledger.brake import DELIVERY_COLLAPSED
from campaigns.models import Campaign, LineClock, Message
from campaigns.refusals import NotPossibleNow
from campaigns.services import note, wind_clock
from campaigns.states import CampaignStatus, MessageStatus, Pacing
from chatapp.models import Line

NAME_LENGTH = 200
# A delivery is told within this, or most probably never.
PATIENCE = timedelta(minutes=5)
_ARRIVED = frozenset({MessageStatus.DELIVERED, MessageStatus.READ})


@dataclass(frozen=True)
class LineTestPage:
    """A stopped line, the evidence, and its last test since it was stopped."""

    line: Line
    now: datetime
    stopped_at: datetime
    evidence: Evidence | None
    campaign: Campaign | None
    message: Message | None

    @property
    def has_arrived(self) -> bool:
        return self.message is not None and self.message.status in _ARRIVED

    @property
    def is_open(self) -> bool:
        """Whether its answer, or its delivery, may still be told."""
        if self.message is None or self.has_arrived:
            return False
        if self.message.status in {MessageStatus.WAITING, MessageStatus.CLAIMED}:
            return True
        answered_at = self.message.answered_at
        is_taken = self.message.status != MessageStatus.FAILED
        return (
            is_taken and answered_at is not None and self.now - answered_at < PATIENCE
        )


def read_line_test(*, line_id: int) -> LineTestPage:
    """Raises LineClock.DoesNotExist unless the brake has stopped the line."""
    clock = LineClock.objects.select_related("line").get(
        line=line_id, stopped_code=DELIVERY_COLLAPSED, stopped_at__isnull=False
    )
    assert clock.stopped_at is not None
    tests = Campaign.objects.filter(
        line=line_id, is_line_test=True, created_at__gte=clock.stopped_at
    )
    campaign = tests.order_by("-id").first()
    return LineTestPage(
        line=clock.line,
        now=orm_now(),
        stopped_at=clock.stopped_at,
        evidence=Evidence.read(clock.stopped_reason),
        campaign=campaign,
        message=Message.objects.filter(campaign=campaign).first() if campaign else None,
    )


@repeated
def start_line_test(
    *, line_id: int, phone: str, text: str, name: str, operator: str, key: str
) -> None:
    """Sends one message through a line that stands still; of two clicks one does.

    Raises NotPossibleNow while an earlier test is under way, LineClock.DoesNotExist.
    """
    with transaction.atomic():
        # Held, so that of two tests at one moment one is sent; no campaign's row is
        # waited for behind it.
        LineClock.objects.select_for_update().get(
            line=line_id, stopped_code=DELIVERY_COLLAPSED
        )
        tests = Campaign.objects.filter(line=line_id, is_line_test=True)
        if key and tests.filter(start_key=key).exists():
            return
        if tests.filter(waiting__gt=0).exists() or tests.filter(claimed__gt=0).exists():
            raise NotPossibleNow(CampaignStatus.RUNNING)
        now = orm_now()
        test = Campaign.objects.create(
            name=name[:NAME_LENGTH],
            text=text,
            line_id=line_id,
            pacing=Pacing.ONE_AFTER_ANOTHER,
            status=CampaignStatus.RUNNING,
            is_line_test=True,
            start_key=key,
            created_by=operator,
            created_at=now,
            started_at=now,
            woken_at=now,
            total=1,
            waiting=1,
        )
        Message.objects.create(campaign=test, phone=phone)
        note(test.pk, "started", operator, now)
        wind_clock(test.pk, now)
