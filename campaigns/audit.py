"""Checks every invariant of the books, page by page; changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from asgi_app.database import orm_now
from campaigns.books import count_rows
from campaigns.history import EventKind, Standing, after
from campaigns.ledger.evidence import MOMENTS
from campaigns.models import (
    Campaign,
    EarlierAttempt,
    Event,
    Message,
    ShelvedStatus,
)
from campaigns.states import TAKEN, CampaignStatus, MessageStatus

PAGE = 500
EXAMPLES = 5
# The sweep comes every few seconds; what is older was overlooked.
OVERLOOKED = timedelta(minutes=2)
FORGOTTEN = timedelta(minutes=5)
_MOMENTS = tuple(MOMENTS.values())


@dataclass(frozen=True)
class Fault:
    """A broken invariant of a campaign, with the messages that break it."""

    campaign_id: int
    what: str
    count: int
    examples: tuple[int, ...] = ()

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.examples))
        where = f" (messages {shown}{' …' if self.count > EXAMPLES else ''})"
        return f"campaign {self.campaign_id}: {self.what}: {self.count}" + (
            where if shown else ""
        )


@dataclass
class _Finding:
    count: int = 0
    examples: list[int] = field(default_factory=list)

    def add(self, pk: int) -> None:
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(pk)


def audit(
    campaign_id: int | None = None,
    *,
    seen: Callable[[int], object] = lambda count: None,
) -> Iterator[Fault]:
    """Yields what is wrong, campaign by campaign; `seen` hears of each page's length.

    Raises Campaign.DoesNotExist.
    """
    if campaign_id is not None:
        yield from _audit_campaign(campaign_id, seen)
        return
    for pk in list(Campaign.objects.order_by("pk").values_list("pk", flat=True)):
        yield from _audit_campaign(pk, seen)


def _audit_campaign(campaign_id: int, seen: Callable[[int], object]) -> Iterator[Fault]:
    with transaction.atomic():
        counter_faults = list(_counter_faults(_hold(campaign_id)))
    yield from counter_faults
    findings: dict[str, _Finding] = defaultdict(_Finding)
    last = 0
    while True:
        # A page a transaction: nobody sends while it holds the campaign's row.
        with transaction.atomic():
            campaign = _hold(campaign_id)
            rows = Message.objects.filter(campaign=campaign, pk__gt=last)
            page = list(rows.defer("answer", "reason").order_by("pk")[:PAGE])
            for what, pk in _page_faults(campaign, page) if page else ():
                findings[what].add(pk)
        if not page:
            break
        last = page[-1].pk
        seen(len(page))
    for what, finding in findings.items():
        yield Fault(campaign_id, what, finding.count, tuple(finding.examples))


def _hold(campaign_id: int) -> Campaign:
    """One moment of it: whoever changes messages holds their campaign's row."""
    return Campaign.objects.held(campaign_id)


def _counter_faults(campaign: Campaign) -> Iterator[Fault]:
    counts = count_rows(campaign.pk)
    for status, count in counts.items():
        if getattr(campaign, status) != count:
            what = f"counter “{status}” says {getattr(campaign, status)}, rows"
            yield Fault(campaign.pk, what, count)
    if campaign.total != sum(counts.values()):
        yield Fault(campaign.pk, "the total differs from the rows", campaign.total)


