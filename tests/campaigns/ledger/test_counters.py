"""Counts by the minute, which change with the rows."""

from __future__ import annotations

from collections import Counter

import pytest

from asgi_app.database import in_orm
from campaigns.decisions import retry_failed
from campaigns.ledger import Ledger
from campaigns.ledger.counters import Deltas
from campaigns.models import MinuteCount
from campaigns.states import MessageStatus as S
from chatapp.models import Line
from tests.campaigns.ledger.test_claims import accepted, claim
from tests.campaigns.ledger.test_evidence import tell, told
from tests.campaigns.test_decisions import with_outcomes

ACCEPTED, UNSURE, FAILED = S.ACCEPTED, S.UNSURE, S.FAILED


async def by_kind() -> dict[str, int]:
    rows = await in_orm(lambda: list(MinuteCount.objects.values_list("kind", "count")))
    counted: Counter[str] = Counter()
    for kind, count in rows:
        counted[kind] += count
    return dict(counted)


async def test_each_step_is_counted_once_in_its_minute(
    ledger: Ledger, line: Line
) -> None:
    _, claimed = await with_outcomes(ledger, line, ACCEPTED, ACCEPTED, UNSURE, FAILED)
    assert await by_kind() == {"sent": 2, "failed": 1}
    first, second, unsure, _ = claimed
    await tell(ledger, told(first, "read"), told(unsure, "delivered"))
    await tell(ledger, told(first, "delivered"), told(second, "failed"))
    assert await by_kind() == {"sent": 3, "delivered": 2, "failed": 2, "heard": 4}
    minutes = await in_orm(
        lambda: list(MinuteCount.objects.values_list("minute", flat=True))
    )
    assert all((m.second, m.microsecond) == (0, 0) for m in minutes)


async def test_a_retry_is_a_send_of_its_own(ledger: Ledger, line: Line) -> None:
    campaign, (claimed,) = await with_outcomes(ledger, line, ACCEPTED)
    await tell(ledger, told(claimed, "failed"))
    await in_orm(retry_failed, campaign_id=campaign.pk, operator="anna")
    (again,) = await claim(ledger, line)
    await ledger.record(await accepted(ledger, again))
    assert await by_kind() == {"sent": 2, "failed": 1, "heard": 1}


@pytest.mark.parametrize(
    ("was", "now", "steps"),
    [
        (S.CLAIMED, S.READ, {"sent", "delivered"}),
        (S.FAILED, S.DELIVERED, {"delivered"}),
        (S.DELIVERED, S.READ, set()),
        (S.CLAIMED, S.UNSURE, set()),
        (S.SENT, S.SENT, set()),
    ],
)
def test_what_a_move_says(was: S, now: S, steps: set[str]) -> None:
    deltas = Deltas()
    deltas.move(1, was, now)
    assert set(deltas._steps.get(1, {})) == steps
