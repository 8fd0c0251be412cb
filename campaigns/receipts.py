"""The receipt of a list: what is in and what was left out, in numbers that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from campaigns.recipients import PhoneList, Reason

# Nobody can write these right: the person is on the list, or wants no messages.
FINAL = frozenset({Reason.DOUBLE, Reason.ON_STOP_LIST, Reason.GOT_LATELY})


class PassedOver(StrEnum):
    """Why what was typed for a line was not looked at."""

    UNKNOWN = "unknown"  # the campaign's list has no such line
    IS_IN = "is_in"  # corrected before, or kept from the beginning
    FINAL = "final"  # nobody can write it right
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Group:
    """Remarks with the same reason, and the lines of the first of them."""

    reason: str
    is_kept: bool
    count: int
    lines: Sequence[int] = ()

    @property
    def has_more(self) -> bool:
        return self.count > len(self.lines)


@dataclass(frozen=True)
class Receipt:
    """A list in numbers: each entry of its lines is in, or left out for one reason.

    Groups of what was left out come first, the biggest first.
    """

    lines: int
    count_in: int
    groups: Sequence[Group] = field(default=())

    @property
    def left_out(self) -> list[Group]:
        return [group for group in self.groups if not group.is_kept]

    @property
    def worth_a_look(self) -> list[Group]:
        """Groups of what is in all the same."""
        return [group for group in self.groups if group.is_kept]

    @property
    def count_left_out(self) -> int:
        return sum(group.count for group in self.left_out)

    @property
    def entries(self) -> int:
        return self.count_in + self.count_left_out


LINES_NAMED = 5


def receipt_of(phones: PhoneList) -> Receipt:
    """The receipt of a list that is not stored yet."""
    counts = Counter((remark.kept, remark.reason) for remark in phones.remarks)
    groups = [
        Group(
            reason,
            kept,
            count,
            [r.line for r in phones.remarks if r.reason == reason][:LINES_NAMED],
        )
        for (kept, reason), count in counts.items()
    ]
    return Receipt(phones.lines, len(phones.recipients), in_order(groups))


def in_order(groups: Sequence[Group]) -> list[Group]:
    return sorted(groups, key=lambda group: (group.is_kept, -group.count, group.reason))
