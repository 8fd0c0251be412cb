"""A mark of what an operator was shown before the start, to notice a change."""

from __future__ import annotations

import hashlib
import json

from campaigns.models import Campaign, Message


def seal_of(campaign: Campaign) -> str:
    """The same as long as text, line, pacing, list and timing are the same."""
    last = Message.objects.filter(campaign=campaign).order_by("-id")
    shown = [
        campaign.pk,
        campaign.text,
        campaign.line_id,
        campaign.pacing,
        campaign.waiting,
        str(campaign.start_at),
        str(campaign.use_until),
        campaign.slice_size,
        # One taken from the list and another put on it leave the count as it was.
        last.values_list("pk", flat=True).first(),
    ]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()
