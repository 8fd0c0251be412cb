"""Who has written to a line, and when; of what was written nothing is kept."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from asgi_app.database import Door, Tx
from campaigns.ledger.entries import Wrote
from campaigns.ledger.statements import LINES, WRITERS, insert

_COLUMNS = ("line_id", "phone", "first_at", "last_at")


async def note_writers(
    door: Door, tx: Tx, wrote: Iterable[Wrote], now: datetime
) -> None:
    """Keeps who wrote to a known line; told again, or late, it harms nothing."""
    told = list(wrote)
    if not told:
        return
    rows = await tx.fetch(f"SELECT id, licence_id, messenger FROM {LINES}")
    lines = {(licence, messenger): pk for pk, licence, messenger in rows}
    last: dict[tuple[int, str], datetime] = {}
    for one in told:
        line_id = lines.get((one.licence_id, one.messenger))
        if line_id is not None:
            key = (line_id, one.phone)
            at = min(one.at or now, now)
            last[key] = max(last.get(key, at), at)
    # In one order, so that two batches cannot wait for each other in a ring.
    ordered = sorted(last.items())
    new = [(line_id, phone, at, at) for (line_id, phone), at in ordered]
    await insert(tx, WRITERS, _COLUMNS, new, ending=door.insert_new)
    for (line_id, phone), at in ordered:
        await tx.execute(
            f"UPDATE {WRITERS} SET last_at = %s"
            f" WHERE line_id = %s AND phone = %s AND last_at < %s",
            (at, line_id, phone, at),
        )
