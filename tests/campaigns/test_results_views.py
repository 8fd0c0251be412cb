from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from asgi_app.database import in_orm, orm_now
from campaigns import services
from campaigns.models import (
    CallbackCount,
    Campaign,
    LineClock,
    Message,
    WorkerBeat,
)
from campaigns.selectors import PAGE
from campaigns.states import CampaignStatus, MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, change, form, fresh, rings, words

SAMPLES = Path(__file__).parent / "samples"


async def test_pause_names_what_is_under_way_and_resume_rings(
    site: Site, line: Line, redis: Redis
) -> None:
    campaign = await in_orm(lists.running, line, 3)
    await claim_one(campaign)
    path = f"/campaigns/{campaign.pk}/"
    response = await site.post(path + "pause/")
    assert response.status_code == 302
    page = await site.get(path)
    said = words(page)
    assert "Paused by anna" in said
    assert "1 message had been taken up before and may still arrive: +7999" in said
    assert "Nothing is under way" not in said
    assert page.headers["Refresh"] == "5"
    assert not await rings(redis)
    assert (await site.post(path + "resume/")).status_code == 302
    assert len(await rings(redis)) == 1
    assert (await fresh(campaign)).status == CampaignStatus.RUNNING


async def claim_one(campaign: Campaign) -> None:
    def write() -> None:
        first = Message.objects.filter(campaign=campaign).order_by("id").first()
        assert first is not None
        now = orm_now()
        Message.objects.filter(pk=first.pk).update(
            status=MessageStatus.CLAIMED,
            claimed_at=now,
            claim_deadline=now + timedelta(seconds=90),
        )
        Campaign.objects.filter(pk=campaign.pk).update(
            waiting=campaign.total - 1, claimed=1
        )

    await in_orm(write)


