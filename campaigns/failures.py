"""A campaign's failures, grouped by their reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from campaigns.explanations import Advice, advise
from campaigns.models import Campaign, Message
from campaigns.states import MessageStatus

MOST_GROUPS = 12
MOST_COUNTED = 10_000


@dataclass(frozen=True)
class FailureGroup:
    """Failed messages with one code; `is_more` when there are more than counted.

    `reason` is ChatApp's own, of one of them.
    """

    code: str
    count: int
    is_more: bool
    reason: str

    @property
    def advice(self) -> Advice:
        return advise(self.code)


@dataclass(frozen=True)
class Failures:
    """The groups, the largest first; `is_cut` when there are more of them."""

    groups: Sequence[FailureGroup]
    is_cut: bool


def read_failures(campaign: Campaign) -> Failures:
    """Groups by hops over the index (campaign, status, code), counted up to a limit."""
    failed = Message.objects.filter(campaign=campaign, status=MessageStatus.FAILED)
    if not campaign.failed:
        return Failures((), is_cut=False)
    codes: list[str] = []
    behind = failed
    while len(codes) <= MOST_GROUPS:
        code = behind.order_by("code").values_list("code", flat=True).first()
        if code is None:
            break
        codes.append(code)
        behind = failed.filter(code__gt=code)
    groups = []
    for code in codes[:MOST_GROUPS]:
        same = failed.filter(code=code)
        count = same.order_by()[: MOST_COUNTED + 1].count()
        reason = same.order_by("id").values_list("reason", flat=True).first() or ""
        shown = min(count, MOST_COUNTED)
        groups.append(FailureGroup(code, shown, count > MOST_COUNTED, reason))
    groups.sort(key=lambda group: -group.count)
    return Failures(groups, is_cut=len(codes) > MOST_GROUPS)
