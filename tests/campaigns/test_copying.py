from __future__ import annotations

import re

import pytest

from asgi_app.database import in_orm
from campaigns import copying
from campaigns.copying import (
    STATUSES,
    Whom,
    begin_copy,
    copy_piece,
    count_of,
    drop_unless_shown,
    finish_copy,
)
from campaigns.ledger import Ledger
from campaigns.models import Action, Campaign, Message
from campaigns.removal import remove_some
from campaigns.services import NobodyToSendTo, start_campaign
from campaigns.states import CampaignStatus, MessageStatus, Pacing
from campaigns.stops import add_to_stop_list
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.test_decisions import with_outcomes


def copied(campaign: Campaign, whom: Whom = Whom.EVERYBODY) -> Campaign:
    draft_id = begin_copy(
        campaign_id=campaign.pk, name="Again", remark="from Sale", operator="boris"
    )
    after: int | None = 0
    left_out = 0
    while after is not None:
        piece = copy_piece(
            campaign_id=campaign.pk, draft_id=draft_id, whom=whom, after=after
        )
        after, left_out = piece.after, left_out + piece.left_out
    finish_copy(draft_id=draft_id, left_out=left_out, operator="boris")
    return Campaign.objects.get(pk=draft_id)


def phones(campaign: Campaign) -> list[str]:
    found = Message.objects.filter(campaign=campaign).order_by("id")
    return list(found.values_list("phone", flat=True))


def noted(campaign: Campaign) -> list[tuple[str, str, int | None]]:
    found = Action.objects.filter(campaign=campaign).order_by("id")
    return list(found.values_list("verb", "operator", "count"))


@pytest.mark.parametrize("window", [1, 2, 2000])
def test_a_copy_is_a_draft_with_the_same_list_in_the_same_order(
    transactional_db: None, line: Line, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "WINDOW", window)
    campaign = lists.running(line, 5)
    first = Message.objects.filter(campaign=campaign)[0]
    Message.objects.filter(pk=first.pk).update(
        fields={"name": "Anna"}, zone="Asia/Yekaterinburg", reason="x"
    )
    draft = copied(campaign)
    assert phones(draft) == phones(campaign)
    assert lists.counts(draft) == {"waiting": 5}
    assert (draft.name, draft.note, draft.created_by) == ("Again", "from Sale", "boris")
    assert (draft.text, draft.line, draft.pacing) == ("Hello 👋", line, campaign.pacing)
    assert (draft.status, draft.started_at) == (CampaignStatus.DRAFT, None)
    assert noted(draft) == [("copied", "boris", 5)]
    rows = list(Message.objects.filter(campaign=draft).order_by("id"))
    assert [row.fields for row in rows] == [{"name": "Anna"}, None, None, None, None]
    assert [row.zone for row in rows] == ["Asia/Yekaterinburg", "", "", "", ""]
    assert {(row.reason, row.attempt, row.phone_tail[:3]) for row in rows} == {
        ("", 1, "000")
    }
    trackings = {row.tracking for row in Message.objects.all()}
    assert len(trackings) == 10
    assert all(re.fullmatch("[0-9a-f]{24}", row.tracking) for row in rows)


def test_each_on_its_own_draws_its_delays_when_the_turn_comes(
    transactional_db: None, line: Line
) -> None:
    campaign = lists.draft(line, 2, pacing=Pacing.EACH_ON_ITS_OWN)
    assert copied(campaign).draw_anew
    assert not copied(lists.draft(line, 1, start=5)).draw_anew


async def test_a_copy_is_sent_like_any_other(ledger: Ledger, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    draft = await in_orm(copied, campaign)
    await in_orm(start_campaign, campaign_id=draft.pk, operator="anna")
    state = await ledger.look(line.pk)
    assert state is not None
    assert len(await ledger.find_due(state, 10)) == 2


@pytest.mark.parametrize(
    ("whom", "kept"),
    [
        (Whom.EVERYBODY, set(MessageStatus)),
        (Whom.UNREAD, {"accepted", "sent", "delivered", "unsure", "assumed_sent"}),
        (Whom.FAILED, {"failed"}),
        (
            Whom.UNDELIVERED,
            {
                "accepted",
                "sent",
                "unsure",
                "assumed_sent",
                "failed",
                "cancelled",
                "expired",
            },
        ),
    ],
)
def test_it_takes_those_who_were_asked_for(
    transactional_db: None, line: Line, whom: Whom, kept: set[str]
) -> None:
    statuses = list(MessageStatus)
    campaign = lists.running(line, len(statuses))
    rows = list(Message.objects.filter(campaign=campaign).order_by("id"))
    for row, status in zip(rows, statuses, strict=True):
        row.status = status
        row.save(update_fields=["status"])
        Campaign.objects.filter(pk=campaign.pk).update(**{status: 1})
    campaign.refresh_from_db()
    expected = [r.phone for r, s in zip(rows, statuses, strict=True) if s in kept]
    assert phones(copied(campaign, whom)) == expected
    assert count_of(campaign, whom) == len(expected)
    assert STATUSES[whom] == kept


def test_who_is_on_the_stop_list_is_left_out_and_counted(
    transactional_db: None, line: Line
) -> None:
    campaign = lists.draft(line, 3)
    add_to_stop_list(phones=["+79990000001", "+7"], operator="anna", reason="")
    draft = copied(campaign)
    assert phones(draft) == ["+79990000000", "+79990000002"]
    assert noted(draft) == [("copied", "boris", 2), ("left_out", "boris", 1)]


def test_a_copy_for_nobody_is_not_shown_and_soon_gone(
    transactional_db: None, line: Line
) -> None:
    campaign = lists.draft(line, 3)
    with pytest.raises(NobodyToSendTo):
        copied(campaign, Whom.FAILED)
    made = Campaign.including_deleted.exclude(pk=campaign.pk).get()
    drop_unless_shown(draft_id=made.pk)
    drop_unless_shown(draft_id=campaign.pk)  # which is shown
    while remove_some():
        pass
    assert [c.pk for c in Campaign.including_deleted.all()] == [campaign.pk]


def test_a_copy_under_way_is_hidden_and_lives(
    transactional_db: None, line: Line
) -> None:
    campaign = lists.draft(line, 3)
    draft_id = begin_copy(
        campaign_id=campaign.pk, name="Again", remark="", operator="boris"
    )
    assert not Campaign.objects.filter(pk=draft_id).exists()
    assert not remove_some()
    assert Campaign.including_deleted.filter(pk=draft_id).exists()


async def test_the_outcome_of_the_original_stays_as_it_is(
    ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(
        ledger, line, MessageStatus.ACCEPTED, MessageStatus.FAILED
    )
    await in_orm(copied, campaign, Whom.FAILED)
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, "failed": 1}
