"""The rows behind the tokens: read, claimed, settled, counted; all synchronous."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from chatapp.encryption import SealBroken, seal, unseal
from chatapp.errors import TokenUnavailable
from chatapp.models import Account, RequestKind, RequestOutcome, Source, TokenRequest
from chatapp.types import TokenPair

QUOTA = 100  # tokens a day that ChatApp grants an e-mail with an appId
DAY = timedelta(hours=24)
KEPT_FOR = timedelta(days=30)
# With 100 at most in a day these are enough to see how long a series of failures is.
SERIES = 20
UNREACHED = (RequestOutcome.NOT_REACHED, RequestOutcome.PUT_OFF)


class Overtaken(Exception):
    """Another process has changed the row meanwhile: read it again."""


@dataclass(frozen=True)
class AccountKey:
    """Whose tokens: ChatApp counts its quota by these."""

    place: str
    email: str
    app_id: str

    @property
    def digest(self) -> str:
        whole = "\0".join((self.place, self.email.lower(), self.app_id))
        return hashlib.sha256(whole.encode()).hexdigest()


@dataclass(frozen=True)
class Refusal:
    """What the API refused last, in its own code and words."""

    kind: str
    code: str
    text: str
    at: datetime
    mark: str


@dataclass(frozen=True)
class Stored:
    """The account's row as it was read, its tokens unsealed."""

    key: AccountKey
    version: int
    source: str
    pair: TokenPair | None
    is_sealed_shut: bool
    obtained_at: datetime | None
    claimed_by: str
    claimed_until: datetime | None
    refusal: Refusal | None
    connected_by: str
    connected_at: datetime | None


@dataclass(frozen=True)
class Claim:
    """The right to make one request for tokens, until `until`."""

    version: int
    request_id: int
    until: datetime
    follows_a_loss: bool
    """Whether the answer to the request before it was lost."""


@dataclass(frozen=True)
class NewPair:
    """A pair with all that is stored beside it."""

    key: AccountKey
    pair: TokenPair
    source: Source
    obtained_at: datetime
    connected_by: str | None = None
    """The operator who connected; None for a refresh, "" for the program itself."""


def read() -> Stored:
    """The account's row, made empty when there is none."""
    row = Account.objects.filter(pk=1).first()
    if row is None:
        row, _ = Account.objects.get_or_create(pk=1)
    pair, shut = _pair(row)
    refusal = None
    if row.refused_at is not None:
        refusal = Refusal(
            kind=row.refused_kind,
            code=row.refused_code,
            text=row.refused_text,
            at=row.refused_at,
            mark=row.refused_mark,
        )
    return Stored(
        key=AccountKey(row.place, row.email, row.app_id),
        version=row.version,
        source=row.source,
        pair=pair,
        is_sealed_shut=shut,
        obtained_at=row.obtained_at,
        claimed_by=row.renewal_by,
        claimed_until=row.renewal_until,
        refusal=refusal,
        connected_by=row.connected_by,
        connected_at=row.connected_at,
    )


def _pair(row: Account) -> tuple[TokenPair | None, bool]:
    ends = row.access_ends_at, row.refresh_ends_at
    if not row.sealed_access or ends[0] is None or ends[1] is None:
        return None, False
    try:
        pair = TokenPair(
            access=unseal(row.sealed_access),
            refresh=unseal(row.sealed_refresh),
            access_ends_at=ends[0],
            refresh_ends_at=ends[1],
            cabinet_user_id=row.cabinet_user_id,
        )
    except SealBroken:
        return None, True
    return pair, False


def claim(
    key: AccountKey,
    kind: RequestKind,
    *,
    version: int,
    by: str,
    now: datetime,
    lasts: timedelta,
    ceiling: int,
    backs_off: bool,
) -> Claim:
    """Takes the row by compare-and-set and notes the request that is about to leave.

    Raises Overtaken, or TokenUnavailable when `ceiling` requests were made in 24 h or,
    with `backs_off`, when the failures before it ask for a pause.
    """
    with transaction.atomic():
        free = (
            Q(renewal_until=None) | Q(renewal_until__lte=now) | Q(renewal_by=by)
        ) & Q(pk=1, version=version)
        if not Account.objects.filter(free).update(
            version=F("version") + 1, renewal_by=by, renewal_until=now + lasts
        ):
            raise Overtaken
        failures = _failures(key)
        if backs_off:
            _back_off(failures, now)
        _check_quota(key, now, ceiling)
        request = TokenRequest.objects.create(account=key.digest, kind=kind, at=now)
    lost = bool(failures) and failures[0].outcome == RequestOutcome.UNSURE
    return Claim(version + 1, request.pk, now + lasts, follows_a_loss=lost)


