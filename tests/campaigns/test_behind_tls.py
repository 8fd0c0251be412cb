"""The pages behind a proxy that ends TLS, and in front of nobody who says he is one."""

from __future__ import annotations

from ipaddress import ip_network

import httpx
import pytest
from pytest_django import Settings

from asgi_app.database import in_orm
from campaigns.models import Campaign
from chatapp.models import Line
from tests.campaigns.browser import Site, form

OURS = "https://localhost"
PAGE = "/campaigns/new/"


@pytest.fixture
def proxied(settings: Settings, site: Site) -> Site:
    """The site, reached by https through a proxy at 127.0.0.1."""
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    site.http.headers["X-Forwarded-Proto"] = "https"
    # To the client the proxy is the site.
    site.http.base_url = httpx.URL(OURS)
    return site


async def send(site: Site, line: Line, **headers: str) -> int:
    await site.get(PAGE)
    token = site.http.cookies["csrftoken"]
    fields = form(line) | {"csrfmiddlewaretoken": token}
    return (await site.http.post(PAGE, data=fields, headers=headers)).status_code


async def test_cookies_are_secure_where_the_browser_came_by_https(
    proxied: Site,
) -> None:
    cookie = (await proxied.get(PAGE)).headers["Set-Cookie"]
    assert "csrftoken=" in cookie and "; Secure" in cookie


async def test_cookies_are_kept_where_the_browser_came_by_http(site: Site) -> None:
    assert "Secure" not in (await site.get(PAGE)).headers["Set-Cookie"]


@pytest.mark.parametrize(
    "headers", [{"Origin": OURS}, {"Referer": OURS + PAGE}], ids=str
)
async def test_a_form_of_our_own_is_taken(
    proxied: Site, line: Line, headers: dict[str, str]
) -> None:
    assert await send(proxied, line, **headers) == 302
    assert await in_orm(Campaign.objects.count) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Referer": "https://evil.example/"},
        # Who sits on the way may answer for http://, and set cookies there.
        {"Origin": "http://localhost"},
        {"Referer": "http://localhost/campaigns/new/"},
    ],
    ids=str,
)
async def test_a_form_from_elsewhere_is_refused(
    proxied: Site, line: Line, headers: dict[str, str]
) -> None:
    assert await send(proxied, line, **headers) == 403
    assert await in_orm(Campaign.objects.count) == 0


async def test_redirects_stay_with_the_address_that_the_browser_has(
    proxied: Site, line: Line
) -> None:
    moved = await proxied.get("/campaigns/new")
    assert (moved.status_code, moved.headers["Location"]) == (301, PAGE)


async def test_who_is_no_proxy_is_not_believed(
    proxied: Site, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.2")]
    assert "Secure" not in (await proxied.get(PAGE)).headers["Set-Cookie"]
