from __future__ import annotations

from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from chatapp.calls import Calls, boottime
from chatapp.client import ChatApp
from chatapp.errors import (
    ChatAppError,
    Refused,
    Unsure,
)
from chatapp.limiter import Limiter
from chatapp.sandbox.testing import SandboxServer
from chatapp.transport import open_http
from chatapp.types import (
    CallbackUrl,
    HistoryItem,
    Licence,
    LineKey,
    Messenger,
    PhoneCheck,
)
from tests.chatapp.bench import (
    ACCEPTS,
    LINE,
    SEND_PATH,
    TOKEN_EXPIRED,
    Tokens,
    bench,
)
from tests.chatapp.stubs import (
    answers,
    succeeds,
)


async def test_a_send_carries_the_text_the_tracking_and_the_bare_token(
    redis: Redis,
) -> None:
    async with bench(redis, ACCEPTS) as b:
        accepted = await b.app.send_text(
            LINE,
            phone="+7 999 000-00-01",
            text="Привет",
            tracking="t-1",
            deadline=b.clock.now + 90,
        )
    seen = b.server.seen[0]
    assert (seen.method, seen.target) == ("POST", SEND_PATH)
    assert seen.json == {"text": "Привет", "tracking": "t-1"}
    assert seen.headers["authorization"] == "token-1"
    assert accepted.message_id == "3EB0"
    assert accepted.chat_id == "79990000001@c.us"
    assert accepted.status == 200
    assert '"3EB0"' in accepted.raw


async def test_tracking_can_be_turned_off(redis: Redis) -> None:
    async with bench(redis, ACCEPTS, tracking=False) as b:
        await b.send()
    assert b.server.seen[0].json == {"text": "Привет"}


async def test_an_id_may_be_a_number_and_the_chat_id_absent(redis: Redis) -> None:
    async with bench(redis, succeeds({"id": 42})) as b:
        accepted = await b.app.send_text(
            LINE, phone="+7999", text="x", tracking="", deadline=b.clock.now + 90
        )
    assert (accepted.message_id, accepted.chat_id) == ("42", "7999")


async def test_names_of_a_line_are_quoted_in_the_path(redis: Redis) -> None:
    async with bench(redis, succeeds(None)) as b:
        await b.app.delete_callback(LineKey("1/0", "a b"))
    target = "/v1/licenses/1%2F0/messengers/a%20b/callbackUrl"
    assert b.server.seen[0].target == target


async def test_check_token_tells_and_does_not_renew(redis: Redis) -> None:
    async with bench(redis, succeeds([]), TOKEN_EXPIRED, answers(404, b"")) as b:
        assert await b.app.check_token() is True
        assert await b.app.check_token() is False
        with pytest.raises(ChatAppError):
            await b.app.check_token()
        assert b.tokens.renewals == 0
        assert b.server.seen[0].target == "/v1/tokens/check"


