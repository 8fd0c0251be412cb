"""Whose turn it is, and who must not get anything any more."""

from __future__ import annotations

import pytest

from asgi_app.database import in_orm
from campaigns.audit import audit
from campaigns.ledger import Ledger
from campaigns.ledger.entries import LostClaim
from campaigns.models import Campaign, Event, Message, StopEntry
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.ledger.test_claims import look


async def stop(*phones: str) -> None:
    entries = [StopEntry(phone=phone, added_by="anna") for phone in phones]
    await in_orm(StopEntry.objects.bulk_create, entries)


async def test_who_is_on_the_stop_list_is_passed_over_and_cancelled(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 4)
    await stop("+79990000000", "+79990000002", "+79995555555")
    state = await look(ledger, line)
    due = await ledger.find_due(state, 2)
    assert [item.phone for item in due] == ["+79990000001", "+79990000003"]
    assert await in_orm(lists.counts, campaign) == {"waiting": 2, "cancelled": 2}
    stopped = await in_orm(Message.objects.get, phone="+79990000002")
    assert (stopped.status, stopped.code) == ("cancelled", "stop_list")
    event = await in_orm(Event.objects.get, message=stopped)
    assert (event.kind, event.detail) == ("cancelled", {"code": "stop_list"})
    assert await in_orm(lambda: list(audit(campaign.pk))) == []


async def test_who_opts_out_between_the_look_and_the_claim_is_not_claimed(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    state = await look(ledger, line)
    due = await ledger.find_due(state, 2)
    await stop("+79990000001")
    with pytest.raises(LostClaim):
        await ledger.claim(state, due)
    assert await in_orm(lists.counts, campaign) == {"waiting": 2}
    assert len(await ledger.find_due(state, 2)) == 1


async def test_a_list_of_which_nobody_is_left_is_sent_out(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    await stop("+79990000000")
    assert await ledger.find_due(await look(ledger, line), 5) == []
    assert (await look(ledger, line)).head is None
    await in_orm(campaign.refresh_from_db)
    assert campaign.is_finished


async def test_a_trial_goes_before_campaigns_that_were_started_earlier(
    ledger: Ledger, line: Line
) -> None:
    await in_orm(lists.running, line, 1)
    trial = await in_orm(lists.running, line, 1, start=10)
    draft = await in_orm(lists.draft, line, 1, start=20)
    await in_orm(Campaign.objects.filter(pk=trial.pk).update, trial_of=draft)
    state = await look(ledger, line)
    assert state.head is not None and state.head.campaign_id == trial.pk
