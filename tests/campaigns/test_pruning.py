from __future__ import annotations

import io
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from asgi_app.database import in_orm, orm_now
from campaigns import pruning, removal
from campaigns.audit import audit
from campaigns.decisions import retry_failed
from campaigns.ledger import Ledger
from campaigns.ledger.entries import HeardStatus
from campaigns.ledger.shelf import Heard
from campaigns.models import (
    Action,
    Campaign,
    EarlierAttempt,
    Event,
    FailedJob,
    GoneId,
    LineSpell,
    Message,
    MinuteCount,
    ShelvedStatus,
    SliceMember,
    StopEntry,
    Writer,
)
from campaigns.services import cancel_campaign
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.test_decisions import with_outcomes

ACCEPTED, FAILED = MessageStatus.ACCEPTED, MessageStatus.FAILED
UNSURE = MessageStatus.UNSURE
LONG_AGO = timedelta(days=181)


@pytest.fixture(autouse=True)
def in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (pruning, removal):
        monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(pruning, "BREATH_S", 0)


def prune(*words: str) -> str:
    out = io.StringIO()
    call_command("prune", *words, stdout=out)
    return out.getvalue()


def age(campaign: Campaign, by: timedelta = LONG_AGO) -> None:
    """As if all of it had been so long ago."""
    at = orm_now() - by
    campaigns = Campaign.objects.filter(pk=campaign.pk)
    campaigns.update(created_at=at)
    campaigns.filter(started_at__isnull=False).update(started_at=at)
    campaigns.filter(served_at__isnull=False).update(served_at=at)
    Action.objects.filter(campaign=campaign).update(at=at)
    for number, count in enumerate(MinuteCount.objects.filter(campaign=campaign)):
        count.minute = at - timedelta(minutes=number)
        count.save(update_fields=["minute"])


def left() -> set[int]:
    return set(Campaign.including_deleted.values_list("pk", flat=True))


async def test_what_is_old_and_finished_goes_whole(ledger: Ledger, line: Line) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, FAILED, ACCEPTED)
    await in_orm(retry_failed, campaign_id=campaign.pk, operator="anna")
    await in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    rows = await in_orm(lambda: list(Message.objects.filter(campaign=campaign)))
    await in_orm(SliceMember.objects.create, campaign=campaign, message=rows[0])
    await in_orm(StopEntry.objects.create, phone=rows[0].phone)
    await in_orm(age, campaign)
    assert "1 campaigns, 3 messages" in await in_orm(prune)
    assert await in_orm(left) == set()
    for model in (Message, Event, EarlierAttempt, Action, MinuteCount, SliceMember):
        assert await in_orm(model._default_manager.count) == 0
    assert await in_orm(StopEntry.objects.count) == 1


async def test_a_dry_run_says_the_same_and_removes_nothing(
    ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, ACCEPTED)
    await in_orm(age, campaign)
    would = await in_orm(prune, "--dry-run")
    assert "would be removed: 1 campaigns, 2 messages" in would
    assert await in_orm(Message.objects.count) == 2
    done = await in_orm(prune)
    assert done.partition(": ")[2].startswith("1 campaigns, 2 messages")
    assert "nothing" in await in_orm(prune, "--older-than", "26w")


async def test_what_is_open_or_young_stays_however_old_the_rest(
    ledger: Ledger, line: Line
) -> None:
    draft = await in_orm(lists.draft, line, 1, start=10)
    unsure, _ = await with_outcomes(ledger, line, UNSURE, ACCEPTED)
    done, _ = await with_outcomes(ledger, line, ACCEPTED)
    waiting = await in_orm(lists.running, line, 1, start=20)
    claimed = await in_orm(lists.running, line, 1, start=30)
    for campaign in (draft, unsure, waiting, claimed):
        await in_orm(age, campaign)
    await in_orm(
        Message.objects.filter(campaign=claimed).update, status=MessageStatus.CLAIMED
    )
    await in_orm(Campaign.objects.filter(pk=claimed.pk).update, waiting=0, claimed=1)
    assert "nothing" in await in_orm(prune)
    kept = {c.pk for c in (draft, unsure, done, waiting, claimed)}
    assert await in_orm(left) == kept
    assert await in_orm(Message.objects.count) == 6


@pytest.mark.parametrize(
    "what", ["a status", "a decision", "created_at", "started_at", "served_at"]
)
async def test_a_campaign_in_which_something_moved_lately_stays(
    ledger: Ledger, line: Line, what: str
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED)
    await in_orm(age, campaign)
    now = await in_orm(orm_now)
    if what == "a status":
        await in_orm(
            MinuteCount.objects.create, campaign=campaign, minute=now, kind="heard"
        )
    elif what.endswith("_at"):
        await in_orm(Campaign.objects.filter(pk=campaign.pk).update, **{what: now})
    else:
        await in_orm(
            Action.objects.create,
            campaign=campaign,
            verb="assumed_sent",
            operator="anna",
            at=now,
        )
    await in_orm(prune)
    assert await in_orm(left) == {campaign.pk}


