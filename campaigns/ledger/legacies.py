"""What workers leave behind that died between a claim and its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from asgi_app.database import Door
from campaigns.ledger.entries import Due
from campaigns.ledger.records import give_up
from campaigns.ledger.statements import BEATS, CAMPAIGNS, CLOCKS, marks
from campaigns.states import Pacing


class Legacies:
    """The side of the ledger that goes on where the dead have stopped."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def take_over(
        self, dead: Sequence[str], pause: Callable[[], timedelta]
    ) -> tuple[int, list[Due]]:
        """Turns claims of dead workers into *unsure*, and lets their lines go on.

        They count as workers no more.

        A line that sends one after another goes on after a pause: its last message may
        have left just now. Returns how many claims there were, and the lines.
        """
        rows = await self._door.fetch(
            f"SELECT id, line_id, pacing FROM {CAMPAIGNS} WHERE claimed > 0 ORDER BY id"
        )
        given_up = 0
        paced: set[int] = set()
        where = f"claimed_by IN ({marks(dead)})"
        for campaign_id, line_id, pacing in rows:
            while count := await give_up(self._door, campaign_id, where, dead):
                given_up += count
                if pacing == Pacing.ONE_AFTER_ANOTHER:
                    paced.add(line_id)
        now = await self._door.now()
        async with self._door.transaction() as tx:
            await tx.execute(
                f"UPDATE {BEATS} SET died_at = %s WHERE name IN ({marks(dead)})",
                (now, *dead),
            )
        held = await self._door.fetch(
            f"SELECT line_id, turn FROM {CLOCKS} WHERE held_by IN ({marks(dead)})",
            dead,
        )
        lines = []
        for line_id, turn in held:
            next_at = now + pause() if line_id in paced else now
            if await self._let_go(line_id, turn, next_at):
                lines.append(Due(line_id, next_at))
        return given_up, lines

    async def _let_go(self, line_id: int, turn: int, next_at: datetime) -> bool:
        async with self._door.transaction() as tx:
            moved = await tx.execute(
                f"UPDATE {CLOCKS} SET next_at = %s, turn = turn + 1, held_by = %s"
                f" WHERE line_id = %s AND turn = %s",
                (next_at, "", line_id, turn),
            )
        return bool(moved)
