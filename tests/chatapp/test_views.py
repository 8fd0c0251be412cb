from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import AsyncClient
from django.urls import reverse
from django.utils import translation
from pytest_django.fixtures import Settings
from redis.asyncio import Redis

from asgi_app.database import in_orm
from chatapp.client import ChatApp
from chatapp.limiter import Limiter
from chatapp.models import Account, Line
from chatapp.sandbox.knobs import Endpoint, Kind
from tests.chatapp.accounts_rig import ACCOUNT, Rig, rigged

FORM = {"email": ACCOUNT.email, "password": "right", "app_id": ACCOUNT.app_id}


class Browser(AsyncClient):
    """Reaches a process that holds these resources open."""

    def __init__(self, resources: object, *, checks_csrf: bool) -> None:
        super().__init__(enforce_csrf_checks=checks_csrf)
        self._state = {"resources": resources}

    async def request(self, **request: Any) -> Any:
        return await super().request(**request, state=self._state)


class Site:
    """The Connect page as a signed-in operator's browser has it."""

    def __init__(self, rig: Rig, *, password: str = "") -> None:
        self.rig = rig
        self.tokens = rig.store(password=password)
        self.chatapp = ChatApp(
            rig.calls, self.tokens, Limiter(rig.redis, rate_per_s=1000)
        )
        self.browse()

    def browse(self, *, checks_csrf: bool = False, user: str = "anna") -> None:
        resources = SimpleNamespace(
            tokens=self.tokens, chatapp=self.chatapp, redis=self.rig.redis
        )
        self.client = Browser(resources, checks_csrf=checks_csrf)
        name = base64.b64encode(f"{user}:correct horse".encode()).decode()
        self._headers = {"authorization": f"Basic {name}"} if user else {}

    async def get(self, url: str = "") -> str:
        answer = await self.client.get(
            url or reverse("chatapp:connect"), headers=self._headers
        )
        assert answer.status_code == 200, answer.content
        return text_of(answer)

    async def ask(
        self, method: str, name: str, data: dict[str, str] | None = None, *args: int
    ) -> Any:
        url = reverse(f"chatapp:{name}", args=args)
        ask = getattr(self.client, method)
        return await ask(url, data or {}, headers=self._headers)

    async def post(
        self, name: str, data: dict[str, str] | None = None, *args: int
    ) -> Any:
        return await self.ask("post", name, data, *args)

    async def follow(self, answer: Any) -> str:
        assert answer.status_code == 302, answer.content
        return await self.get(answer.headers["Location"])


def text_of(page: Any) -> str:
    return unescape(" ".join(page.content.decode().split()))


async def all_lines() -> list[Line]:
    return await in_orm(lambda: list(Line.objects.order_by("pk")))


@pytest.fixture
async def site(redis: Redis, transactional_db: None) -> AsyncIterator[Site]:
    async with rigged(redis) as rig:
        yield Site(rig)


@pytest.mark.parametrize(
    ("method", "name", "args"),
    [
        ("get", "connect", ()),
        ("post", "connect-account", ()),
        ("post", "fetch-lines", ()),
        ("post", "choose-line", (1,)),
    ],
)
async def test_an_outsider_gets_nothing(
    site: Site, method: str, name: str, args: tuple[int, ...]
) -> None:
    site.browse(user="")
    assert (await site.ask(method, name, {}, *args)).status_code == 401
    assert site.rig.calls.log_ins == 0


async def test_a_form_without_its_csrf_token_is_refused(site: Site) -> None:
    site.browse(checks_csrf=True)
    for name in ("connect-account", "fetch-lines"):
        assert (await site.post(name, FORM)).status_code == 403
    assert (await site.post("choose-line", {}, 1)).status_code == 403
    assert site.rig.calls.log_ins == 0


async def test_before_the_connection_the_page_asks_for_it(site: Site) -> None:
    page = await site.get()
    assert "Not connected." in page
    assert "100 of the 100" in page
    assert "No lines are known yet." in page
    assert site.rig.calls.log_ins == 0


async def test_it_says_that_it_is_the_sandbox(site: Site, settings: Settings) -> None:
    settings.CHATAPP_IS_SANDBOX = True
    assert "This is the sandbox" in await site.get()
    settings.CHATAPP_IS_SANDBOX = False
    assert "This is the sandbox" not in await site.get()


async def test_connecting_shows_the_account_and_its_lines(site: Site) -> None:
    page = await site.follow(await site.post("connect-account", FORM))
    assert "Connected as <strong>anna@example.com</strong>" in page
    assert "by anna" in page
    assert "99 of the 100" in page
    assert "valid for 23 hours" in page.replace("\xa0", " ")
    assert "Sandbox WhatsApp Cloud" in page
    assert "no: switched off at ChatApp" in page
    row = await in_orm(Account.objects.get)
    assert row.sealed_access not in page
    assert "$2y$…" in page


async def test_the_state_of_a_licence_is_told_in_words(site: Site) -> None:
    page = await site.follow(await site.post("connect-account", FORM))
    assert "yes <small>paid</small>" in page
    assert "switched off at ChatApp <small>not paid</small>" in page
    await in_orm(Line.objects.update, status_code="odd")
    page = await site.get()
    assert "yes <small>odd</small>" in page
    with translation.override("ru"):
        assert str(Line(status_code="paid").licence_state) == "лицензия оплачена"


