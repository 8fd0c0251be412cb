from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from asgi_app.database import in_orm, orm_now
from campaigns.models import Campaign, Message, StopEntry
from campaigns.states import CampaignStatus, MessageStatus
from campaigns.trials import start_trial
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, change, fresh, hidden, rings, words

OWN = "8 903 123 45 67"


def path_of(campaign: Campaign, page: str) -> str:
    return f"/campaigns/{campaign.pk}/{page}/"


async def tried(site: Site, draft: Campaign, phone: str = OWN) -> Campaign:
    """The trial of a draft, made on its page."""
    page = await site.get(path_of(draft, "trial"))
    response = await site.post(path_of(draft, "trial"), phone=phone, **hidden(page))
    assert response.headers["Location"] == path_of(draft, "confirm") + "#trial"
    return await in_orm(Campaign.objects.get, trial_of=draft)


async def message_of(trial: Campaign) -> Message:
    return await in_orm(Message.objects.get, campaign=trial)


async def set_message(trial: Campaign, **values: object) -> None:
    await in_orm(Message.objects.filter(campaign=trial).update, **values)


async def test_a_trial_is_a_campaign_of_its_own_that_starts_at_once(
    site: Site, line: Line, redis: Redis
) -> None:
    draft = await in_orm(lists.draft, line, 3, text="Dear {name}")
    await in_orm(Message.objects.filter(campaign=draft).update, fields={"name": "Anna"})
    trial = await tried(site, draft)
    assert trial.status == CampaignStatus.RUNNING
    assert (trial.text, trial.line_id, trial.total) == (draft.text, line.pk, 1)
    assert trial.planned_end_at
    message = await message_of(trial)
    assert (message.phone, message.fields) == ("+79031234567", {"name": "Anna"})
    assert await in_orm(lists.counts, trial) == {"waiting": 1}
    assert await in_orm(lists.counts, draft) == {"waiting": 3}
    assert (await fresh(draft)).status == CampaignStatus.DRAFT
    assert len(await rings(redis)) == 1


async def test_two_clicks_send_one_trial(site: Site, line: Line) -> None:
    draft = await in_orm(lists.draft, line, 1)
    clicks = [
        in_orm(
            start_trial,
            campaign_id=draft.pk,
            phone="+79031234567",
            operator="anna",
            key="once",
        )
        for _ in range(4)
    ]
    assert await asyncio.gather(*clicks) == [line.pk] * 4
    assert await in_orm(Campaign.objects.filter(trial_of=draft).count) == 1


async def test_the_confirm_page_follows_the_trial_and_then_stands_still(
    site: Site, line: Line
) -> None:
    draft = await in_orm(lists.draft, line, 3)
    trial = await tried(site, draft)
    page = await site.get(path_of(draft, "confirm"))
    assert page.headers["Refresh"] == "5"
    assert "+79031234567 waiting What happened to it Started by anna" in words(page)
    message = await message_of(trial)
    assert f"/campaigns/{trial.pk}/messages/{message.pk}/" in page.text
    now = await in_orm(orm_now)
    await set_message(trial, status=MessageStatus.DELIVERED, answered_at=now)
    assert "Refresh" in (await site.get(path_of(draft, "confirm"))).headers
    await set_message(trial, status=MessageStatus.READ, read_at=now)
    page = await site.get(path_of(draft, "confirm"))
    assert "+79031234567 read" in words(page)
    assert "Refresh" not in page.headers
    old = now - timedelta(minutes=6)
    await set_message(trial, status=MessageStatus.DELIVERED, answered_at=old)
    assert "Refresh" not in (await site.get(path_of(draft, "confirm"))).headers


async def test_a_failed_trial_says_why_and_an_old_text_is_told(
    site: Site, line: Line
) -> None:
    draft = await in_orm(lists.draft, line, 3)
    trial = await tried(site, draft)
    await set_message(trial, status=MessageStatus.FAILED, code="not_on_whatsapp")
    await change(draft, text="Another")
    said = words(await site.get(path_of(draft, "confirm")))
    assert "This phone has no WhatsApp" in said
    assert "It carried an earlier text" in said


async def test_a_trial_goes_before_campaigns_and_behind_other_trials(
    site: Site, line: Line
) -> None:
    await in_orm(lists.running, line, 50)
    draft = await in_orm(lists.draft, line, 3, start=100)
    assert "serves these first" not in words(await site.get(path_of(draft, "trial")))
    await tried(site, draft)
    said = words(await site.get(path_of(draft, "trial")))
    assert "The line serves these first: Test of Sale . The test takes its turn" in said


async def test_each_operator_finds_the_phone_of_the_last_time(
    site: Site, line: Line
) -> None:
    draft = await in_orm(lists.draft, line, 3)
    field = 'name="phone" value="+79031234567"'
    assert field not in (await site.get(path_of(draft, "trial"))).text
    await tried(site, draft)
    page = await site.get(path_of(draft, "trial"))
    assert field in page.text
    assert "Refresh" not in page.headers
    site.http.auth = ("boris", "battery staple")
    assert field not in (await site.get(path_of(draft, "trial"))).text


@pytest.mark.parametrize(
    ("phone", "status", "why"),
    [
        ("", 422, "Please type a phone"),
        ("8 800 555 35 35", 422, "a toll-free number"),
        ("\x01", 422, "Please type a phone"),
        ("8 903 000 00 00", 409, "This phone is on the stop list"),
    ],
)
async def test_a_phone_that_gets_nothing_stays_in_its_field(
    site: Site, line: Line, phone: str, status: int, why: str
) -> None:
    draft = await in_orm(lists.draft, line, 3)
    await in_orm(StopEntry.objects.create, phone="+79030000000", added_by="anna")
    fields = hidden(await site.get(path_of(draft, "trial")))
    response = await site.post(path_of(draft, "trial"), phone=phone, **fields)
    assert response.status_code == status
    assert why in words(response)
    assert f'value="{phone}"' in response.text or not phone
    assert hidden(response)["key"] == fields["key"]
    assert not await in_orm(Campaign.objects.filter(trial_of=draft).exists)


@pytest.mark.parametrize("text", ["Dear {name", "Dear {name}"])
async def test_a_text_that_cannot_be_sent_is_not_tried(
    site: Site, line: Line, text: str
) -> None:
    draft = await in_orm(lists.draft, line, 3, text=text)
    response = await site.post(path_of(draft, "trial"), phone=OWN, key="k")
    assert response.status_code == 409
    assert "The text cannot be sent" in words(response)
    assert not await in_orm(Campaign.objects.filter(trial_of=draft).exists)


async def test_there_is_no_trial_of_nothing_or_of_what_runs(
    site: Site, line: Line
) -> None:
    empty = await in_orm(lists.draft, line, 0)
    response = await site.post(path_of(empty, "trial"), phone=OWN, key="k")
    assert (response.status_code, "nobody on the list" in words(response)) == (
        409,
        True,
    )
    running = await in_orm(lists.running, line, 1)
    response = await site.post(path_of(running, "trial"), phone=OWN, key="k")
    assert (response.status_code, "running already" in words(response)) == (409, True)


async def test_trials_are_marked_as_such(site: Site, line: Line) -> None:
    draft = await in_orm(lists.draft, line, 3)
    trial = await tried(site, draft)
    assert "Test of Sale test of ‹ Sale ›" in words(await site.get("/"))
    assert "test of ‹ Sale ›" in words(await site.get(f"/campaigns/{trial.pk}/"))
