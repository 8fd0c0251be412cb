"""The switch of languages."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.utils import translation

from chatapp.models import Line
from tests.campaigns.browser import Site, form


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    with translation.override("en", deactivate=True):
        yield


async def test_it_changes_the_language_and_comes_back(site: Site) -> None:
    site.http.headers["Accept-Language"] = "en"
    before = await site.get("/campaigns/new/?a=1")
    assert 'name="next" value="/campaigns/new/?a=1"' in before.text
    response = await site.post("/language/", language="ru", next="/campaigns/new/?a=1")
    assert response.status_code == 302
    assert response.headers["Location"] == "/campaigns/new/?a=1"
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("language=ru;")
    for attribute in ("HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"):
        assert attribute in cookie
    assert '<html lang="ru">' in (await site.get("/campaigns/new/")).text


async def test_each_language_is_named_in_itself(site: Site) -> None:
    site.http.headers["Accept-Language"] = "ru"
    page = (await site.get("/")).text
    buttons = re.findall(r"<button name=\"language\"[^>]+>[^<]+", page)
    assert buttons == [
        '<button name="language" value="en" lang="en">English',
        '<button name="language" value="ru" lang="ru" aria-current="true">Русский',
    ]


@pytest.mark.parametrize(
    "where",
    [
        *("https://evil.example/", "//evil.example/", "/\\evil.example", "///evil"),
        *("javascript:alert(1)", "http:evil.example", "http://localhost@evil.example"),
    ],
)
async def test_it_leads_nowhere_else(site: Site, where: str) -> None:
    response = await site.post("/language/", language="ru", next=where)
    assert response.headers["Location"] == "/"


async def test_a_language_that_is_not_spoken_changes_nothing(site: Site) -> None:
    await site.post("/language/", language="xx", next="/")
    assert "language" not in site.http.cookies
    site.http.headers["Accept-Language"] = "ru"
    await site.post("/language/", language="de", next="/")
    assert '<html lang="ru">' in (await site.get("/")).text


async def test_only_a_form_of_this_site_changes_it(site: Site) -> None:
    refused = await site.http.post("/language/", data={"language": "ru", "next": "/"})
    assert refused.status_code == 403
    assert (await site.get("/language/?language=ru&next=/")).status_code == 405
    assert "language" not in site.http.cookies


async def test_an_outsider_cannot(site: Site) -> None:
    wanted = {"language": "ru", "next": "/"}
    response = await site.http.post("/language/", data=wanted, auth=lambda r: r)
    assert response.status_code == 401
    assert "Set-Cookie" not in response.headers


async def test_an_answer_to_a_form_offers_no_switch(site: Site, line: Line) -> None:
    """It would lose what was typed, and not every address of a form can be read."""
    response = await site.post("/campaigns/new/", **form(line, name=""))
    assert response.status_code == 422
    assert 'action="/language/"' not in response.text
