"""One installation and one Chromium for all tests in a browser.

The installation keeps its own SQLite, so on another database nothing would differ.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from django.db import connection
from playwright.async_api import Browser, expect

from asgi_app.valkey import PrivateValkey
from tests.browser.chromium import NoChromium, chromium_program, open_chromium
from tests.browser.clerk import clerk_at
from tests.browser.gallery import Gallery, hang
from tests.browser.installation import Installation, installed, web_alone
from tests.browser.operator import SLOW_MACHINE_MS, Operator, signed_in
from tests.browser.words import Words

# The first of them waits for the start of everything.
LIMIT_S = 180


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Playwright lives in the loop that it was started in."""
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.timeout(LIMIT_S))


@pytest.fixture(scope="session")
def _can_browse() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the tests in a browser run beside those on SQLite")
    try:
        chromium_program()
    except NoChromium as exc:
        pytest.skip(f"NOT TESTED IN A BROWSER: {exc}")


@pytest.fixture(scope="session")
def installation(
    _can_browse: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("installation")) as found:
        yield found


@pytest.fixture(scope="session")
def empty_site(
    _can_browse: None,
    installation: Installation,
    valkey: PrivateValkey,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The address of a site that has neither an account nor a campaign."""
    folder = tmp_path_factory.mktemp("empty-site")
    with web_alone(
        folder, REDIS_URL=valkey.url, CHATAPP_BASE_URL=installation.sandbox_url
    ) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(_can_browse: None) -> AsyncIterator[Browser]:
    expect.set_options(timeout=SLOW_MACHINE_MS)
    async with open_chromium() as browser:
        yield browser


@pytest.fixture
def language() -> str:
    """English, unless a test is for both."""
    return "en"


@pytest.fixture
def words(language: str) -> Words:
    words = Words(language)
    words.skip_unless_translated()
    return words


@pytest_asyncio.fixture(loop_scope="session")
async def operator(
    chromium: Browser, installation: Installation, words: Words
) -> AsyncIterator[Operator]:
    """Signed in, with JavaScript off, and with no knob turned."""
    installation.clear_knobs()
    async with signed_in(chromium, installation.url, words) as operator:
        yield operator
    installation.clear_knobs()


@pytest_asyncio.fixture(loop_scope="session")
async def scripted(
    chromium: Browser, installation: Installation
) -> AsyncIterator[Operator]:
    """Signed in, with scripts on, for what a test wants to know of a page."""
    async with signed_in(
        chromium,
        installation.url,
        Words("en"),
        java_script_enabled=True,
        bypass_csp=True,
        # Nothing is to be measured on its way from one colour to another.
        reduced_motion="reduce",
    ) as operator:
        yield operator


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gallery(installation: Installation) -> Gallery:
    async with clerk_at(installation.url) as clerk:
        return await hang(clerk, installation)
