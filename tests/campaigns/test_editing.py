from __future__ import annotations

import pytest

from campaigns import editing
from campaigns.editing import DraftChange, Misfits, edit_campaign, find_misfits
from campaigns.models import Action, Campaign, Message
from campaigns.services import NotPossibleNow, start_campaign
from campaigns.states import Pacing
from campaigns.texts import read_template
from chatapp.models import Line
from tests.campaigns import lists

pytestmark = pytest.mark.django_db(transaction=True)


def edited(
    campaign: Campaign, name: str = "New", draft: DraftChange | None = None
) -> None:
    edit_campaign(
        campaign_id=campaign.pk, name=name, remark="why", operator="boris", draft=draft
    )
    campaign.refresh_from_db()


def test_name_and_note_may_change_at_any_time(line: Line) -> None:
    campaign = lists.running(line, 1)
    edited(campaign)
    assert (campaign.name, campaign.note) == ("New", "why")
    edited(campaign)
    verbs = list(Action.objects.values_list("verb", "operator"))
    assert verbs.count(("edited", "boris")) == 1


def test_the_text_of_what_was_started_stays(line: Line) -> None:
    campaign = lists.draft(line, 1)
    start_campaign(campaign_id=campaign.pk, operator="anna")
    change = DraftChange("Other", line, Pacing.ONE_AFTER_ANOTHER)
    with pytest.raises(NotPossibleNow):
        edited(campaign, draft=change)
    campaign.refresh_from_db()
    assert (campaign.name, campaign.text) == ("Sale", "Hello 👋")


def test_a_new_pacing_has_delays_of_its_own(line: Line) -> None:
    campaign = lists.draft(line, 2)

    def change(pacing: Pacing) -> tuple[bool, set[int]]:
        edited(campaign, draft=DraftChange("Other", line, pacing))
        delays = Message.objects.values_list("delay_ms", flat=True)
        return campaign.draw_anew, set(delays)

    assert change(Pacing.EACH_ON_ITS_OWN) == (True, {0})
    Message.objects.update(delay_ms=7)
    assert change(Pacing.EACH_ON_ITS_OWN) == (True, {7})
    # Or they would never be due.
    assert change(Pacing.ONE_AFTER_ANOTHER) == (False, {0})
    assert campaign.text == "Other"


@pytest.mark.parametrize("window", [1, 2, 50])
def test_it_counts_for_whom_the_text_cannot_be_filled_in(
    line: Line, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editing, "WINDOW", window)
    campaign = lists.draft(line, 5)
    rows = list(Message.objects.order_by("id"))
    values = [{"city": "Omsk"}, {"city": ""}, None, {"city": "x" * 5000}, {"a": "b"}]
    for row, fields in zip(rows, values, strict=True):
        row.fields = fields
        row.save(update_fields=["fields"])
    found = Misfits()
    after: int | None = 0
    while after is not None:
        after = find_misfits(
            campaign_id=campaign.pk,
            template=read_template("Hi {City}, {name|friend}"),
            after=after,
            misfits=found,
        )
    assert found.missing == {"City": 3}
    assert (found.too_long, found.longest) == (1, 5011)