async def test_a_paused_campaign_with_nothing_under_way_stands_still(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    await site.post(f"/campaigns/{campaign.pk}/pause/")
    page = await site.get(f"/campaigns/{campaign.pk}/")
    assert "Refresh" not in page.headers
    assert "may still arrive" not in words(page)
    assert "Nothing is under way" in words(page)


async def test_a_campaign_that_the_program_paused_says_so(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    await change(campaign, status=CampaignStatus.PAUSED, paused_because="idle")
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "Paused by the program" in page and "more than 6 hours" in page
    assert "Resume" in page


async def test_it_reloads_while_statuses_come_and_stops_when_they_do_not(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    await change(campaign, waiting=0, sent=1)
    path = f"/campaigns/{campaign.pk}/"
    assert "Refresh" not in (await site.get(path)).headers
    now = await in_orm(orm_now)
    heard = await in_orm(
        CallbackCount.objects.create, day=now.date(), kind="status", last_at=now
    )
    assert (await site.get(path)).headers["Refresh"] == "5"
    await change(campaign, sent=0, read=1)
    assert "Refresh" not in (await site.get(path)).headers
    await change(campaign, sent=1, read=0)
    heard.last_at = now - timedelta(minutes=11)
    await in_orm(heard.save)
    assert "Refresh" not in (await site.get(path)).headers


async def test_cancel_asks_first(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 3)
    path = f"/campaigns/{campaign.pk}/"
    asked = await site.get(path + "cancel/")
    assert "3 messages still wait, and are never sent" in words(asked)
    assert "Refresh" not in asked.headers
    assert (await fresh(campaign)).status == CampaignStatus.RUNNING
    assert (await site.post(path + "cancel/")).status_code == 302
    page = await site.get(path)
    assert "Cancelled by anna" in words(page)
    assert "Resume" not in words(page)
    again = await site.post(path + "resume/")
    assert again.status_code == 409
    assert "nothing of it is sent any more" in words(again)


@pytest.mark.parametrize("verb", ["start", "pause", "resume", "recipients"])
async def test_an_action_opened_as_a_page_leads_back(
    site: Site, line: Line, verb: str
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    response = await site.get(f"/campaigns/{campaign.pk}/{verb}/")
    assert response.headers["Location"] == f"/campaigns/{campaign.pk}/"
    assert (await fresh(campaign)).status == CampaignStatus.DRAFT


async def test_every_answer_is_shown_in_words_with_its_code(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 4)
    answers: list[dict[str, Any]] = [
        {"status": "accepted", "message_id": "3EB0aB"},
        {"status": "failed", "code": "ApiChatNotFound", "reason": "No <chat>"},
        {"status": "unsure", "code": "read_timeout"},
        {"status": "failed", "code": "not_on_whatsapp"},
    ]

    def answer() -> None:
        messages = Message.objects.filter(campaign=campaign).order_by("id")
        for message, values in zip(messages, answers, strict=True):
            Message.objects.filter(pk=message.pk).update(
                answered_at=orm_now(), **values
            )
        Campaign.objects.filter(pk=campaign.pk).update(
            waiting=0, accepted=1, failed=2, unsure=1
        )

    await in_orm(answer)
    response = await site.get(f"/campaigns/{campaign.pk}/")
    said = words(response)
    assert "3EB0aB" in said
    assert "No &lt;chat&gt; ApiChatNotFound" in said
    assert "did not answer in time. read_timeout" in said
    assert "This phone has no WhatsApp. not_on_whatsapp" in said
    assert "of 1 message nobody knows whether it left" in said
    assert "4 of 4 done" in said
    assert "Refresh" not in response.headers
    await change(campaign, unsure=0, accepted=2)
    assert "Finished" in words(await site.get(f"/campaigns/{campaign.pk}/"))


async def test_the_page_names_the_next_message(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    path = f"/campaigns/{campaign.pk}/"
    now = await in_orm(orm_now)
    await in_orm(LineClock.objects.update, next_at=now + timedelta(hours=1))
    said = words(await site.get(path))
    assert "Running. Next: +79990000000 at" in said and "Nothing leaves" not in said
    await in_orm(lists.due, line, now - timedelta(minutes=1))
    assert "no worker has taken it up" in words(await site.get(path))


async def test_the_page_says_why_nothing_leaves(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    now = await in_orm(orm_now)
    await in_orm(
        LineClock.objects.update,
        next_at=now + timedelta(minutes=1),
        held_code="log_in_refused",
        held_reason="Wrong password",
        held_at=now,
    )
    said = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "Nothing leaves now. ChatApp refused the log-in" in said
    assert "log_in_refused : Wrong password" in said
    assert "The next try is at" in said


async def test_a_campaign_behind_another_names_it(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    first = await in_orm(lists.running, line, 2)
    second = await in_orm(lists.running, line, 2, start=10)
    page = await site.get(f"/campaigns/{second.pk}/")
    assert "The line is busy with ‹Sale› until about" in words(page)
    assert f'href="/campaigns/{first.pk}/"' in page.text


async def test_pages_of_a_hundred_keep_their_place_on_reload(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, PAGE + 5)
    path = f"/campaigns/{campaign.pk}/"
    first = await site.get(path)
    (following,) = re.findall(r'rel="next" href="[^"]*(\?after=[0-9.]+)#', first.text)
    page = await site.get(path + following)
    assert page.headers["Refresh"] == "5"
    assert page.text.count('<th scope="row"') == 5
    assert f"{following}&amp;reload=off" in page.text
    stopped = await site.get(f"{path}{following}&reload=off")
    assert "Refresh" not in stopped.headers
    assert "reload=off&amp;before=" in stopped.text


async def test_the_receipt_outlives_the_start(site: Site, line: Line) -> None:
    await site.post(
        "/campaigns/new/",
        **form(line, phones="89990000001\n8 800 555 35 35", pacing="each_on_its_own"),
    )
    campaign = await in_orm(Campaign.objects.get)
    await in_orm(services.start_campaign, campaign_id=campaign.pk, operator="anna")
    assert "2 rows: 1 in, 1 toll-free." in words(
        await site.get(f"/campaigns/{campaign.pk}/")
    )
    said = words(await site.get(f"/campaigns/{campaign.pk}/receipt/"))
    assert "1 a toll-free number; it cannot have WhatsApp row 2 left out" in said
