"""In which order a line serves its campaigns; `ledger.dues.TURN` says it in SQL."""

from __future__ import annotations

from datetime import UTC, datetime

from campaigns.models import Campaign
from campaigns.states import CampaignStatus

# What has not been started comes behind all that has.
_LAST = datetime.max.replace(tzinfo=UTC)


def turn_of(campaign: Campaign) -> tuple[bool, datetime, int]:
    """Sorts campaigns as their line serves them, trials before all others."""
    return (
        campaign.trial_of_id is None,
        campaign.started_at or _LAST,
        campaign.pk or 0,
    )


def waiting_on(line_id: int) -> list[Campaign]:
    """What waits on a line, in its order; by the index on line, status and waiting."""
    running = Campaign.objects.filter(
        line_id=line_id, status=CampaignStatus.RUNNING, waiting__gt=0
    )
    return sorted(running, key=turn_of)


def campaigns_ahead(campaign: Campaign) -> list[Campaign]:
    """What its line serves before it, in order."""
    own = turn_of(campaign)
    return [c for c in waiting_on(campaign.line_id) if turn_of(c) < own]
