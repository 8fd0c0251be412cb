from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings
from redis.asyncio import Redis

from asgi_app.database import in_orm, orm_now
from campaigns.models import Campaign, LineClock, Message
from campaigns.pacing import Delays
from campaigns.recipients import read_phone
from campaigns.seals import seal_of
from campaigns.selectors import read_campaign
from campaigns.services import add_recipients
from campaigns.states import CampaignStatus, Pacing
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import (
    Site,
    change,
    fresh,
    hidden,
    open_site,
    press_start,
    rings,
    words,
)

FIVE_TO_FIFTY = Delays(5, 50, random.Random(1))


def path_of(campaign: Campaign, page: str = "") -> str:
    return f"/campaigns/{campaign.pk}/{page}"


async def fill(campaign: Campaign, *rows: dict[str, str]) -> None:
    """Gives the first recipients what their rows say."""

    def write() -> None:
        messages = Message.objects.filter(campaign=campaign).order_by("id")
        for message, fields in zip(messages, rows, strict=False):
            Message.objects.filter(pk=message.pk).update(fields=fields)

    await in_orm(write)


async def test_the_page_shows_who_gets_what_and_when_it_ends(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 962)
    response = await site.get(path_of(campaign, "confirm/"))
    said = words(response)
    assert response.status_code == 200
    assert "Send to 962 people" in said
    assert "+79990000000 +79990000001 +79990000002 ⋮ +79990000959" in said
    assert 'start="960"' in response.text
    assert "± 13 min" in said
    assert "a random pause of 5–50 s, about 131 messages an hour" in said
    assert "This is fast" not in said
    assert "Refresh" not in response.headers


async def test_each_on_its_own_counts_from_when_the_line_is_free(
    site: Site, line: Line
) -> None:
    pacing = Pacing.EACH_ON_ITS_OWN
    campaign = await in_orm(lists.draft, line, 2, pacing=pacing)
    said = words(await site.get(path_of(campaign, "confirm/")))
    assert "each 5–50 s after the line is free for the campaign" in said
    new = words(await site.get("/campaigns/new/"))
    assert "Each message leaves 5–50 s after the line is free for the campaign" in new


async def test_a_short_list_is_shown_whole_and_nobody_twice(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 4)
    response = await site.get(path_of(campaign, "confirm/"))
    who = words(response).partition("Who gets it")[2].partition("The whole list")[0]
    assert who.split() == [f"+7999000000{n}" for n in range(4)]


