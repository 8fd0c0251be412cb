"""The pages in Russian."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone, translation

from asgi_app.database import in_orm
from campaigns import wording
from campaigns.models import Campaign, LineClock, Message, WorkerBeat
from campaigns.templatetags import pages
from chatapp.models import Line
from tests.campaigns.browser import Site, change, form
from tests.campaigns.lists import running
from tests.campaigns.russian import english, language, russian

__all__ = ["language", "russian"]


async def test_no_page_speaks_english(russian: Site, line: Line) -> None:
    draft = await russian.post("/campaigns/new/", **form(line))
    campaign = await in_orm(running, line, 3)
    page = f"/campaigns/{campaign.pk}/"
    message = await in_orm(campaign.messages.first)
    assert message is not None
    for path in (
        *("/", "/campaigns/new/", "/connect/", draft.headers["Location"], page),
        *(f"{page}receipt/", f"{page}cancel/", f"{page}decide/retry/", "/missing"),
        *(f"{page}decide/send-again/", f"{page}decide/assume-sent/"),
        f"{page}messages/{message.pk}/",
    ):
        response = await russian.get(path)
        assert '<html lang="ru">' in response.text, path
        assert english(response) == set(), path


async def test_what_is_wrong_is_said_in_russian(russian: Site, line: Line) -> None:
    typed = form(line, name="", text="", phones="abc\n89990000001\n8.9E+10")
    response = await russian.post("/campaigns/new/", **typed)
    assert response.status_code == 422
    assert english(response) - {"abc"} == set()
    assert "Обязательное поле." in response.text
    assert "здесь нет номера телефона" in response.text
    refused = await russian.http.post("/campaigns/new/", data=typed)
    assert refused.status_code == 403
    assert english(refused) == set()


async def test_a_campaign_is_told_in_the_language_of_each_operator(
    site: Site, line: Line
) -> None:
    campaign: Campaign = await in_orm(running, line, 3)
    page = f"/campaigns/{campaign.pk}/"
    seen = [
        await site.http.get(page, headers={"Accept-Language": language})
        for language in ("ru", "en", "ru")
    ]
    assert ["Готово 0 из 3" in each.text for each in seen] == [True, False, True]
    assert ["0 of 3 done" in each.text for each in seen] == [False, True, False]


async def test_numbers_in_attributes_stay_numbers(russian: Site, line: Line) -> None:
    campaign = await in_orm(running, line, 3)
    await change(campaign, total=1234, failed=1231)
    response = await russian.get(f"/campaigns/{campaign.pk}/")
    widths = re.findall(r'<rect [^>]*width="([^"]*)"', response.text)
    assert widths and all(re.fullmatch(r"\d+\.\d+", width) for width in widths)
    assert "из 1\u00a0234" in response.text


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "1 день"), (2, "2 дня"), (5, "5 дней"), (11, "11 дней"), (21, "21 день")],
)
def test_plurals_are_russian(count: int, words: str) -> None:
    with translation.override("ru"):
        assert wording.time_span(timedelta(days=count)) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (1, "1 сообщение ждёт"),
        (2, "2 сообщения ждут"),
        (5, "5 сообщений ждут"),
        (11, "11 сообщений ждут"),
    ],
)
def test_messages_are_counted_in_russian(count: int, words: str) -> None:
    with translation.override("ru"):
        said = translation.ngettext(
            "%(shown)s message waits", "%(shown)s messages wait", count
        )
    assert said % {"shown": count} == words


def test_a_campaign_is_cancelled_otherwise_than_a_message() -> None:
    with translation.override("ru"):
        assert str(wording.CAMPAIGNS["cancelled"]) == "отменена"
        assert "отменено" in pages.message_badge("cancelled")


def test_a_fraction_of_a_second_is_written_with_a_comma() -> None:
    with translation.override("ru"):
        assert wording.seconds_between(0.1, 0.5) == "0,1–0,5 с"
    assert wording.seconds_between(0.1, 0.5) == "0.1–0.5 s"


async def test_troubles_are_told_in_russian(
    russian: Site, line: Line, worker: WorkerBeat
) -> None:
    campaign = await in_orm(running, line, 4)
    page = f"/campaigns/{campaign.pk}/"
    now = timezone.now()

    def spoil() -> None:
        LineClock.objects.filter(line=line).update(
            held_code="not_reached",
            held_reason="no connection within the time allowed",
            held_at=now,
            next_at=now + timedelta(hours=1),
        )
        codes = ("failed", "http_400"), ("unsure", "http_502"), ("failed", "refused")
        rows = Message.objects.filter(campaign=campaign)
        for message, (status, code) in zip(rows, codes, strict=False):
            reason = "ChatApp refused without giving a reason."
            rows.filter(pk=message.pk).update(status=status, code=code, reason=reason)
        Campaign.objects.filter(pk=campaign.pk).update(waiting=1, failed=2, unsure=1)

    await in_orm(spoil)
    for path in (page, f"{page}decide/retry/", f"{page}decide/send-again/", "/"):
        response = await russian.get(path)
        assert english(response) == set(), path
    results = (await russian.get(page)).text
    assert "Не удалось связаться с ChatApp." in results
    assert "соединение не установлено вовремя" in results
    assert "ChatApp отказал, не назвав причины." in results
    assert "Исход неизвестен у 1 сообщения" in results
