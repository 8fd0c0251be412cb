"""Whether deliveries through a line have collapsed, though ChatApp takes every message.

Pure. A restricted line keeps answering 200; only the statuses that do not come tell.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from campaigns.intervals import wilson

# What is younger may still be on its way.
OLD_ENOUGH = timedelta(minutes=15)
RECENT = 20
# With what is compared: as many before, up to so many.
MOST_BEFORE = 100
# So few of 20 are a collapse whatever was before.
FLOOR = 4


@dataclass(frozen=True)
class Evidence:
    """Of the last `count` messages old enough, how many were delivered; before, too."""

    delivered: int
    count: int
    delivered_before: int
    count_before: int

    @property
    def before(self) -> int:
        """How many of as many it were before."""
        if not self.count_before:
            return 0
        return round(self.delivered_before * self.count / self.count_before)

    def write(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Evidence | None:
        """None for a text that `write` has not written."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None


def judge(recent: Sequence[bool], before: Sequence[bool]) -> Evidence | None:
    """The evidence of a collapse, from whether each message was delivered.

    `recent` are the last RECENT, newest first; fewer prove nothing. It is one where
    hardly any is delivered, or less than half of what is usual and chance can hardly
    explain it.
    """
    if len(recent) < RECENT:
        return None
    evidence = Evidence(sum(recent), len(recent), sum(before), len(before))
    if evidence.delivered <= FLOOR:
        # A line through which never more came is no different from what it was.
        is_usual = len(before) >= RECENT and evidence.before <= FLOOR
        return None if is_usual else evidence
    if len(before) < RECENT or evidence.delivered * 2 >= evidence.before:
        return None
    now = wilson(evidence.delivered, evidence.count)
    usual = wilson(evidence.delivered_before, evidence.count_before)
    return evidence if now.most < usual.least else None
