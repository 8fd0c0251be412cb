"""Settles what was left open: unsure messages, and the lines that they stopped."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from asgi_app.subjects import about
from campaigns.history import split_tracking
from campaigns.ledger import Ledger
from campaigns.ledger.entries import UnsureMessage
from chatapp.client import ChatApp
from chatapp.errors import ChatAppError, Refused
from chatapp.types import HistoryItem, LineKey

logger = logging.getLogger(__name__)

# Looks cost requests, which sending needs too.
MOST_LOOKS = 20
LATER = timedelta(minutes=1)


@dataclass(frozen=True)
class Settling:
    ledger: Ledger
    chatapp: ChatApp

    async def look(self) -> int:
        """Looks for unsure messages in their chats' history; returns how many it found.

        Raises DatabaseAway.
        """
        found = 0
        for unsure in await self.ledger.to_look_for(MOST_LOOKS):
            with about(campaign=unsure.campaign_id, message=unsure.message_id):
                try:
                    message_id = await self._find(unsure)
                except Refused as error:
                    logger.info("no history for an unsure message: %s", error.code)
                    await self.ledger.not_found(unsure)
                except ChatAppError as error:
                    logger.info("an unsure message is looked for later: %s", error.code)
                    await self.ledger.look_later(unsure, LATER)
                    return found
                else:
                    if message_id is None:
                        await self.ledger.not_found(unsure)
                    else:
                        await self.ledger.found(unsure, message_id)
                        found += 1
        return found

    async def probe(self) -> list[int]:
        """Lets lines that unsure messages stopped go on once ChatApp answers again.

        Returns the lines to ring. Raises DatabaseAway.
        """
        lines = await self.ledger.lines_to_probe()
        if not lines:
            return []
        try:
            # The first renews a token that is over, the second says that it is good.
            await self.chatapp.licences()
            if not await self.chatapp.check_token():
                return []
        except ChatAppError as error:
            logger.info("ChatApp does not answer yet: %s", error.code)
            return []
        return [line_id for line_id in lines if await self.ledger.release(line_id)]

    async def _find(self, unsure: UnsureMessage) -> str | None:
        line = LineKey(unsure.licence_id, unsure.messenger)
        return find_ours(
            await self.chatapp.history(line, unsure.phone), unsure.tracking
        )


def find_ours(history: Sequence[HistoryItem], tracking: str) -> str | None:
    """The message's id in its chat, by the tracking of this attempt or a later one.

    After a backup was put back there may have been more attempts than it knows of.
    """
    base, attempt = split_tracking(tracking)
    found = {
        (number, item.message_id)
        for item in history
        for its_base, number in [split_tracking(item.tracking or "")]
        if its_base == base and number >= attempt
    }
    return max(found)[1] if found else None
