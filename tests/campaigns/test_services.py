from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction
from django.utils import timezone

from asgi_app.database import Door, in_orm, open_door
from campaigns.ledger import Ledger
from campaigns.models import Action, Campaign, LineClock, ListRemark, Message
from campaigns.pacing import Delays
from campaigns.recipients import PhoneList, read_text
from campaigns.rules import HOUSE
from campaigns.services import (
    AlreadyListed,
    NobodyToSendTo,
    NotPossibleNow,
    add_recipients,
    cancel_campaign,
    create_campaign,
    pause_campaign,
    resume_campaign,
    start_campaign,
)
from campaigns.states import CampaignStatus, Pacing
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.ledger.test_claims import claim
from tests.campaigns.ledger.test_shelf import Gated

NO_DELAY = Delays(0, 0, random.Random(1))


def status(campaign: Campaign) -> str:
    campaign.refresh_from_db()
    return campaign.status


def verbs(campaign: Campaign) -> list[tuple[str, str]]:
    return list(
        Action.objects.filter(campaign=campaign).values_list("verb", "operator")
    )


def test_a_draft_keeps_the_list_and_what_is_to_be_said_of_it(line: Line) -> None:
    phones = read_text(
        "+7 999 000 01 01\n8 999 000 01 01\nnothing\n+7 495 123-45-67", region="RU"
    )
    campaign = create_campaign(
        name="Sale",
        text="Привет 👋🏽",
        line=line,
        pacing=Pacing.ONE_AFTER_ANOTHER,
        phones=phones,
        delays=NO_DELAY,
        operator="anna",
    )
    assert lists.counts(campaign) == {"waiting": 2}
    assert campaign.text == "Привет 👋🏽"
    listed = Message.objects.filter(campaign=campaign).order_by("id")
    assert [message.phone for message in listed] == ["+79990000101", "+74951234567"]
    remarks = ListRemark.objects.filter(campaign=campaign)
    told = [(r.line, r.reason, r.is_kept) for r in remarks]
    assert told == [
        (2, "double", False),
        (3, "not_a_number", False),
        (4, "landline", True),
    ]
    assert verbs(campaign) == [("created", "anna")]


def test_each_recipient_is_stored_with_where_he_lives(line: Line) -> None:
    campaign = create_campaign(
        name="Sale",
        text="Hi",
        line=line,
        pacing=Pacing.ONE_AFTER_ANOTHER,
        phones=read_text("+7 343 212-34-56\n+7 495 123-45-67", region="RU"),
        delays=NO_DELAY,
        operator="anna",
    )
    listed = Message.objects.filter(campaign=campaign).order_by("id")
    assert [message.zone for message in listed] == ["Asia/Yekaterinburg", HOUSE]


def test_delays_of_each_on_its_own_are_drawn_with_the_rows(line: Line) -> None:
    campaign = lists.draft(
        line,
        1_500,
        pacing=Pacing.EACH_ON_ITS_OWN,
        delays=Delays(5, 50, random.Random(1)),
    )
    drawn = set(
        Message.objects.filter(campaign=campaign).values_list("delay_ms", flat=True)
    )
    assert len(drawn) > 1_300
    assert min(drawn) >= 5_000 and max(drawn) <= 50_000


def test_a_phone_is_added_to_a_draft_once(line: Line) -> None:
    campaign = lists.draft(line, 2)
    more = read_text("8 (999) 000-99-99", region="RU")
    add = {"campaign_id": campaign.pk, "delays": NO_DELAY, "operator": "boris"}
    assert add_recipients(phones=more, **add) == 1  # type: ignore[arg-type]
    with pytest.raises(AlreadyListed):
        add_recipients(phones=more, **add)  # type: ignore[arg-type]
    assert lists.counts(campaign) == {"waiting": 3}


def test_nothing_is_added_once_it_has_started(line: Line) -> None:
    campaign = lists.running(line, 2)
    with pytest.raises(NotPossibleNow):
        add_recipients(
            campaign_id=campaign.pk,
            phones=lists.phones(1, start=77),
            delays=NO_DELAY,
            operator="anna",
        )
    assert lists.counts(campaign) == {"waiting": 2}


def test_a_start_winds_the_clock_of_the_line(line: Line) -> None:
    campaign = lists.draft(line, 2)
    assert start_campaign(campaign_id=campaign.pk, operator="anna") == line.pk
    assert status(campaign) == CampaignStatus.RUNNING
    assert campaign.started_at is not None
    assert LineClock.objects.get(line=line).next_at == campaign.started_at


def test_a_start_does_not_shorten_a_pause_that_the_line_is_in(line: Line) -> None:
    lists.running(line, 1)
    clock = LineClock.objects.get(line=line)
    LineClock.objects.update(next_at="2100-01-01 00:00:00+00:00")
    lists.running(line, 1, start=50)
    clock.refresh_from_db()
    assert clock.next_at.year == 2100


def test_an_empty_list_is_not_started(line: Line) -> None:
    campaign = lists.draft(line, 0)
    with pytest.raises(NobodyToSendTo):
        start_campaign(campaign_id=campaign.pk, operator="anna")
    assert status(campaign) == CampaignStatus.DRAFT