async def test_a_refused_log_in_is_told_in_words_and_keeps_what_was_typed(
    site: Site,
) -> None:
    answer = await site.post("connect-account", FORM | {"password": "wr0ng-one"})
    page = text_of(answer)
    assert answer.status_code == 422
    assert "ChatApp refused the log-in." in page
    assert "ApiInvalidCredentialsError" in page
    assert 'value="anna@example.com"' in page
    assert 'value="app_1"' in page
    assert "wr0ng-one" not in page


async def test_an_unknown_code_is_shown_with_chatapp_s_own_text(site: Site) -> None:
    site.rig.sandbox.knobs.set(
        Kind.REFUSE,
        on=Endpoint.TOKENS,
        status=418,
        code="ApiTeapotError",
        message="<b>Short & stout</b>",
    )
    answer = await site.post("connect-account", FORM)
    assert b"&lt;b&gt;Short &amp; stout&lt;/b&gt;" in answer.content
    assert b"ApiTeapotError" in answer.content


@pytest.mark.parametrize("missing", ["email", "password", "app_id"])
async def test_an_incomplete_form_asks_nothing_of_chatapp(
    site: Site, missing: str
) -> None:
    answer = await site.post("connect-account", FORM | {missing: ""})
    assert answer.status_code == 422
    assert "This field is required." in text_of(answer)
    assert site.rig.calls.log_ins == 0


async def test_an_api_out_of_reach_is_told(site: Site) -> None:
    await site.rig.sandbox.__aexit__(None, None, None)
    page = text_of(await site.post("connect-account", FORM))
    assert "ChatApp could not be reached" in page


async def test_when_the_lines_fail_the_account_is_connected_all_the_same(
    site: Site,
) -> None:
    site.rig.sandbox.knobs.set(Kind.REFUSE, on=Endpoint.LICENSES, count=1)
    page = await site.follow(await site.post("connect-account", FORM))
    assert "could not be fetched yet" in page
    assert "Connected as" in page
    page = await site.follow(await site.post("fetch-lines"))
    assert "Sandbox WhatsApp" in page


async def test_a_refusal_of_the_lines_is_told_with_its_code(site: Site) -> None:
    await site.post("connect-account", FORM)
    site.rig.sandbox.knobs.set(
        Kind.REFUSE, on=Endpoint.LICENSES, status=400, code="ApiOddError"
    )
    answer = await site.post("fetch-lines")
    assert answer.status_code == 422
    assert "ApiOddError" in text_of(answer)


async def test_fetching_without_an_account_says_so(site: Site) -> None:
    page = text_of(await site.post("fetch-lines"))
    assert "No account is connected yet." in page


async def test_choosing_a_line_keeps_who_chose_it(site: Site) -> None:
    await site.post("connect-account", FORM)
    cloud = (await all_lines())[1]
    page = await site.follow(await site.post("choose-line", {}, cloud.pk))
    assert "New campaigns use the chosen line." in page
    chosen = [line for line in await all_lines() if line.is_chosen]
    assert [(line.pk, line.chosen_by) for line in chosen] == [(cloud.pk, "anna")]


async def test_a_line_that_is_over_cannot_be_chosen(site: Site) -> None:
    await site.post("connect-account", FORM)
    before, over = (
        (line.is_chosen for line in await all_lines()),
        (await all_lines())[3],
    )
    answer = await site.post("choose-line", {}, over.pk)
    assert answer.status_code == 422
    assert "This line cannot be chosen: switched off at ChatApp." in text_of(answer)
    assert list(before) == [line.is_chosen for line in await all_lines()]


async def test_an_unknown_line_is_not_found(site: Site) -> None:
    assert (await site.post("choose-line", {}, 4711)).status_code == 404


@pytest.mark.parametrize("name", ["connect-account", "fetch-lines"])
async def test_actions_need_a_post(site: Site, name: str) -> None:
    assert (await site.ask("get", name)).status_code == 405


async def test_a_notice_that_is_not_ours_is_not_shown(site: Site) -> None:
    page = await site.get(reverse("chatapp:connect") + "?notice=<b>pwned")
    # The switch of languages comes back to the same address.
    assert page.count("pwned") == page.count('?notice=%3Cb%3Epwned"')


async def test_the_refusal_of_the_settings_password_stays_on_the_page(
    site: Site,
) -> None:
    site = Site(site.rig, password="wrong")
    await site.tokens.keep_fresh()
    page = await site.get()
    assert "ChatApp refused to give tokens" in page
    assert "ApiInvalidCredentialsError" in page
    page = await site.follow(await site.post("connect-account", FORM))
    assert "ChatApp refused to give tokens" not in page


async def test_an_access_token_that_is_over_is_told_as_over(site: Site) -> None:
    await site.post("connect-account", FORM)
    over = site.rig.clock() - timedelta(hours=1)
    await in_orm(partial(Account.objects.update, access_ends_at=over))
    assert "renewed when it is needed" in await site.get()


async def test_a_browser_that_goes_away_leaves_a_whole_connection(site: Site) -> None:
    site.rig.sandbox.knobs.set(Kind.DELAY, on=Endpoint.TOKENS, seconds=0.3)
    view = asyncio.create_task(site.post("connect-account", FORM))
    await site.rig.calls.log_in_left.wait()
    view.cancel()
    with pytest.raises(asyncio.CancelledError):
        await view
    await site.tokens.close()
    assert await site.rig.store(password="").access()
    assert site.rig.calls.log_ins == 1
