"""In which order a line serves its campaigns; `ledger.dues.TURN` says it in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from campaigns.models import Campaign, LineClock, SliceMember
from campaigns.states import CampaignStatus, MessageStatus

# What nobody has started comes behind all that has.
_LAST = datetime.max.replace(tzinfo=UTC)


def turn_of(
    campaign: Campaign, *, if_started_at: datetime = _LAST
) -> tuple[bool, bool, datetime, int]:
    """Sorts campaigns as their line serves them, trials before all others.

    What is to start by itself stands where it will; any other draft as if it were
    started at that moment.
    """
    return (
        not campaign.is_line_test,
        campaign.trial_of_id is None,
        campaign.started_at or campaign.start_at or if_started_at,
        campaign.pk or 0,
    )


def due_since(clock: LineClock, head: Campaign) -> datetime:
    """Since when the next message of a line's head is due, or when it will be.

    On a line that was idle the clock still shows when the campaign before it was done.
    """
    return max(clock.next_at, head.woken_at or clock.next_at)


def waiting_on(line_id: int) -> list[Campaign]:
    """What waits on a line, in its order; by the index on line, status and waiting."""
    return sorted(runnable().filter(line_id=line_id), key=turn_of)


def runnable() -> QuerySet[Campaign]:
    """Of what something may leave; `ledger.dues` says it in SQL, and of use besides.

    Where a trial slice is out, the others wait for a click.
    """
    members = SliceMember.objects.filter(
        campaign=OuterRef("pk"), message__status=MessageStatus.WAITING
    )
    return Campaign.objects.filter(
        Q(slice_is_open=False) | Exists(members),
        status=CampaignStatus.RUNNING,
        waiting__gt=0,
    )


def with_scheduled(line_id: int, waiting: Sequence[Campaign]) -> list[Campaign]:
    """What waits on a line or starts on it by itself, in the order of its turn."""
    scheduled = Campaign.objects.filter(
        line_id=line_id, status=CampaignStatus.SCHEDULED, waiting__gt=0
    )
    return sorted([*waiting, *scheduled], key=turn_of)


def campaigns_ahead(campaign: Campaign) -> list[Campaign]:
    """What its line serves before it, in order."""
    own = turn_of(campaign)
    return [c for c in waiting_on(campaign.line_id) if turn_of(c) < own]