async def test_licences_need_only_an_id_and_a_messenger(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    full = {
        "licenseId": 100,
        "licenseTo": 1_900_000_000,
        "licenseName": "Shop",
        "status": {"id": 4, "code": "paid"},
        "active": True,
        "messenger": [
            {"type": "grWhatsApp", "name": "[WEB] WhatsApp", "info": {"phone": 79990}},
            {"name": "a messenger without a type"},
        ],
        "access": [],
    }
    bare = {"licenseId": "101", "messenger": [{"type": "telegram"}]}
    odd = bare | {
        "licenseId": 102,
        "licenseTo": "never",
        "licenseName": None,
        "status": "paid",
        "active": "yes",
    }
    skipped = [{"licenseId": 1, "messenger": []}, {"messenger": [{"type": "x"}]}, 7]
    async with bench(redis, succeeds([full, bare, odd, *skipped])) as b:
        licences = await b.app.licences()
    telegram = (Messenger("telegram", "telegram", None),)
    assert licences == [
        Licence(
            licence_id="100",
            name="Shop",
            paid_until=datetime.fromtimestamp(1_900_000_000, UTC),
            status_code="paid",
            active=True,
            messengers=(Messenger("grWhatsApp", "[WEB] WhatsApp", "79990"),),
        ),
        Licence("101", None, None, "", None, telegram),
        Licence("102", None, None, "", None, telegram),
    ]
    assert "without id or messenger: 3" in caplog.text


async def test_an_answer_that_is_no_list_is_not_taken_for_an_empty_one(
    redis: Redis,
) -> None:
    async with bench(redis, succeeds({"licenses": []})) as b:
        with pytest.raises(Unsure):
            await b.app.licences()
    async with bench(redis, succeeds(None)) as b:
        assert await b.app.licences() == []


async def test_check_phone_asks_by_digits(redis: Redis) -> None:
    yes = succeeds({"exist": True, "chatId": 79990000001})
    no = succeeds({"exist": False, "chatId": None})
    async with bench(redis, yes, no, succeeds({})) as b:
        found = await b.app.check_phone(LINE, "+79990000001")
        assert found == PhoneCheck(exists=True, chat_id="79990000001")
        assert await b.app.check_phone(LINE, "+7999") == PhoneCheck(False, None)
        with pytest.raises(Unsure):
            await b.app.check_phone(LINE, "+7999")
        path = "/v1/licenses/100/messengers/grWhatsApp/phones/79990000001/check"
        assert b.server.seen[0].target == path


async def test_callbacks_are_put_deleted_and_listed(redis: Redis) -> None:
    listed = [
        {
            "licenseId": 100,
            "messengerType": "grWhatsApp",
            "events": ["message", "messageStatus"],
            "url": "https://a.b/cb",
        },
        {"licenseId": 101},
    ]
    async with bench(redis, succeeds([]), succeeds([]), succeeds(listed)) as b:
        await b.app.put_callback(LINE, "https://a.b/cb")
        await b.app.delete_callback(LINE)
        assert await b.app.callbacks() == [
            CallbackUrl(
                "100", "grWhatsApp", ("message", "messageStatus"), "https://a.b/cb"
            )
        ]
    path = "/v1/licenses/100/messengers/grWhatsApp/callbackUrl"
    put, delete, get = b.server.seen
    assert (put.method, put.target) == ("PUT", path)
    assert put.json == {
        "events": ["message", "messageStatus"],
        "url": "https://a.b/cb",
    }
    assert (delete.method, delete.target) == ("DELETE", path)
    assert (get.method, get.target) == ("GET", "/v1/callbackUrls")


async def test_history_reads_either_shape_of_list(redis: Redis) -> None:
    ours = {
        "id": "3EB0",
        "side": "out",
        "time": 1_700_000_042,
        "message": {"text": "Привет"},
        "fromApp": {"id": "app_1", "tracking": "t-1"},
    }
    theirs = {"id": 7, "side": "in", "fromApp": None, "message": None}
    items = [ours, theirs, {"side": "in"}]
    async with bench(redis, succeeds({"items": items}), succeeds(items)) as b:
        history = await b.app.history(LINE, "+7999", limit=20)
        assert await b.app.history(LINE, "+7999") == history
    when = datetime.fromtimestamp(1_700_000_042, UTC)
    assert history == [
        HistoryItem("3EB0", "out", "t-1", when, "Привет"),
        HistoryItem("7", "in", None, None, None),
    ]
    path = "/v1/licenses/100/messengers/grWhatsApp/chats/7999/messages"
    assert [seen.target for seen in b.server.seen] == [
        f"{path}?limit=20",
        f"{path}?limit=100",
    ]


async def test_a_whole_visit_to_the_sandbox(redis: Redis) -> None:
    async with SandboxServer() as sandbox, open_http(sandbox.url) as http:
        calls = Calls(http)
        first = await calls.make_token(email="a@b.c", password="x", app_id="app_1")
        pair = await calls.refresh_token(first.refresh)
        assert pair.access != first.access
        tokens = Tokens(current=pair.access)
        app = ChatApp(calls, tokens, Limiter(redis, rate_per_s=40))
        assert await app.check_token()
        licence = (await app.licences())[0]
        line = LineKey(licence.licence_id, licence.messengers[0].type)
        assert (await app.check_phone(line, "+79990000001")).exists
        accepted = await app.send_text(
            line,
            phone="+79990000001",
            text="Привет 👋",
            tracking="t-1",
            deadline=boottime() + 90,
        )
        (item,) = await app.history(line, "+79990000001")
        assert item.message_id == accepted.message_id
        assert (item.tracking, item.text, item.side) == ("t-1", "Привет 👋", "out")
        assert await app.callbacks() == []
        with pytest.raises(Refused) as caught:
            await calls.refresh_token("0" * 64)
        assert caught.value.code == "ApiInvalidRefreshTokenError"
