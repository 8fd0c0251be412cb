"""Looks through lines that stand still since a backup was put back."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from asgi_app.subjects import about
from campaigns.ledger import Ledger
from campaigns.ledger.entries import SoughtMessage
from campaigns.restored import Findings
from campaigns.settling import find_ours
from campaigns.states import MessageStatus
from campaigns.stopwords import find_stop_word
from chatapp.client import ChatApp
from chatapp.errors import ChatAppError, Refused
from chatapp.types import HistoryItem, LineKey

logger = logging.getLogger(__name__)

# Nothing is sent meanwhile: the rate limit is theirs.
AT_ONCE = 8
CHUNK = 400
# As many as a chat's history gives at once.
MOST_TOLD = 100


@dataclass(frozen=True)
class LookThrough:
    """What waits is sent, not sent, or in doubt, by the history of its chat.

    `knows_ours` says whether messages carry a tracking, by which alone they are found.
    """

    ledger: Ledger
    chatapp: ChatApp
    knows_ours: bool = True

    async def go_on(self, is_to_stop: Callable[[], bool] = lambda: False) -> list[int]:
        """Looks for as many as there is time for; returns the lines that are through.

        Raises DatabaseAway.
        """
        ended = []
        for line_id, findings in (await self.ledger.lines_to_look_through()).items():
            with about(line=line_id):
                try:
                    await self._look_through(line_id, findings, is_to_stop)
                except ChatAppError as error:
                    logger.info("the line is looked through later: %s", error.code)
            if await self.ledger.end_looking_through(line_id):
                ended.append(line_id)
        return ended

    async def _look_through(
        self, line_id: int, findings: Findings, is_to_stop: Callable[[], bool]
    ) -> None:
        last = 0
        while chunk := await self.ledger.to_look_through(
            line_id, findings, after=last, most=CHUNK
        ):
            last = chunk[-1].message_id
            for start in range(0, len(chunk), AT_ONCE):
                if is_to_stop():
                    return
                await self._look_for(line_id, chunk[start : start + AT_ONCE])

    async def _look_for(self, line_id: int, some: list[SoughtMessage]) -> None:
        told = await asyncio.gather(*map(self._look, some), return_exceptions=True)
        found = Counter(word for word in told if isinstance(word, str))
        await self.ledger.note_findings(line_id, found)
        for error in told:
            if isinstance(error, BaseException):
                raise error

    async def _look(self, sought: SoughtMessage) -> str:
        line = LineKey(sought.licence_id, sought.messenger)
        try:
            history = await self.chatapp.history(line, sought.phone)
        except Refused as error:
            # It may be refused for all, which must not let all be sent again.
            with about(campaign=sought.campaign_id, message=sought.message_id):
                logger.info("no history for a message that waits: %s", error.code)
            await self.ledger.may_have_been_sent(sought)
            return "doubtful"
        await self._hear(sought, history)
        if message_id := find_ours(history, sought.tracking):
            await self.ledger.found(sought, message_id)
            return "found"
        if not self.knows_ours or _is_cut_short(sought, history):
            await self.ledger.may_have_been_sent(sought)
            return "doubtful"
        await self.ledger.was_not_sent(sought)
        return "not_sent"

    async def _hear(self, sought: SoughtMessage, history: list[HistoryItem]) -> None:
        """Looks whether somebody asked since the backup to be left alone."""
        if sought.status != MessageStatus.WAITING:
            return
        for item in history:
            is_known = item.time and sought.since and item.time < sought.since
            if item.side != "in" or is_known:
                continue
            if word := find_stop_word(item.text or "", settings.STOP_WORDS):
                await self.ledger.opted_out(sought.phone, word)


def _is_cut_short(sought: SoughtMessage, history: list[HistoryItem]) -> bool:
    """Whether what was sent since the backup may lie before all that was told."""
    if len(history) < MOST_TOLD:
        return False
    since = sought.since
    return since is None or not any(i.time and i.time < since for i in history)
