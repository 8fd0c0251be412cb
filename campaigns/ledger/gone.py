"""Ids of messages that were removed: known by their hashes, told to nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from asgi_app.database import Tx
from campaigns.ledger.entries import HeardStatus
from campaigns.ledger.statements import GONE, marks

CHUNK = 1000


def gone_digest(some_id: str) -> str:
    """What stays of a message id or a tracking: enough to know it again."""
    return hashlib.sha256(b"gone\0" + some_id.encode()).hexdigest()[:32]


async def without_gone(tx: Tx, statuses: Sequence[HeardStatus]) -> list[HeardStatus]:
    """Leaves out statuses of removed messages, which would name their phones again."""
    by_status = [
        [gone_digest(some_id) for some_id in (s.message_id, s.tracking) if some_id]
        for s in statuses
    ]
    digests = sorted({digest for digests in by_status for digest in digests})
    gone: set[str] = set()
    for start in range(0, len(digests), CHUNK):
        chunk = digests[start : start + CHUNK]
        rows = await tx.fetch(
            f"SELECT digest FROM {GONE} WHERE digest IN ({marks(chunk)})", chunk
        )
        gone.update(digest for (digest,) in rows)
    return [
        status
        for status, digests in zip(statuses, by_status, strict=True)
        if gone.isdisjoint(digests)
    ]
