"""What every page says when nothing leaves; looked up beside the pages, not in them."""

from __future__ import annotations

import asyncio
import logging

from django.db import Error
from django.utils import timezone

from asgi_app.database import in_orm
from campaigns.message_selectors import PutBack, Trouble, read_troubles

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 3.0
DATABASE_AWAY = Trouble("database_away", "")


class Troubles:
    """The troubles of a few seconds ago, so that no page waits for them."""

    def __init__(self) -> None:
        self.current: tuple[Trouble | PutBack, ...] = ()

    async def keep_looking(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        try:
            self.current = await in_orm(read_troubles, timezone.now())
        except Error as error:
            logger.warning("the database is away: %s", error)
            self.current = (DATABASE_AWAY,)
