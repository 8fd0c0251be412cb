from __future__ import annotations

from datetime import timedelta

import pytest

from asgi_app.database import in_orm, orm_now
from campaigns import removal
from campaigns.audit import audit
from campaigns.books import keep_books
from campaigns.decisions import retry_failed
from campaigns.jobs import remove_deleted
from campaigns.ledger import Ledger
from campaigns.ledger.entries import HeardStatus
from campaigns.ledger.shelf import Heard
from campaigns.models import (
    Action,
    Campaign,
    EarlierAttempt,
    Event,
    ListRemark,
    Message,
    MinuteCount,
    ShelvedStatus,
    StopEntry,
)
from campaigns.removal import delete_campaign, may_be_deleted, remove_some
from campaigns.services import (
    NotPossibleNow,
    cancel_campaign,
    pause_campaign,
    start_campaign,
)
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.test_decisions import with_outcomes

ACCEPTED, FAILED = MessageStatus.ACCEPTED, MessageStatus.FAILED
ROWS = (Message, Event, EarlierAttempt, ListRemark, MinuteCount, Action)


def delete(campaign: Campaign) -> None:
    delete_campaign(campaign_id=campaign.pk, operator="anna")


def remove_all() -> int:
    times = 0
    while remove_some():
        times += 1
    return times


def shelve(**values: str) -> None:
    count = ShelvedStatus.objects.count()
    ShelvedStatus.objects.create(
        digest=str(count),
        message_id=values.get("message_id", ""),
        tracking=values.get("tracking", ""),
        phone="79990000000",
        kind="read",
        arrived_at=orm_now(),
    )


async def test_all_that_belongs_to_it_goes_and_nothing_else(
    ledger: Ledger, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "CHUNK", 2)
    campaign, due = await with_outcomes(ledger, line, ACCEPTED, FAILED, ACCEPTED)
    await in_orm(retry_failed, campaign_id=campaign.pk, operator="anna")
    await in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    other = await in_orm(lists.draft, line, 3)
    rows = await in_orm(
        lambda: list(Message.objects.filter(campaign=campaign).order_by("id"))
    )

    def add_to_both() -> None:
        now = orm_now()
        for one in (campaign, other):
            for line_number in range(5):
                ListRemark.objects.create(
                    campaign=one, line=line_number, raw="x", reason="double"
                )
            MinuteCount.objects.get_or_create(campaign=one, minute=now, kind="x")
        shelve(message_id=rows[0].message_id or "")
        shelve(tracking=rows[1].tracking)
        shelve(message_id="somebody else's")
        StopEntry.objects.create(phone=rows[0].phone)

    await in_orm(add_to_both)
    await in_orm(delete, campaign)
    assert await in_orm(remove_all) > 3
    left = await in_orm(
        lambda: [
            set(
                model._default_manager.values_list(
                    "message__campaign"
                    if model is Event
                    else "of__campaign"
                    if model is EarlierAttempt
                    else "campaign",
                    flat=True,
                )
            )
            for model in ROWS
        ]
    )
    assert left == [{other.pk}, set(), set(), {other.pk}, {other.pk}, {other.pk}]
    assert await in_orm(ListRemark.objects.count) == 5
    assert await in_orm(
        lambda: [s.message_id for s in ShelvedStatus.objects.all()]
    ) == ["somebody else's"]
    assert await in_orm(StopEntry.objects.count) == 1
    assert await in_orm(Campaign.including_deleted.count) == 1
    assert due


async def test_from_the_click_on_nobody_finds_it(ledger: Ledger, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    await in_orm(delete, campaign)
    assert not await in_orm(Campaign.objects.exists)
    for act in (start_campaign, pause_campaign, delete_campaign):
        with pytest.raises(Campaign.DoesNotExist):
            await in_orm(act, campaign_id=campaign.pk, operator="boris")
    assert await in_orm(keep_books) == 0
    assert await in_orm(lambda: list(audit())) == []
    state = await ledger.look(line.pk)
    assert state is None or state.head is None


async def test_a_status_that_comes_later_finds_nothing_and_harms_nothing(
    ledger: Ledger, line: Line
) -> None:
    campaign, due = await with_outcomes(ledger, line, ACCEPTED)
    await in_orm(delete, campaign)

    def told(kind: str) -> Heard:
        return Heard(
            [
                HeardStatus(
                    digest=kind,
                    kind=kind,
                    type=kind,
                    message_id=f"id{due[0].message_id}",
                    tracking=due[0].tracking,
                    attempt=1,
                    at=None,
                )
            ],
            {"status": 1},
        )

    for kind in ("delivered", "read"):
        await ledger.shelve(told(kind))
        await ledger.apply(told(kind))
        await in_orm(remove_all)
    assert await ledger.apply_matching() == 0
    assert not await in_orm(Message.objects.exists)


async def test_what_waits_or_is_under_way_is_not_deleted(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)

    async def refused() -> bool:
        with pytest.raises(NotPossibleNow):
            await in_orm(delete, campaign)
        await in_orm(campaign.refresh_from_db)
        return not may_be_deleted(campaign) and campaign.deleted_at is None

    assert await refused()
    await in_orm(pause_campaign, campaign_id=campaign.pk, operator="anna")
    assert await refused()
    await in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    await in_orm(
        lambda: Campaign.objects.filter(pk=campaign.pk).update(claimed=1, cancelled=1)
    )
    assert await refused()
    await in_orm(
        lambda: Campaign.objects.filter(pk=campaign.pk).update(claimed=0, cancelled=2)
    )
    await in_orm(delete, campaign)


async def test_its_trials_go_with_it_and_hold_it_while_they_wait(line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    trial = await in_orm(lists.running, line, 1, start=10)
    await in_orm(
        lambda: Campaign.objects.filter(pk=trial.pk).update(trial_of=campaign.pk)
    )
    with pytest.raises(NotPossibleNow):
        await in_orm(delete, campaign)
    await in_orm(cancel_campaign, campaign_id=trial.pk, operator="anna")
    await in_orm(delete, campaign)
    assert not await in_orm(Campaign.objects.exists)
    await in_orm(remove_all)
    assert not await in_orm(Campaign.including_deleted.exists)
    assert not await in_orm(Message.objects.exists)


async def test_the_worker_removes_what_was_deleted_and_what_was_never_finished(
    line: Line,
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    await in_orm(delete, campaign)
    unfinished = await in_orm(lists.draft, line, 2)
    later = await in_orm(orm_now) + timedelta(hours=1)
    for moment, left in ((later, [unfinished.pk]), (later - timedelta(hours=2), [])):
        await in_orm(
            Campaign.including_deleted.filter(pk=unfinished.pk).update,
            deleted_at=moment,
        )
        await remove_deleted({})
        found = await in_orm(lambda: [c.pk for c in Campaign.including_deleted.all()])
        assert found == left
