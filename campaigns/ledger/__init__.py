"""Claim, record, apply: the hot SQL, and the only place that has it.

Every transaction takes campaign rows first, by id, then the line's clock, then
messages by id, then events and the shelf; so none can deadlock with another in a
ring, and whoever holds the campaign's row may read its messages' states as they are.
"""

from __future__ import annotations

import uuid

from asgi_app.database import Door
from campaigns.ledger.brake import Brake
from campaigns.ledger.claims import CLAIM_S, Claims
from campaigns.ledger.deliveries import Deliveries
from campaigns.ledger.dues import Dues
from campaigns.ledger.legacies import Legacies
from campaigns.ledger.looks import Looks
from campaigns.ledger.moments import Moments
from campaigns.ledger.records import Records
from campaigns.ledger.restored import Restored
from campaigns.ledger.shelf import Shelf
from campaigns.timings import Timings

__all__ = ["CLAIM_S", "Ledger"]


class Ledger(
    Dues,
    Claims,
    Records,
    Legacies,
    Shelf,
    Looks,
    Brake,
    Moments,
    Deliveries,
    Restored,
):
    """Who gets which message, when, and what came of it."""

    def __init__(
        self, door: Door, *, worker: str = "", timings: Timings | None = None
    ) -> None:
        """`timings` counts how late messages leave, behind which pause."""
        Dues.__init__(self, door)
        worker = worker or uuid.uuid4().hex[:12]
        Claims.__init__(self, door, worker, timings or Timings())
        Records.__init__(self, door)
        Legacies.__init__(self, door)
        Shelf.__init__(self, door)
        Looks.__init__(self, door)
        Brake.__init__(self, door)
        Moments.__init__(self, door)
        Deliveries.__init__(self, door)
        Restored.__init__(self, door)