async def test_of_many_clicks_at_once_one_starts(line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    clicks = [
        in_orm(start_campaign, campaign_id=campaign.pk, operator=f"user {n}")
        for n in range(6)
    ]
    heard = await asyncio.gather(*clicks, return_exceptions=True)
    assert sum(h == line.pk for h in heard) == 1
    assert sum(isinstance(h, NotPossibleNow) for h in heard) == 5
    assert [verb for verb, _ in await in_orm(verbs, campaign)] == ["created", "started"]


async def test_start_and_cancel_at_once_agree_on_one_end(line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 3)
    await asyncio.gather(
        in_orm(start_campaign, campaign_id=campaign.pk, operator="anna"),
        in_orm(cancel_campaign, campaign_id=campaign.pk, operator="boris"),
        return_exceptions=True,
    )
    assert await in_orm(status, campaign) == CampaignStatus.CANCELLED
    assert await in_orm(lists.counts, campaign) == {"cancelled": 3}


def test_pause_resume_and_cancel_each_work_once(line: Line) -> None:
    campaign = lists.running(line, 2)
    who = {"campaign_id": campaign.pk, "operator": "anna"}
    pause_campaign(**who)  # type: ignore[arg-type]
    with pytest.raises(NotPossibleNow):
        pause_campaign(**who)  # type: ignore[arg-type]
    assert resume_campaign(**who) == line.pk  # type: ignore[arg-type]
    with pytest.raises(NotPossibleNow):
        resume_campaign(**who)  # type: ignore[arg-type]
    cancel_campaign(**who)  # type: ignore[arg-type]
    with pytest.raises(NotPossibleNow) as error:
        cancel_campaign(**who)  # type: ignore[arg-type]
    assert error.value.state == CampaignStatus.CANCELLED
    assert lists.counts(campaign) == {"cancelled": 2}
    done = [verb for verb, _ in verbs(campaign)]
    assert done == ["created", "started", "paused", "resumed", "cancelled"]


def test_a_campaign_that_does_not_exist_is_said(line: Line) -> None:
    for do in (start_campaign, pause_campaign, resume_campaign, cancel_campaign):
        with pytest.raises(Campaign.DoesNotExist):
            do(campaign_id=404, operator="anna")


def test_a_list_may_be_empty_and_large(line: Line) -> None:
    assert lists.counts(lists.draft(line, 0)) == {}
    assert lists.counts(lists.draft(line, 2_345)) == {"waiting": 2_345}
    assert PhoneList((), (), 0) == lists.phones(0)


@pytest.mark.parametrize("stop", [pause_campaign, cancel_campaign])
def test_what_is_sent_out_is_not_stopped_any_more(
    line: Line, stop: Callable[..., None]
) -> None:
    campaign = lists.running(line, 2)
    Message.objects.filter(campaign=campaign).update(status="accepted")
    Campaign.objects.filter(pk=campaign.pk).update(waiting=0, accepted=2)
    with pytest.raises(NotPossibleNow) as error:
        stop(campaign_id=campaign.pk, operator="anna")
    assert error.value.state == "finished"
    assert status(campaign) == CampaignStatus.RUNNING


@contextmanager
def held_open(change: Callable[..., object], **arguments: object) -> Iterator[None]:
    """Makes a change in another thread, which commits it at the end of the block."""
    made, commit = threading.Event(), threading.Event()

    def make() -> None:
        try:
            with transaction.atomic():
                change(**arguments)
                made.set()
                commit.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=make)
    thread.start()
    try:
        assert made.wait(20)
        yield
    finally:
        commit.set()
        thread.join()


async def test_nothing_is_added_beside_a_start(line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    with held_open(start_campaign, campaign_id=campaign.pk, operator="anna"):
        adding = asyncio.create_task(
            in_orm(
                add_recipients,
                campaign_id=campaign.pk,
                phones=lists.phones(1, start=77),
                delays=NO_DELAY,
                operator="boris",
            )
        )
        await asyncio.sleep(0.3)
    with pytest.raises(NotPossibleNow):
        await adding
    assert await in_orm(lists.counts, campaign) == {"waiting": 2}


async def test_a_start_beside_a_cancel_comes_too_late(line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    who = {"campaign_id": campaign.pk, "operator": "anna"}
    with held_open(cancel_campaign, **who):
        starting = asyncio.create_task(in_orm(start_campaign, **who))  # type: ignore[arg-type]
        await asyncio.sleep(0.3)
    with pytest.raises(NotPossibleNow):
        await starting
    assert await in_orm(lists.counts, campaign) == {"cancelled": 2}


async def test_two_clicks_cancel_once_while_a_message_is_under_way(
    ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 3)
    await claim(ledger, line)
    who = {"campaign_id": campaign.pk, "operator": "anna"}
    await in_orm(cancel_campaign, **who)  # type: ignore[arg-type]
    with pytest.raises(NotPossibleNow):
        await in_orm(cancel_campaign, **who)  # type: ignore[arg-type]
    assert [verb for verb, _ in await in_orm(verbs, campaign)].count("cancelled") == 1
    assert await in_orm(lists.counts, campaign) == {"claimed": 1, "cancelled": 2}


async def test_a_cancel_beside_a_claim_counts_what_really_waited(
    door: Door, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 3)
    gated = Gated(open_door())
    claiming = asyncio.create_task(claim(Ledger(gated), line))
    await gated.reached.wait()
    cancelling = asyncio.create_task(
        in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    )
    await asyncio.sleep(0.3)
    gated.gate.set()
    await asyncio.gather(claiming, cancelling)
    await gated.close()
    assert await in_orm(lists.counts, campaign) == {"claimed": 1, "cancelled": 2}


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("waiting", "running"),
        ("claimed", "running"),
        ("unsure", "sent_out"),
        ("failed", "finished"),
    ],
)
def test_a_campaign_is_finished_once_nothing_of_it_is_open(
    status: str, state: str
) -> None:
    at, running = timezone.now(), CampaignStatus.RUNNING
    assert Campaign(status=running, started_at=at, **{status: 1}).state == state