def mark_short_lived(key: AccountKey) -> None:
    """Counts the last pair as a failure, because the API refused it at once."""
    last = TokenRequest.objects.filter(account=key.digest).order_by("-at", "-pk")[:1]
    for request in last:
        if request.outcome == RequestOutcome.MADE:
            request.outcome = RequestOutcome.SHORT_LIVED
            request.save(update_fields=["outcome"])


def _failures(key: AccountKey) -> list[TokenRequest]:
    """The requests since the last good one, newest first."""
    latest = TokenRequest.objects.filter(account=key.digest).order_by("-at", "-pk")
    failures = []
    for request in latest[:SERIES]:
        if request.outcome == RequestOutcome.MADE:
            break
        failures.append(request)
    return failures


def _back_off(failures: list[TokenRequest], now: datetime) -> None:
    """One failure costs no pause, the second 5 s, each further one twice as much.

    Half an hour is the longest, so that a day of failures stays under the quota; what
    did not reach the API costs no quota, and a minute is the longest there.
    """
    if len(failures) < 2:
        return
    last = failures[0]
    longest = 60 if last.outcome in UNREACHED else 1800
    pause = timedelta(seconds=min(5 * 2 ** (len(failures) - 2), longest))
    if now < last.at + pause:
        raise TokenUnavailable(
            f"{last.kind}_{last.outcome}",
            ": ".join(filter(None, (last.code, last.text))),
            retry_after=(last.at + pause - now).total_seconds(),
        )


def _check_quota(key: AccountKey, now: datetime, ceiling: int) -> None:
    made = list(
        TokenRequest.objects.filter(account=key.digest, at__gt=now - DAY)
        .exclude(outcome__in=UNREACHED)
        .order_by("at")
        .values_list("at", flat=True)
    )
    if len(made) >= ceiling:
        frees = made[len(made) - ceiling] + DAY
        raise TokenUnavailable(
            "quota_reached", retry_after=(frees - now).total_seconds()
        )


def store(claimed: Claim, new: NewPair) -> bool:
    """Keeps the pair that a claim got; False if the claim was lost meanwhile."""
    pair = new.pair
    fields: dict[str, object] = {
        "place": new.key.place,
        "email": new.key.email,
        "app_id": new.key.app_id,
        "source": new.source,
        "cabinet_user_id": pair.cabinet_user_id[:64],
        "sealed_access": seal(pair.access),
        "sealed_refresh": seal(pair.refresh),
        "access_ends_at": pair.access_ends_at,
        "refresh_ends_at": pair.refresh_ends_at,
        "obtained_at": new.obtained_at,
        "renewal_by": "",
        "renewal_until": None,
        "refused_kind": "",
        "refused_code": "",
        "refused_text": "",
        "refused_at": None,
        "refused_mark": "",
    }
    if new.connected_by is not None:
        fields |= {
            "connected_by": new.connected_by,
            "connected_at": new.obtained_at,
            "lines_fetched_at": None,
        }
    with transaction.atomic():
        kept = Account.objects.filter(pk=1, version=claimed.version).update(
            version=F("version") + 1, **fields
        )
        TokenRequest.objects.filter(pk=claimed.request_id).update(
            outcome=RequestOutcome.MADE
        )
        TokenRequest.objects.filter(at__lt=new.obtained_at - KEPT_FOR).delete()
    return bool(kept)


def settle(claimed: Claim, outcome: RequestOutcome, *, code: str, text: str) -> None:
    """Notes a request that brought no pair, and gives the claim back."""
    with transaction.atomic():
        Account.objects.filter(pk=1, version=claimed.version).update(renewal_until=None)
        TokenRequest.objects.filter(pk=claimed.request_id).update(
            outcome=outcome, code=code[:100], text=text[:500]
        )


def remember(refusal: Refusal, *, version: int) -> None:
    """Keeps what was refused for good, unless the row has changed meanwhile."""
    Account.objects.filter(pk=1, version=version).update(
        refused_kind=refusal.kind,
        refused_code=refusal.code[:100],
        refused_text=refusal.text[:500],
        refused_at=refusal.at,
        refused_mark=refusal.mark,
    )


def count(key: AccountKey, now: datetime) -> dict[str, int]:
    """How many log-ins and refreshes were made in the last 24 h, by kind."""
    kinds = (
        TokenRequest.objects.filter(account=key.digest, at__gt=now - DAY)
        .exclude(outcome__in=UNREACHED)
        .values_list("kind", flat=True)
    )
    counted = dict.fromkeys(RequestKind.values, 0)
    for kind in kinds:
        counted[kind] += 1
    return counted