async def test_the_ends_of_the_list_are_in_the_order_of_sending(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(
        lists.draft, line, 9, pacing=Pacing.EACH_ON_ITS_OWN, delays=FIVE_TO_FIFTY
    )
    who = words(await site.get(path_of(campaign, "confirm/")))
    who = who.partition("Who gets it")[2].partition("The whole list")[0]
    drawn = await in_orm(
        lambda: list(Message.objects.order_by("delay_ms").values_list("phone"))
    )
    phones = [phone for (phone,) in drawn]
    assert who.split() == [*phones[:3], "⋮", *phones[-3:]]


async def test_the_text_looks_as_it_will_on_the_phones_of_the_first_people(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 5, text="Dear {name|friend}, *big* <b>")
    await fill(campaign, {"name": "Anna"}, {"name": "Anna"}, {"name": "Boris"})
    response = await site.get(path_of(campaign, "confirm/"))
    said = words(response)
    assert "Dear Anna, big &lt;b&gt; to +79990000000" in said
    assert "Dear Boris, big &lt;b&gt; to +79990000002" in said
    assert "Dear friend, big &lt;b&gt; to +79990000003" in said
    assert said.count("Dear ") == 3
    assert "<strong>big</strong>" in response.text


async def test_variants_are_drawn_as_the_sender_will_draw_them(
    site: Site, line: Line
) -> None:
    words_of = ["Hi", "Hello", "Good day", "Hey", "Welcome"]
    text = f"[{'|'.join(words_of)}] there"
    campaign = await in_orm(lists.draft, line, 1, text=text)
    greetings = set()
    for n in range(12):
        await in_orm(Message.objects.filter(campaign=campaign).update, tracking=f"t{n}")
        drawn = random.Random(f"t{n}").choice(words_of)
        said = words(await site.get(path_of(campaign, "confirm/")))
        assert f"Shop {drawn} there to +7" in said
        greetings.add(drawn)
    assert len(greetings) > 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Dear {name", "brackets do not fit together near “{name”"),
        ("Dear {name}", "it asks for “name”"),
    ],
)
async def test_a_text_that_cannot_be_sent_has_no_button(
    site: Site, line: Line, text: str, why: str
) -> None:
    campaign = await in_orm(lists.draft, line, 2, text=text)
    response = await site.get(path_of(campaign, "confirm/"))
    assert why in words(response)
    assert "Send to" not in words(response)
    assert path_of(campaign, "start/") not in response.text


async def test_an_unreadable_text_is_not_started_by_a_form_made_up(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    fields = hidden(await site.get(path_of(campaign, "confirm/")))
    await change(campaign, text="Dear {name")
    changed = await site.post(path_of(campaign, "start/"), **fields)
    seal = await in_orm(seal_of, await fresh(campaign))
    fields = {"key": "k", "seal": seal}
    unreadable = await site.post(path_of(campaign, "start/"), **fields)
    assert (changed.status_code, unreadable.status_code) == (409, 409)
    assert "brackets do not fit together" in words(unreadable)
    assert (await fresh(campaign)).status == CampaignStatus.DRAFT


async def test_start_rings_the_line_and_keeps_the_plan(
    site: Site, line: Line, redis: Redis
) -> None:
    campaign = await in_orm(lists.draft, line, 41)
    response = await press_start(site, campaign)
    assert (response.status_code, response.headers["Location"]) == (
        302,
        path_of(campaign),
    )
    assert [name.split(":")[:2] for name in await rings(redis)] == [
        ["deliver", str(line.pk)]
    ]
    started = await fresh(campaign)
    assert started.status == CampaignStatus.RUNNING
    assert started.started_at and started.planned_end_at
    planned = started.planned_end_at - started.started_at
    assert abs(planned - timedelta(seconds=40 * 27.5)) < timedelta(seconds=5)
    assert started.planned_band_s == 165  # two standard deviations of 40 pauses


async def test_a_second_click_on_one_page_lands_on_the_campaign(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    fields = hidden(await site.get(path_of(campaign, "confirm/")))
    answers = [await site.post(path_of(campaign, "start/"), **fields) for _ in "123"]
    assert [answer.status_code for answer in answers] == [302, 302, 302]
    assert {a.headers["Location"] for a in answers} == {path_of(campaign)}
    verbs = await in_orm(lambda: list(campaign.actions.values_list("verb", flat=True)))
    assert verbs == ["created", "started"]


async def test_a_click_on_another_page_is_told_that_it_runs(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    fields = hidden(await site.get(path_of(campaign, "confirm/")))
    await press_start(site, campaign)
    response = await site.post(path_of(campaign, "start/"), **fields)
    assert response.status_code == 409
    assert "running already" in words(response)
    assert "Refresh" not in response.headers


async def test_start_works_while_redis_is_away(line: Line, settings: Settings) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    settings.REDIS_URL = "redis://127.0.0.1:1"
    async with open_site() as site_without:
        assert (await press_start(site_without, campaign)).status_code == 302
    assert (await fresh(campaign)).status == CampaignStatus.RUNNING


def _one_more(campaign: Campaign) -> None:
    add_recipients(
        campaign_id=campaign.pk,
        phones=read_phone("8 999 111 22 33", region="RU"),
        delays=FIVE_TO_FIFTY,
        operator="boris",
    )


def _one_for_another(campaign: Campaign) -> None:
    _one_more(campaign)
    first = Message.objects.filter(campaign=campaign).order_by("id").first()
    assert first
    first.delete()
    Campaign.objects.filter(pk=campaign.pk).update(total=2, waiting=2)


def _new_text(campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(text="Another")


def _new_pacing(campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(pacing=Pacing.EACH_ON_ITS_OWN)


@pytest.mark.parametrize(
    "meddle", [_one_more, _one_for_another, _new_text, _new_pacing]
)
async def test_what_changed_since_it_was_shown_is_asked_again(
    site: Site, line: Line, meddle: Any
) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    fields = hidden(await site.get(path_of(campaign, "confirm/")))
    await in_orm(meddle, campaign)
    response = await site.post(path_of(campaign, "start/"), **fields)
    assert response.status_code == 409
    assert "Nothing was started" in words(response)
    assert (await fresh(campaign)).status == CampaignStatus.DRAFT
    again = await site.post(path_of(campaign, "start/"), **hidden(response))
    assert again.status_code == 302


async def test_nothing_starts_unseen(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    response = await site.post(path_of(campaign, "start/"))
    assert response.status_code == 409
    assert (await fresh(campaign)).status == CampaignStatus.DRAFT


async def test_an_empty_draft_does_not_start(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 0)
    page = await site.get(path_of(campaign, "confirm/"))
    assert page.headers["Location"] == path_of(campaign)
    assert path_of(campaign, "confirm/") not in (await site.get(path_of(campaign))).text
    response = await site.post(path_of(campaign, "start/"))
    assert response.status_code == 409
    assert "nobody on the list" in words(response)


@pytest.mark.parametrize("page", ["confirm/", "trial/"])
async def test_a_started_campaign_is_past_its_confirmation(
    site: Site, line: Line, page: str
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    response = await site.get(path_of(campaign, page))
    assert response.headers["Location"] == path_of(campaign)


async def test_what_the_line_serves_first_is_named_and_counted(
    site: Site, line: Line
) -> None:
    await in_orm(lists.running, line, 101)
    campaign = await in_orm(lists.draft, line, 2, start=500)
    said = words(await site.get(path_of(campaign, "confirm/")))
    assert "The line serves these first: Sale ." in said
    assert "First message about" in said
    # 102 pauses of 45/√12 s, twice their deviation
    assert "± 4 min" in said


async def test_a_haste_is_warned_of(site: Site, line: Line, settings: Settings) -> None:
    at_once = await in_orm(
        lists.draft, line, 962, pacing=Pacing.EACH_ON_ITS_OWN, delays=FIVE_TO_FIFTY
    )
    said = words(await site.get(path_of(at_once, "confirm/")))
    assert "All 962 messages leave within 50 s, about 22 in a second" in said
    assert "gaps of 5–30 s and more" in said
    settings.SEND_DELAY_MIN, settings.SEND_DELAY_MAX = 1, 3
    slow = await in_orm(lists.draft, line, 2)
    said = words(await site.get(path_of(slow, "confirm/")))
    assert "pauses of 1–3 s, about 1800 messages an hour" in said


async def test_a_line_that_cannot_send_is_named(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    await in_orm(Line.objects.filter(pk=line.pk).update, active=False)
    said = words(await site.get(path_of(campaign, "confirm/")))
    assert "Nothing can be sent through this line now: switched off" in said


async def test_the_campaign_page_and_the_list_say_when_it_ends(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 10)
    now = await in_orm(orm_now)
    await in_orm(LineClock.objects.update, next_at=now + timedelta(minutes=5))
    assert "Ends " in words(await site.get("/"))
    page = await in_orm(read_campaign, campaign_id=campaign.pk, page=1)
    assert page.forecast and page.forecast.behind
    assert timedelta(minutes=4) < page.forecast.behind < timedelta(minutes=6)
    await change(campaign, status=CampaignStatus.PAUSED)
    assert "If resumed now, it ends" in words(await site.get("/"))
