"""Pages and workers serve a line's campaigns in the same order."""

from __future__ import annotations

from asgi_app.database import in_orm
from campaigns.ledger import Ledger
from campaigns.models import Campaign
from campaigns.turns import waiting_on
from chatapp.models import Line
from tests.campaigns import lists


async def test_a_test_of_the_line_comes_first_and_a_trial_before_all_others(
    ledger: Ledger, line: Line
) -> None:
    first = await in_orm(lists.running, line, 1)
    second = await in_orm(lists.running, line, 1, start=10)
    trial = await in_orm(lists.running, line, 1, start=20)
    test = await in_orm(lists.running, line, 1, start=30)

    def mark() -> list[int]:
        Campaign.objects.filter(pk=trial.pk).update(trial_of=second)
        Campaign.objects.filter(pk=test.pk).update(is_line_test=True)
        return [campaign.pk for campaign in waiting_on(line.pk)]

    assert await in_orm(mark) == [test.pk, trial.pk, first.pk, second.pk]
    served = list[int]()
    while (state := await ledger.look(line.pk)) and state.head:
        served.append(state.head.campaign_id)
        head = Campaign.objects.filter(pk=served[-1])
        await in_orm(head.update, status="paused")
    assert served == [test.pk, trial.pk, first.pk, second.pk]
