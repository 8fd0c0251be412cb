"""The pages in Russian."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser

import httpx
import pytest
from django.conf import settings
from django.utils import timezone, translation

from asgi_app.database import in_orm
from campaigns import wording
from campaigns.models import Campaign, LineClock, Message
from campaigns.templatetags import pages
from chatapp.models import Line
from tests.campaigns.browser import Site, form
from tests.campaigns.lists import running

# Names and codes, which are the same in every language, and what the tests typed.
AS_IT_IS = {
    *("ChatApp", "WhatsApp", "Redis", "MySQL", "SQLite", "Valkey", "HTTP", "Excel"),
    *("English", "Europe", "Moscow", "csv", "txt", "xlsx", "mail", "appId", "callback"),
    *("CHATAPP", "BASE", "URL", "PUBLIC", "Business", "cookie", "dev", "Sale", "Shop"),
    *("anna", "grWhatsApp", "Hello", "Bye", "abc"),
}


class _Spoken(HTMLParser):
    """The texts of a page that are not code, and its attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._in_code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_code += tag == "code"
        spoken = {"aria-label", "alt", "title", "placeholder", "data-label"}
        self.texts += [value or "" for name, value in attrs if name in spoken]

    def handle_endtag(self, tag: str) -> None:
        self._in_code -= tag == "code"

    def handle_data(self, data: str) -> None:
        if not self._in_code:
            self.texts.append(data)


def english(response: httpx.Response) -> set[str]:
    """The words of a Russian page in Latin letters that nothing excuses."""
    reader = _Spoken()
    reader.feed(response.text)
    said = " ".join(reader.texts)
    for typed in (settings.SANDBOX_EMAIL, settings.SANDBOX_APP_ID):
        said = said.replace(typed, "")
    found = re.findall("[A-Za-z]{2,}", said)
    return set(found) - AS_IT_IS


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    with translation.override("en", deactivate=True):
        yield


@pytest.fixture
def russian(site: Site) -> Site:
    site.http.headers["Accept-Language"] = "ru"
    return site


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
    await in_orm(Campaign.objects.filter(pk=campaign.pk).update, total=1234, waiting=1)
    response = await russian.get(f"/campaigns/{campaign.pk}/")
    assert 'max="1234"' in response.text
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
    [(1, "1 сообщение"), (2, "2 сообщения"), (5, "5 сообщений"), (11, "11 сообщений")],
)
def test_messages_are_counted_in_russian(count: int, words: str) -> None:
    with translation.override("ru"):
        said = translation.ngettext(
            "Start: send %(shown)s message", "Start: send %(shown)s messages", count
        )
    assert said % {"shown": count} == f"Запустить: отправить {words}"


def test_a_campaign_is_cancelled_otherwise_than_a_message() -> None:
    with translation.override("ru"):
        assert str(wording.CAMPAIGNS["cancelled"]) == "отменена"
        assert "отменено" in pages.message_badge("cancelled")


def test_a_fraction_of_a_second_is_written_with_a_comma() -> None:
    with translation.override("ru"):
        assert wording.seconds_between(0.1, 0.5) == "0,1–0,5 с"
    assert wording.seconds_between(0.1, 0.5) == "0.1–0.5 s"


async def test_troubles_are_told_in_russian(russian: Site, line: Line) -> None:
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
