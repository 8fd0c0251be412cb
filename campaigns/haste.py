"""When a pacing is so fast that a linked personal WhatsApp may be banned for it."""

from __future__ import annotations

from enum import StrEnum

from campaigns.pacing import Bounds
from campaigns.states import Pacing

BANNABLE = frozenset({"grWhatsApp"})
# The least that others advise between two messages.
ADVISED_GAP_S = 5.0


class Haste(StrEnum):
    ALL_AT_ONCE = "all_at_once"
    SHORT_PAUSES = "short_pauses"


def find_haste(
    *, messenger: str, pacing: Pacing, count: int, bounds: Bounds
) -> Haste | None:
    """What is fast about a list's pacing on a line that can be banned, if anything."""
    if messenger not in BANNABLE or count < 2:
        return None
    if pacing == Pacing.EACH_ON_ITS_OWN:
        gap_s = bounds.spread_s / count
        return Haste.ALL_AT_ONCE if gap_s < ADVISED_GAP_S else None
    return Haste.SHORT_PAUSES if bounds.least_s < ADVISED_GAP_S else None
