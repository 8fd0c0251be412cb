"""What the page of one message reads, and what stands on every page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.dateparse import parse_datetime

from campaigns.history import EventKind, Standing, after
from campaigns.models import (
    Campaign,
    EarlierAttempt,
    Event,
    LineClock,
    Message,
)
from campaigns.restored import LOOKED_THROUGH, RESTORED, Findings
from campaigns.states import CampaignStatus, MessageStatus
from chatapp.models import Account, Line, why_unusable

# A status that took longer to arrive is called late.
LATE = timedelta(seconds=60)
# ChatApp tells times in whole seconds.
COARSE = timedelta(seconds=1)
DOUBTFUL = frozenset({MessageStatus.UNSURE, MessageStatus.ASSUMED_SENT})


@dataclass(frozen=True)
class Step:
    """An event in the order of arrival.

    `is_late` when it took long, or others overtook it; `settles` when it put an end to
    doubt without anybody's decision.
    """

    event: Event
    is_late: bool
    settles: bool

    @property
    def kind(self) -> str:
        return self.event.kind

    @property
    def planned_at(self) -> datetime | None:
        told = self.event.detail.get("planned_at")
        return parse_datetime(told) if told else None

    @property
    def pause_s(self) -> float | None:
        pause_ms = self.event.detail.get("pause_ms")
        return None if pause_ms is None else pause_ms / 1000


@dataclass(frozen=True)
class MessagePage:
    message: Message
    campaign: Campaign
    steps: Sequence[Step]
    earlier: Sequence[EarlierAttempt]


@dataclass(frozen=True)
class Trouble:
    """Why nothing leaves, as every page says it."""

    code: str
    reason: str
    line: Line | None = None
    since: datetime | None = None
    can_go_on: bool = False
    is_of_account: bool = False

    @property
    def line_ids(self) -> frozenset[int]:
        return frozenset([self.line.pk] if self.line else [])


@dataclass(frozen=True)
class PutBack:
    """Why nothing leaves through several lines: one backup was put back for all.

    Each group has the troubles with the same code, one a line.
    """

    since: datetime
    groups: Sequence[tuple[str, Sequence[Trouble]]]

    @property
    def count(self) -> int:
        return len(self.line_ids)

    @property
    def line_ids(self) -> frozenset[int]:
        return frozenset().union(
            *(one.line_ids for _, ones in self.groups for one in ones)
        )


def read_message(*, campaign_id: int, message_id: int) -> MessagePage:
    """A message with all that happened to it; raises Message.DoesNotExist."""
    # A lookup by primary key is the one that stands numbers of any length.
    message = Message.objects.select_related("campaign__line").get(pk=message_id)
    if message.campaign_id != campaign_id or message.campaign.deleted_at is not None:
        raise Message.DoesNotExist
    return MessagePage(
        message=message,
        campaign=message.campaign,
        steps=_steps(Event.objects.filter(message=message).order_by("id")),
        earlier=list(message.earlier_attempts.order_by("number")),
    )


def _steps(events: Iterable[Event]) -> list[Step]:
    steps, latest, standing = [], None, Standing()
    for event in events:
        overtaken = latest is not None and latest - event.at > COARSE
        slow = event.arrived_at - event.at > LATE
        is_status = event.kind not in {EventKind.CLAIMED, EventKind.LOOKED}
        was, standing = standing, after(standing, EventKind(event.kind), event.attempt)
        steps.append(
            Step(
                event,
                is_late=is_status and (overtaken or slow),
                settles=was.status in DOUBTFUL
                and standing.status not in DOUBTFUL
                and event.kind != EventKind.SENT_AGAIN,
            )
        )
        latest = event.at if latest is None else max(latest, event.at)
    return steps


def read_troubles(now: datetime) -> tuple[Trouble | PutBack, ...]:
    """Why nothing leaves at all, or not through a line that has something to send."""
    troubles: list[Trouble | PutBack] = []
    account = Account.objects.filter(pk=1).first()
    if account is not None and account.refused_at is not None:
        troubles.append(
            Trouble(
                f"{account.refused_kind}_refused",
                account.refused_text or account.refused_code,
                since=account.refused_at,
                is_of_account=True,
            )
        )
    stopped = LineClock.objects.filter(stopped_at__isnull=False).select_related("line")
    troubles += _in_one(
        [
            Trouble(
                clock.stopped_code,
                clock.stopped_reason,
                clock.line,
                clock.stopped_at,
                can_go_on=clock.stopped_code != RESTORED,
            )
            for clock in stopped
        ]
    )
    busy = Line.objects.filter(
        campaigns__status=CampaignStatus.RUNNING, campaigns__waiting__gt=0
    ).distinct()
    for line in busy:
        if why := why_unusable(line, now):
            troubles.append(Trouble(f"line_{why}", "", line))
    return tuple(troubles)


def _in_one(stopped: Sequence[Trouble]) -> list[Trouble | PutBack]:
    """What a backup that was put back says of several lines is said once."""
    of_backup = [it for it in stopped if it.code in (RESTORED, LOOKED_THROUGH)]
    if len(of_backup) < 2:
        return list(stopped)
    groups = [
        (code, [_unless_nothing(it) for it in of_backup if it.code == code])
        for code in (RESTORED, LOOKED_THROUGH)
    ]
    since = min(it.since for it in of_backup if it.since)
    put_back = PutBack(since, [group for group in groups if group[1]])
    return [put_back, *(it for it in stopped if it not in of_backup)]


def _unless_nothing(trouble: Trouble) -> Trouble:
    """Without what was found where nothing was looked for yet, or at all."""
    findings = Findings.read(trouble.reason)
    return trouble if findings and findings.looked else replace(trouble, reason="")