def _page_faults(
    campaign: Campaign, page: Sequence[Message]
) -> Iterator[tuple[str, int]]:
    now = orm_now()
    ids = [row.pk for row in page]
    pasts = _pasts(ids)
    earlier: dict[int, list[int]] = defaultdict(list)
    known_ids: dict[int, list[str]] = defaultdict(list)
    attempts = EarlierAttempt.objects.filter(of__in=ids).order_by("of", "number")
    for of, number, message_id in attempts.values_list("of", "number", "message_id"):
        earlier[of].append(number)
        if message_id:
            known_ids[of].append(message_id)
    for row in page:
        if row.message_id:
            known_ids[row.pk].append(row.message_id)
        past = pasts.get(row.pk, _Past())
        if (row.status, row.attempt) != (past.standing.status, past.standing.attempt):
            yield "messages unlike their history", row.pk
        elif any(getattr(row, name) != past.moments.get(name) for name in _MOMENTS):
            yield "moments of a status that differ from the history", row.pk
        if earlier[row.pk] != list(range(1, row.attempt)):
            yield "messages whose earlier attempts are missing", row.pk
        if row.status in TAKEN and past.told_id and not known_ids[row.pk]:
            yield "accepted messages without an id", row.pk
        is_claimed = row.status == MessageStatus.CLAIMED
        if is_claimed and (
            row.claim_deadline is None or row.claim_deadline < now - OVERLOOKED
        ):
            yield "claims past their deadline", row.pk
        if (
            campaign.status == CampaignStatus.CANCELLED
            and row.status == MessageStatus.WAITING
        ):
            yield "waiting in a cancelled campaign", row.pk
    yield from _shared_ids(campaign.line_id, known_ids)
    yield from _forgotten(page, known_ids, now - FORGOTTEN)


@dataclass
class _Past:
    """What the events of a message add up to."""

    standing: Standing = field(default_factory=Standing)
    moments: dict[str, datetime] = field(default_factory=dict)
    # Whether an event tells the message's id. A status may come by tracking alone.
    told_id: bool = False

    def add(self, kind: EventKind, attempt: int, at: datetime) -> None:
        of_earlier = attempt < self.standing.attempt
        before, self.standing = self.standing, after(self.standing, kind, attempt)
        if self.standing.attempt != before.attempt:
            self.moments.clear()
        name = MOMENTS.get(kind)
        is_past = of_earlier and kind == EventKind.FAILED
        if name and not (is_past and self.standing.status == before.status):
            self.moments[name] = min(at, self.moments.get(name, at))


def _pasts(ids: Sequence[int]) -> dict[int, _Past]:
    pasts: dict[int, _Past] = defaultdict(_Past)
    told = Q(kind=EventKind.ACCEPTED) | Q(detail__has_key="message_id")
    events = Event.objects.filter(message__in=ids)
    for pk in events.filter(told).values_list("message_id", flat=True).distinct():
        pasts[pk].told_id = True
    columns = ("message_id", "kind", "attempt", "at")
    for pk, kind, attempt, at in events.order_by("pk").values_list(*columns):
        pasts[pk].add(EventKind(kind), attempt, at)
    return pasts


def _shared_ids(
    line_id: int, known_ids: dict[int, list[str]]
) -> Iterator[tuple[str, int]]:
    """Messages that have an id which another message of the line has too."""
    ids = {message_id for known in known_ids.values() for message_id in known}
    owners: dict[str, set[int]] = defaultdict(set)
    present = Message.objects.filter(message_id__in=ids, campaign__line=line_id)
    past = EarlierAttempt.objects.filter(
        message_id__in=ids, of__campaign__line=line_id
    ).values_list("message_id", "of")
    for message_id, pk in (*present.values_list("message_id", "pk"), *past):
        owners[str(message_id)].add(pk)
    for pk, known in known_ids.items():
        if any(len(owners[message_id]) > 1 for message_id in known):
            yield "messages that share their id with another", pk


def _forgotten(
    page: Sequence[Message], known_ids: dict[int, list[str]], before: datetime
) -> Iterator[tuple[str, int]]:
    """Messages for which a status lies on the shelf that should be applied by now."""
    by_id = {message_id: pk for pk, known in known_ids.items() for message_id in known}
    by_tracking = {row.tracking: row for row in page}
    shelved = ShelvedStatus.objects.filter(
        Q(message_id__in=by_id) | Q(tracking__in=by_tracking), arrived_at__lt=before
    )
    columns = ("message_id", "tracking", "attempt")
    found: set[int] = set()
    for message_id, tracking, attempt in shelved.values_list(*columns):
        row = by_tracking.get(tracking)
        if message_id in by_id:
            found.add(by_id[message_id])
        elif row is not None and attempt <= row.attempt:
            found.add(row.pk)
    for pk in sorted(found):
        yield "messages with a status that lies on the shelf", pk
