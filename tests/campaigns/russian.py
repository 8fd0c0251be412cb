"""A browser that asks for Russian, and what of a page's words is not Russian."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx
import pytest
from django.conf import settings
from django.utils import translation

from tests.campaigns.browser import Site

# Names and codes, which are the same in every language, and what the tests typed.
AS_IT_IS = {
    *("ChatApp", "WhatsApp", "Redis", "MySQL", "SQLite", "Valkey", "HTTP", "Excel"),
    *(
        "English",
        "Europe",
        "Moscow",
        "csv",
        "CSV",
        "txt",
        "xlsx",
        "zip",
        "mail",
        "appId",
    ),
    *("CHATAPP", "BASE", "URL", "PUBLIC", "SEND", "DELAY", "MIN", "MAX", "callback"),
    *("Callback", "Business", "cookie", "dev", "STOP"),
    *("sweep", "settle", "count", "books", "keep", "connected"),
    *("anna", "grWhatsApp", "Hello", "Bye", "abc", "Sale", "Shop"),
}


class _Spoken(HTMLParser):
    """The texts of a page that are not code, and its attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._in_code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_code += tag in {"code", "pre"}
        spoken = {"aria-label", "alt", "title", "placeholder", "data-label"}
        self.texts += [value or "" for name, value in attrs if name in spoken]

    def handle_endtag(self, tag: str) -> None:
        self._in_code -= tag in {"code", "pre"}

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
    return latin(said)


def latin(text: str) -> set[str]:
    """The words in Latin letters that nothing excuses."""
    return set(re.findall("[A-Za-z]{2,}", text)) - AS_IT_IS


@pytest.fixture(autouse=True)
def language() -> Iterator[None]:
    """Leaves no language behind."""
    with translation.override("en", deactivate=True):
        yield


@pytest.fixture
def russian(site: Site) -> Site:
    site.http.headers["Accept-Language"] = "ru"
    return site