async def test_a_campaign_waits_for_the_youngest_of_its_trials(
    ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED)
    trial, _ = await with_outcomes(ledger, line, ACCEPTED)
    await in_orm(Campaign.objects.filter(pk=trial.pk).update, trial_of=campaign.pk)
    await in_orm(age, campaign)
    await in_orm(prune)
    assert await in_orm(left) == {campaign.pk, trial.pk}
    await in_orm(age, trial)
    await in_orm(prune)
    assert await in_orm(left) == set()


async def test_what_goes_by_its_age_goes_and_what_is_younger_stays(
    line: Line, settings: Settings, tmp_path: Path
) -> None:
    settings.SPOOL_DIR = tmp_path
    refused = tmp_path / "refused"
    refused.mkdir()

    def fill() -> None:
        for number, at in enumerate([orm_now(), *[orm_now() - LONG_AGO] * 3]):
            Writer.objects.create(
                line=line, phone=f"+7999{number}", first_at=at, last_at=at
            )
            LineSpell.objects.create(line=line, kind="sending", since=at, until=at)
            FailedJob.objects.create(at=at, job="deliver", error="x")
            GoneId.objects.create(digest=str(number), gone_at=at)
            for is_not_ours in (False, True):
                ShelvedStatus.objects.create(
                    digest=f"{number}{is_not_ours}",
                    message_id="x",
                    tracking="",
                    kind="read",
                    arrived_at=at,
                    is_not_ours=is_not_ours,
                )
            file = refused / f"{number}.spool"
            file.write_bytes(b"x")
            os.utime(file, (at.timestamp(), at.timestamp()))

    await in_orm(fill)
    said = await in_orm(prune)
    assert "3 people who wrote" in said and "3 files of refused callbacks" in said
    for model in (Writer, LineSpell, FailedJob, GoneId):
        assert await in_orm(model._default_manager.count) == 1
    # What may still find its message is no leftover.
    ours = ShelvedStatus.objects.filter(is_not_ours=False)
    assert await in_orm(ours.count) == 4
    assert await in_orm(ShelvedStatus.objects.count) == 5
    assert [file.name for file in refused.iterdir()] == ["0.spool"]


async def test_a_late_status_of_what_was_removed_ends_without_its_phone(
    ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, ACCEPTED)
    first, second = await in_orm(
        lambda: list(Message.objects.filter(campaign=campaign).order_by("pk"))
    )
    await in_orm(age, campaign)
    await in_orm(prune)
    digests = await in_orm(lambda: set(GoneId.objects.values_list("pk", flat=True)))
    assert len(digests) == 4
    told = {first.message_id, first.tracking, first.phone.lstrip("+")}
    assert digests.isdisjoint(told)

    def late(kind: str, message_id: str | None, tracking: str = "") -> HeardStatus:
        return HeardStatus(
            digest=f"{kind}{message_id}{tracking}",
            kind=kind,
            type=kind,
            message_id=message_id or "",
            tracking=tracking,
            attempt=1,
            at=None,
            phone="79990000000",
        )

    statuses = [
        late("read", first.message_id),
        late("read", "another", second.tracking),
        late("read", "somebody else's"),
    ]
    heard = Heard(statuses, {"status": 3})
    await ledger.shelve(heard)
    await ledger.apply(heard)
    kept = await in_orm(
        lambda: list(ShelvedStatus.objects.values_list("message_id", flat=True))
    )
    assert kept == ["somebody else's"]


async def test_the_books_of_what_stays_still_balance(
    ledger: Ledger, line: Line
) -> None:
    old, _ = await with_outcomes(ledger, line, ACCEPTED, FAILED)
    await in_orm(age, old)
    young, _ = await with_outcomes(ledger, line, ACCEPTED)
    await in_orm(prune)
    assert await in_orm(left) == {young.pk}
    assert await in_orm(lambda: list(audit())) == []


@pytest.mark.parametrize("bad", ["180", "0d", "-1d", "6m", "d", "99999d"])
def test_an_age_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(CommandError, match="older-than"):
        prune(f"--older-than={bad}")


@pytest.mark.django_db
def test_it_forgets_nothing_that_the_cooling_off_needs(settings: Settings) -> None:
    settings.COOLING_OFF_DAYS = 30
    with pytest.raises(CommandError, match="COOLING_OFF_DAYS"):
        prune("--older-than", "29d")
    assert "nothing" in prune("--older-than", "30d")
