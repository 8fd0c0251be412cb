"""Settles what was left open: unsure messages, and the lines that they stopped."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from campaigns.ledger import Ledger
from campaigns.ledger.entries import UnsureMessage
from chatapp.client import ChatApp
from chatapp.errors import ChatAppError, Refused
from chatapp.types import LineKey

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
        history = await self.chatapp.history(line, unsure.phone)
        ids = [i.message_id for i in history if i.tracking == unsure.tracking]
        return ids[0] if ids else None
