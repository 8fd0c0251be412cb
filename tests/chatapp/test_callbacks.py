from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings
from redis.asyncio import Redis

from asgi_app.database import in_orm
from asgi_app.valkey import free_port
from chatapp.callbacks import (
    CallbackState,
    ForeignCallback,
    ensure_callbacks,
    expected_url,
    look,
    register,
    remove,
    shown,
    state_of,
)
from chatapp.calls import Calls
from chatapp.client import ChatApp
from chatapp.errors import ChatAppError
from chatapp.limiter import Limiter
from chatapp.models import Account, Line
from chatapp.sandbox.licences import GR_LICENCE_ID
from chatapp.sandbox.server import serving
from chatapp.sandbox.testing import SandboxServer
from chatapp.transport import open_http
from chatapp.types import LineKey
from tests.campaigns.desk import Tokens

NEW, OLD = "new-secret-0123456789", "old-secret-0123456789"
GR = LineKey(str(GR_LICENCE_ID), "grWhatsApp")


async def receiver(scope: Any, receive: Any, send: Any) -> None:
    """Answers 200 to everything, as our own receiver does to an empty callback."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def chatapp(sandbox: SandboxServer, redis: Redis) -> AsyncIterator[ChatApp]:
    async with open_http(sandbox.url) as http:
        calls = Calls(http)
        limiter = Limiter(redis, rate_per_s=1_000)
        yield ChatApp(calls, Tokens(calls), limiter)


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[str]:
    """The public address under which a receiver really listens."""
    async with serving(receiver) as url:
        settings.PUBLIC_URL = url
        settings.WEBHOOK_SECRET = [NEW, OLD]
        yield url


@pytest.fixture
async def ours(line: Line) -> Line:
    line.licence_id = str(GR_LICENCE_ID)
    await in_orm(line.save)
    await in_orm(Account.objects.create, pk=1, sealed_access="something")
    return line


async def fresh(line: Line) -> Line:
    await in_orm(line.refresh_from_db)
    return line


async def seen_earlier(line: Line, *, seconds: float, refused_before: int = 0) -> None:
    """Moves what was seen of a line back, and its first refusal before that."""
    seen = await fresh(line)
    assert seen.callback_checked_at is not None
    assert seen.callback_refused_at is not None
    line.callback_checked_at = seen.callback_checked_at - timedelta(seconds=seconds)
    line.callback_refused_at = seen.callback_refused_at - timedelta(
        seconds=seconds + refused_before
    )
    await in_orm(line.save)


async def registered(chatapp: ChatApp) -> list[str]:
    return [one.url for one in await chatapp.callbacks()]


async def test_a_missing_callback_is_registered_by_itself_and_shown_without_secret(
    chatapp: ChatApp, here: str, ours: Line
) -> None:
    await ensure_callbacks(chatapp)
    assert await registered(chatapp) == [f"{here}/webhooks/chatapp/{NEW}/"]
    seen = await fresh(ours)
    assert seen.callback_state == CallbackState.OURS
    assert seen.callback_url == f"{here}/webhooks/chatapp/…"
    assert seen.callback_events == "message, messageStatus"


async def test_a_changed_secret_is_registered_anew(
    chatapp: ChatApp, here: str, ours: Line, settings: Settings
) -> None:
    settings.WEBHOOK_SECRET = [OLD]
    await ensure_callbacks(chatapp)
    settings.WEBHOOK_SECRET = [NEW, OLD]
    await ensure_callbacks(chatapp)
    assert await registered(chatapp) == [f"{here}/webhooks/chatapp/{NEW}/"]


async def test_another_program_s_address_is_replaced_only_by_its_name(
    chatapp: ChatApp, here: str, ours: Line
) -> None:
    async with serving(receiver) as elsewhere:
        foreign = f"{elsewhere}/crm"
        await chatapp.put_callback(GR, foreign)
        await ensure_callbacks(chatapp)
        assert await registered(chatapp) == [foreign]
        seen = await fresh(ours)
        assert (seen.callback_state, seen.callback_url) == ("foreign", foreign)
        for wrong in ("", f"{elsewhere}/other"):
            with pytest.raises(ForeignCallback):
                await register(chatapp, ours, replace=wrong)
        await register(chatapp, ours, replace=foreign)
        assert await registered(chatapp) == [expected_url()]


async def test_what_was_removed_by_hand_is_not_registered_by_itself(
    chatapp: ChatApp, here: str, ours: Line
) -> None:
    await ensure_callbacks(chatapp)
    await remove(chatapp, ours)
    assert (await fresh(ours)).callback_state == CallbackState.NONE
    await in_orm(Line.objects.update, callback_checked_at=None)
    await ensure_callbacks(chatapp)
    assert await registered(chatapp) == []
    await register(chatapp, ours)
    assert await registered(chatapp) == [expected_url()]


async def test_a_refusal_is_kept_with_its_code(
    chatapp: ChatApp, here: str, ours: Line, settings: Settings
) -> None:
    settings.PUBLIC_URL = "https://example.com"  # the sandbox calls nobody outside
    with pytest.raises(ChatAppError):
        await register(chatapp, ours)
    seen = await fresh(ours)
    assert seen.callback_code == "ApiCallbackUrlError"
    assert seen.callback_text
    await ensure_callbacks(chatapp)


async def test_one_line_s_refusal_keeps_no_other_from_its_own_and_is_kept(
    chatapp: ChatApp, here: str, ours: Line, caplog: pytest.LogCaptureFixture
) -> None:
    other = await in_orm(
        Line.objects.create, licence_id="404404", messenger="grWhatsApp"
    )
    await in_orm(lambda: Line.objects.filter(pk=ours.pk).delete())
    ours.pk = None  # created after the other one
    await in_orm(ours.save)
    await ensure_callbacks(chatapp)
    assert await registered(chatapp) == [expected_url()]
    assert (await fresh(ours)).callback_state == CallbackState.OURS
    seen = await fresh(other)
    assert (seen.callback_state, seen.callback_code) == (
        CallbackState.NONE,
        "ApiLicenseNotFoundError",
    )
    await look(chatapp)
    assert (await fresh(other)).callback_code == "ApiLicenseNotFoundError"
    assert NEW not in caplog.text


async def test_an_address_without_the_statuses_is_registered_anew(
    chatapp: ChatApp, here: str, ours: Line
) -> None:
    await chatapp.put_callback(GR, expected_url(), events=["message"])
    await look(chatapp)
    assert (await fresh(ours)).callback_state == CallbackState.PARTIAL
    await in_orm(Line.objects.update, callback_checked_at=None)
    await ensure_callbacks(chatapp)
    seen = await fresh(ours)
    assert (seen.callback_state, seen.callback_events) == (
        CallbackState.OURS,
        "message, messageStatus",
    )


async def test_another_program_s_address_is_not_removed(
    chatapp: ChatApp, here: str, ours: Line
) -> None:
    async with serving(receiver) as elsewhere:
        await chatapp.put_callback(GR, f"{elsewhere}/crm")
        with pytest.raises(ForeignCallback):
            await remove(chatapp, ours)
        assert await registered(chatapp) == [f"{elsewhere}/crm"]


async def test_a_secret_behind_our_path_is_kept_nowhere_even_on_another_host(
    chatapp: ChatApp, here: str, ours: Line, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "chatapp")
    async with serving(receiver) as elsewhere:
        await chatapp.put_callback(GR, f"{elsewhere}/webhooks/chatapp/their-secret/")
        await ensure_callbacks(chatapp)
        seen = await fresh(ours)
        masked = f"{elsewhere}/webhooks/chatapp/…"
        assert (seen.callback_state, seen.callback_url) == ("foreign", masked)
        ours_said = [r.getMessage() for r in caplog.records if r.name != "httpx"]
        assert not [text for text in ours_said if "their-secret" in text]
        await register(chatapp, ours, replace=masked)
    assert await registered(chatapp) == [expected_url()]


async def test_what_is_well_is_not_asked_about_for_an_hour(
    chatapp: ChatApp, here: str, ours: Line, sandbox: SandboxServer
) -> None:
    await ensure_callbacks(chatapp)
    before = await fresh(ours)
    await ensure_callbacks(chatapp)
    assert (await fresh(ours)).callback_checked_at == before.callback_checked_at


async def test_what_a_look_finds_missing_is_registered_at_the_next_run(
    chatapp: ChatApp, here: str, ours: Line
) -> None:
    await ensure_callbacks(chatapp)
    async with serving(receiver) as elsewhere:
        await chatapp.put_callback(GR, f"{elsewhere}/webhooks/chatapp/{NEW}/")
        await look(chatapp)
        assert (await fresh(ours)).callback_state == CallbackState.STALE
        await ensure_callbacks(chatapp)
    assert await registered(chatapp) == [expected_url()]
    assert (await fresh(ours)).callback_state == CallbackState.OURS


async def test_what_is_taken_and_not_kept_is_registered_ever_later(
    chatapp: ChatApp, here: str, ours: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = 0

    async def forgets(*_: object) -> None:
        nonlocal put
        put += 1

    monkeypatch.setattr(ChatApp, "put_callback", forgets)
    for _ in range(60):
        await ensure_callbacks(chatapp)
        await seen_earlier(ours, seconds=60)
    assert (await fresh(ours)).callback_code == "callback_not_kept"
    assert 6 <= put <= 12, "an hour: after 1, 2, 4, 8 minutes, then every ten"


async def test_a_line_that_is_due_drags_no_other_along(
    chatapp: ChatApp, here: str, ours: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    await in_orm(Line.objects.create, licence_id="404404", messenger="grWhatsApp")
    await ensure_callbacks(chatapp)
    asked = []
    put_callback = ChatApp.put_callback

    async def counted(self: ChatApp, line: LineKey, url: str) -> None:
        asked.append(line.licence_id)
        await put_callback(self, line, url)

    monkeypatch.setattr(ChatApp, "put_callback", counted)
    await in_orm(
        Line.objects.filter(pk=ours.pk).update,
        callback_checked_at=None,
        callback_state=CallbackState.STALE,
    )
    await chatapp.delete_callback(GR)
    await ensure_callbacks(chatapp)
    assert asked == [ours.licence_id]


async def test_what_is_refused_while_web_starts_is_registered_within_seconds(
    chatapp: ChatApp, here: str, ours: Line, settings: Settings
) -> None:
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"  # nobody listens yet
    await ensure_callbacks(chatapp)
    assert (await fresh(ours)).callback_code == "ApiCallbackUrlError"
    async with serving(receiver, port=urlsplit(settings.PUBLIC_URL).port):
        await ensure_callbacks(chatapp)  # too soon to ask again
        assert await registered(chatapp) == []
        await seen_earlier(ours, seconds=11)
        await ensure_callbacks(chatapp)
    assert await registered(chatapp) == [expected_url()]
    seen = await fresh(ours)
    assert (seen.callback_code, seen.callback_refused_at) == ("", None)


@pytest.mark.parametrize(
    ("refused_for", "waits"),
    [(0, 10), (60, 60), (300, 300), (600, 600), (86_400, 600)],
)
async def test_what_is_refused_for_long_is_asked_about_ever_later_up_to_ten_minutes(
    chatapp: ChatApp,
    ours: Line,
    settings: Settings,
    refused_for: int,
    waits: int,
) -> None:
    settings.PUBLIC_URL = "https://example.com"  # the sandbox calls nobody outside
    with pytest.raises(ChatAppError):
        await register(chatapp, ours)
    await seen_earlier(ours, seconds=waits - 3, refused_before=refused_for)
    before = (await fresh(ours)).callback_checked_at
    await ensure_callbacks(chatapp)
    assert (await fresh(ours)).callback_checked_at == before
    await seen_earlier(ours, seconds=4)
    since = (await fresh(ours)).callback_refused_at
    before = (await fresh(ours)).callback_checked_at
    await ensure_callbacks(chatapp)
    seen = await fresh(ours)
    assert seen.callback_checked_at is not None and before is not None
    assert seen.callback_checked_at > before
    assert seen.callback_refused_at == since


async def test_without_a_public_url_nothing_is_asked(
    chatapp: ChatApp, ours: Line, settings: Settings
) -> None:
    settings.PUBLIC_URL = ""
    await ensure_callbacks(chatapp)
    assert (await fresh(ours)).callback_checked_at is None
    assert expected_url() == ""


async def test_looking_changes_nothing(chatapp: ChatApp, here: str, ours: Line) -> None:
    await look(chatapp)
    assert (await fresh(ours)).callback_state == CallbackState.NONE
    assert await registered(chatapp) == []


def test_whose_an_address_is(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://shop.example/"
    settings.WEBHOOK_SECRET = [NEW, OLD]
    path = "/webhooks/chatapp/"
    for url, state in (
        ("", CallbackState.NONE),
        (f"https://shop.example{path}{NEW}/", CallbackState.OURS),
        (f"https://shop.example{path}{OLD}/", CallbackState.STALE),
        (f"https://shop.example{path}older-than-both/", CallbackState.STALE),
        (f"https://old.example{path}{OLD}/", CallbackState.STALE),
        (f"https://old.example{path}not-ours/", CallbackState.FOREIGN),
        ("https://crm.example/hook", CallbackState.FOREIGN),
    ):
        assert state_of(url) == state, url
    ours = f"https://shop.example{path}{NEW}/"
    for events, state in (
        (("message", "messageStatus", "chatTag"), CallbackState.OURS),
        ((), CallbackState.OURS),
        (("messageStatus",), CallbackState.PARTIAL),
    ):
        assert state_of(ours, events) == state
    assert shown(f"https://a{path}{NEW}/") == f"https://a{path}…"
