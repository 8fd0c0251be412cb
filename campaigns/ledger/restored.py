"""Looking through a line before it goes on from a backup that was put back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from asgi_app.database import Door, Tx
from campaigns.history import EventKind, join_tracking
from campaigns.ledger.counters import Deltas
from campaigns.ledger.entries import SoughtMessage
from campaigns.ledger.statements import (
    CAMPAIGNS,
    CLOCKS,
    EVENT_COLUMNS,
    EVENTS,
    LINES,
    MESSAGES,
    STOPS,
    event_row,
    insert,
    lock_campaigns,
    read_text,
)
from campaigns.restored import LOOKED_THROUGH, RESTORED, Findings
from campaigns.states import MessageStatus

IN_DOUBT = "restored_in_doubt"
# What expires or is cancelled before its look may have been sent all the same.
_SOUGHT = "({})".format(
    ", ".join(
        f"'{status}'"
        for status in (
            MessageStatus.WAITING,
            MessageStatus.FAILED,
            MessageStatus.EXPIRED,
            MessageStatus.CANCELLED,
        )
    )
)


class Restored:
    """The side of the ledger that a backup put back needs."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def lines_to_look_through(self) -> Mapping[int, Findings]:
        """The lines that stand still for it, with what was found so far."""
        rows = await self._door.fetch(
            f"SELECT line_id, stopped_reason FROM {CLOCKS} WHERE stopped_code = %s",
            (RESTORED,),
        )
        return {pk: Findings.read(reason) or Findings() for pk, reason in rows}

    async def to_look_through(
        self, line_id: int, findings: Findings, *, after: int, most: int
    ) -> list[SoughtMessage]:
        """What is to be looked for now, by id; `after` is the last id of before."""
        now = await self._door.now()
        rows = await self._door.fetch(
            f"SELECT m.id, m.campaign_id, l.licence_id, l.messenger, m.phone,"
            f" m.tracking, m.attempt, m.looks, m.status FROM {CAMPAIGNS} c"
            f" CROSS JOIN {MESSAGES} m"
            f" ON m.campaign_id = c.id AND m.status IN {_SOUGHT}"
            f" JOIN {LINES} l ON l.id = c.line_id"
            f" WHERE c.line_id = %s AND m.look_at <= %s AND m.id > %s"
            f" ORDER BY m.id LIMIT {int(most)}",
            (line_id, now, after),
        )
        return [
            SoughtMessage(
                message_id=row[0],
                campaign_id=row[1],
                licence_id=row[2],
                messenger=row[3],
                phone=row[4],
                tracking=join_tracking(read_text(row[5]), row[6]),
                attempt=row[6],
                looks=row[7],
                status=MessageStatus(row[8]),
                line_id=line_id,
                since=findings.since,
            )
            for row in rows
        ]

    async def was_not_sent(self, sought: SoughtMessage) -> None:
        """Notes that the chat does not know it: it may leave once the line goes on."""
        await self._end_look(sought, EventKind.LOOKED)

    async def may_have_been_sent(self, sought: SoughtMessage) -> None:
        """Leaves it to people, where the chat's history does not tell.

        What does not wait stays as it is: it leaves only if somebody has it sent.
        """
        is_waiting = sought.status == MessageStatus.WAITING
        await self._end_look(sought, EventKind.IN_DOUBT if is_waiting else None)

    async def opted_out(self, phone: str, word: str) -> None:
        """Puts somebody on the stop list whose word the backup does not know."""
        now = await self._door.now()
        columns = ("phone", "added_by", "added_at", "reason")
        async with self._door.transaction() as tx:
            ending = self._door.insert_new
            await insert(tx, STOPS, columns, [(phone, "", now, word)], ending=ending)

    async def note_findings(self, line_id: int, found: Counter[str]) -> None:
        """Adds up what was found on a line that is being looked through."""
        async with self._door.transaction() as tx:
            rows = await tx.fetch(
                f"SELECT stopped_reason FROM {CLOCKS} WHERE line_id = %s"
                f" AND stopped_code = %s{self._door.for_update}",
                (line_id, RESTORED),
            )
            for (reason,) in rows:
                findings = (Findings.read(reason) or Findings()).plus(
                    looked=found.total(),
                    found=found["found"],
                    doubtful=found["doubtful"],
                )
                await tx.execute(
                    f"UPDATE {CLOCKS} SET stopped_reason = %s WHERE line_id = %s",
                    (findings.write(), line_id),
                )

    async def end_looking_through(self, line_id: int) -> bool:
        """Lets people let the line go on, once nothing is left to look for."""
        async with self._door.transaction() as tx:
            ended = await tx.execute(
                f"UPDATE {CLOCKS} SET stopped_code = %s"
                f" WHERE line_id = %s AND stopped_code = %s AND NOT EXISTS"
                f" (SELECT 1 FROM {CAMPAIGNS} c WHERE c.line_id = %s AND c.claimed > 0)"
                f" AND NOT EXISTS (SELECT 1 FROM {CAMPAIGNS} c JOIN {MESSAGES} m"
                f" ON m.campaign_id = c.id AND m.status IN {_SOUGHT}"
                f" WHERE c.line_id = %s AND m.look_at IS NOT NULL)",
                (LOOKED_THROUGH, line_id, RESTORED, line_id, line_id),
            )
        return bool(ended)

    async def _end_look(self, sought: SoughtMessage, kind: EventKind | None) -> None:
        now = await self._door.now()
        async with self._door.transaction() as tx:
            await lock_campaigns(self._door, tx, [sought.campaign_id])
            if not await _clear_look(tx, sought):
                return
            if kind == EventKind.IN_DOUBT:
                await tx.execute(
                    f"UPDATE {MESSAGES} SET status = %s, code = %s WHERE id = %s",
                    (MessageStatus.UNSURE, IN_DOUBT, sought.message_id),
                )
                deltas = Deltas()
                deltas.move(sought.campaign_id, sought.status, MessageStatus.UNSURE)
                await deltas.write(tx, now)
            if kind is not None:
                event = event_row(sought.message_id, sought.attempt, kind, now)
                await insert(tx, EVENTS, EVENT_COLUMNS, [event])


async def _clear_look(tx: Tx, sought: SoughtMessage) -> bool:
    """Whether it is still as it was when it was looked for."""
    params: Sequence[object] = (sought.message_id, sought.status, sought.attempt)
    return bool(
        await tx.execute(
            f"UPDATE {MESSAGES} SET look_at = NULL, looks = looks + 1"
            f" WHERE id = %s AND status = %s AND attempt = %s AND look_at IS NOT NULL",
            params,
        )
    )
