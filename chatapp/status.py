"""What the pages say of the account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from chatapp import accounts
from chatapp.accounts import Refusal
from chatapp.credentials import Credentials, belongs
from chatapp.models import RequestKind, Source

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True)
class AccountStatus:
    """The account as stored; times are None where there are no tokens."""

    is_connected: bool
    is_sealed_shut: bool
    is_configured: bool
    email: str
    app_id: str
    source: str
    source_name: StrOrPromise
    masked_token: str
    access_ends_at: datetime | None
    refresh_ends_at: datetime | None
    connected_by: str
    connected_at: datetime | None
    log_ins: int
    refreshes: int
    left: int
    refusal: Refusal | None


def read_status(configured: Credentials, now: datetime) -> AccountStatus:
    """Reads the account and counts its requests of 24 h. Synchronous."""
    row = accounts.read()
    is_ours = belongs(row, configured)
    pair = row.pair if is_ours else None
    key = row.key if is_ours and row.key.email else configured.key
    counted = accounts.count(key, now)
    is_alive = pair is not None and now < max(pair.access_ends_at, pair.refresh_ends_at)
    return AccountStatus(
        is_connected=is_alive,
        is_sealed_shut=row.is_sealed_shut,
        is_configured=bool(configured),
        email=key.email,
        app_id=key.app_id,
        source=row.source if pair else "",
        source_name=Source(row.source).label if pair and row.source else "",
        masked_token=f"{pair.access[:4]}…" if pair else "",
        access_ends_at=pair.access_ends_at if pair else None,
        refresh_ends_at=pair.refresh_ends_at if pair else None,
        connected_by=row.connected_by if pair else "",
        connected_at=row.connected_at if pair else None,
        log_ins=counted[RequestKind.LOG_IN],
        refreshes=counted[RequestKind.REFRESH],
        left=max(0, accounts.QUOTA - sum(counted.values())),
        refusal=row.refusal,
    )
