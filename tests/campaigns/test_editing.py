from __future__ import annotations

from typing import Any

import pytest

from campaigns import editing
from campaigns.editing import Changes, Misfits, edit_campaign, find_misfits, mark_of
from campaigns.models import Action, Campaign, Message, Upload
from campaigns.refusals import EditedMeanwhile, ListNotIn, NotPossibleNow
from campaigns.services import start_campaign
from campaigns.states import Pacing, UploadState
from campaigns.texts import read_template
from chatapp.models import Line
from tests.campaigns import lists

pytestmark = pytest.mark.django_db(transaction=True)


def edited(campaign: Campaign, seen: str | None = None, **changed: Any) -> None:
    edit_campaign(
        campaign_id=campaign.pk,
        changes=Changes(**changed),
        operator="boris",
        seen=seen,
    )
    campaign.refresh_from_db()


def test_name_and_note_may_change_at_any_time(line: Line) -> None:
    campaign = lists.running(line, 1)
    for _ in range(2):
        edited(campaign, name="New", note="why")
        assert (campaign.name, campaign.note) == ("New", "why")
    verbs = list(Action.objects.values_list("verb", "operator"))
    assert verbs.count(("edited", "boris")) == 1


def test_what_is_not_named_stays_as_a_colleague_has_left_it(line: Line) -> None:
    campaign = lists.draft(line, 1)
    Campaign.objects.filter(pk=campaign.pk).update(text="A colleague's")
    edited(campaign, note="from the CRM")
    assert (campaign.text, campaign.note) == ("A colleague's", "from the CRM")
    edited(campaign, text="Another")
    assert (campaign.text, campaign.note) == ("Another", "from the CRM")


def test_who_was_shown_something_else_overrules_nobody(line: Line) -> None:
    campaign = lists.draft(line, 1)
    seen = mark_of(campaign)
    edited(campaign, seen, text="Boris's")
    with pytest.raises(EditedMeanwhile) as refused:
        edited(campaign, seen, name="Anna's", text="Hello 👋")
    assert refused.value.by == "boris"
    campaign.refresh_from_db()
    assert (campaign.name, campaign.text) == ("Sale", "Boris's")


def test_the_text_of_what_was_started_stays(line: Line) -> None:
    campaign = lists.draft(line, 1)
    start_campaign(campaign_id=campaign.pk, operator="anna")
    for text in ("Other", ""):
        with pytest.raises(NotPossibleNow):
            edited(campaign, name="New", text=text)
    campaign.refresh_from_db()
    assert (campaign.name, campaign.text) == ("Sale", "Hello 👋")


def test_while_a_list_comes_in_a_draft_is_renamed_and_no_more(line: Line) -> None:
    campaign = lists.draft(line, 1)
    Upload.objects.create(
        campaign=campaign, state=UploadState.IMPORTING, size=1, layout={}
    )
    with pytest.raises(ListNotIn):
        edited(campaign, text="Other")
    edited(campaign, name="New", text=campaign.text)
    assert campaign.name == "New"


def test_a_new_pacing_has_delays_of_its_own(line: Line) -> None:
    campaign = lists.draft(line, 2)

    def change(pacing: Pacing) -> tuple[bool, set[int]]:
        edited(campaign, pacing=pacing)
        delays = Message.objects.values_list("delay_ms", flat=True)
        return campaign.draw_anew, set(delays)

    assert change(Pacing.EACH_ON_ITS_OWN) == (True, {0})
    Message.objects.update(delay_ms=7)
    assert change(Pacing.EACH_ON_ITS_OWN) == (True, {7})
    # Or they would never be due.
    assert change(Pacing.ONE_AFTER_ANOTHER) == (False, {0})


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
