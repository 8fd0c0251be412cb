from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.http import HttpRequest, StreamingHttpResponse
from django.test import RequestFactory
from django.utils import timezone, translation
from pytest_django import Settings

from asgi_app import moments
from asgi_app.languages import language
from campaigns import wording
from tests.asgi_app.door import RIGHT, Browser

NOVEMBER = datetime(2026, 11, 25, 11, 3, 27, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    with translation.override("en", deactivate=True):
        yield


@pytest.mark.parametrize(
    ("cookie", "header", "setting", "chosen"),
    [
        ("", "", "en", "en"),
        ("", "", "ru", "ru"),
        ("", "ru-RU,ru;q=0.9,en;q=0.8", "en", "ru"),
        ("", "en-US,en;q=0.9,ru;q=0.8", "ru", "en"),
        ("", "de-DE,de;q=0.9,ru;q=0.5", "en", "ru"),
        ("", "de", "ru", "ru"),
        ("", "*", "ru", "ru"),
        ("", "ru;q=nonsense, \x00", "en", "en"),
        ("en", "ru", "ru", "en"),
        ("ru", "en", "en", "ru"),
        ("de", "ru", "en", "ru"),
        ("../../ru", "", "en", "en"),
    ],
)
@pytest.mark.usefixtures("site")
async def test_the_cookie_wins_then_the_browser_then_the_setting(
    browser: Browser,
    settings: Settings,
    cookie: str,
    header: str,
    setting: str,
    chosen: str,
) -> None:
    settings.LANGUAGE_CODE = setting
    headers = {**RIGHT, "Accept-Language": header}
    if cookie:
        headers["Cookie"] = f"language={cookie}"
    async with browser() as client:
        response = await client.get("/", headers=headers)
    assert response.headers["Content-Language"] == chosen
    assert {"Accept-Language", "Cookie"} <= set(response.headers["Vary"].split(", "))


@pytest.mark.usefixtures("site")
async def test_the_door_speaks_the_language_of_who_stands_before_it(
    browser: Browser,
) -> None:
    async with browser() as client:
        russian = await client.get("/", headers={"Accept-Language": "ru"})
        english = await client.get("/", headers={"Accept-Language": "en"})
    assert russian.status_code == english.status_code == 401
    assert russian.text == "Войдите под своим именем и паролем."
    assert english.text == "Please sign in with your user name and password."


@pytest.mark.usefixtures("site")
async def test_what_may_be_cached_is_not_kept_once_a_language(browser: Browser) -> None:
    async with browser() as client:
        response = await client.get("/asset.css", headers=RIGHT)
    assert "Content-Language" not in response.headers
    assert "Vary" not in response.headers


@pytest.mark.parametrize(
    ("language", "in_full", "in_short"),
    [
        ("en", "25 Nov 2026, 14:03:27", "25 Nov, 14:03:27"),
        ("ru", "25 ноября 2026, 14:03:27", "25 ноября, 14:03:27"),
    ],
)
def test_times_are_written_as_the_language_does(
    monkeypatch: pytest.MonkeyPatch, language: str, in_full: str, in_short: str
) -> None:
    today = NOVEMBER + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: today)
    with translation.override(language):
        assert moments.in_full(NOVEMBER) == in_full
        assert moments.in_short(NOVEMBER) == in_short
        assert moments.in_short(today) == "14:03:27"


async def test_a_body_that_is_streamed_is_in_the_language_too() -> None:
    async def stream() -> AsyncIterator[str]:
        yield str(wording.MESSAGES["read"])

    async def view(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(stream())

    request = RequestFactory().get("/", headers={"Accept-Language": "ru"})
    response = await language(view)(request)
    assert isinstance(response, StreamingHttpResponse)
    assert [part async for part in response] == ["прочитано".encode()]
