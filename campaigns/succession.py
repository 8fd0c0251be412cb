"""Going on at once where workers on this machine have died."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta

from campaigns.ledger import Ledger
from campaigns.ledger.entries import Due
from campaigns.lifelines import Lifelines
from campaigns.pacing import Delays

logger = logging.getLogger(__name__)


async def succeed(ledger: Ledger, lifelines: Lifelines, delays: Delays) -> list[Due]:
    """Gives up the claims of the dead; returns their lines, and when each goes on."""
    dead = await asyncio.to_thread(lifelines.dead)
    if not dead:
        return []

    def pause() -> timedelta:
        return timedelta(milliseconds=delays.draw_ms())

    given_up, lines = await ledger.take_over(dead, pause)
    names = ", ".join(dead)
    if given_up:
        logger.warning("%s died: %d claims are unsure now", names, given_up)
    else:
        logger.info("%s died; nothing was under way", names)
    for name in dead:
        await asyncio.to_thread(lifelines.bury, name)
    return lines
