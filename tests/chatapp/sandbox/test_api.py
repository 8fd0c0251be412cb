from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import quote

import httpx
import pytest

from chatapp.sandbox.limits import RateLimit
from chatapp.sandbox.testing import QUICK, SandboxServer

from .conftest import LINE, PHONE, code_of, connect, send


async def test_the_licences_are_listed_as_documented(client: httpx.AsyncClient) -> None:
    found = (await client.get("/v1/licenses")).json()["data"]

    by_id = {licence["licenseId"]: licence for licence in found}
    assert set(by_id) == {50001, 50002, 50003}
    first = by_id[50001]
    assert first["messenger"][0]["type"] == "grWhatsApp"
    assert first["status"] == {"id": 4, "code": "paid"}
    assert first["active"] is True
    assert first["licenseTo"] > time.time()
    assert by_id[50002]["messenger"][0]["type"] == "caWhatsApp"
    assert by_id[50003]["licenseTo"] < time.time()
    assert by_id[50003]["active"] is False


async def test_a_phone_is_checked(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{LINE}/phones/{PHONE}/check")
    assert answer.json()["data"] == {"exist": True, "chatId": f"{PHONE}@c.us"}
    assert (await client.get(f"{LINE}/phones/abc/check")).status_code == 422


@pytest.mark.parametrize("chat", [PHONE, f"{PHONE}@c.us", quote(f"{PHONE}@c.us")])
async def test_a_text_is_accepted_and_recorded(
    sandbox: SandboxServer, client: httpx.AsyncClient, chat: str
) -> None:
    answer = await send(client, chat, "Привет 😀", tracking="c1-r1")

    assert answer.status_code == 200
    data = answer.json()["data"]
    assert data["chatId"] == f"{PHONE}@c.us"
    (kept,) = sandbox.record.sends()
    assert kept.accepted
    assert (kept.phone, kept.text, kept.tracking) == (PHONE, "Привет 😀", "c1-r1")
    assert kept.message_id == data["id"]
    assert (kept.licence_id, kept.messenger) == ("50001", "grWhatsApp")
    assert abs(kept.at - time.time()) < 5


async def test_every_message_has_an_id_of_its_messenger(
    client: httpx.AsyncClient,
) -> None:
    ids = []
    for line in ("50001/messengers/grWhatsApp", "50002/messengers/caWhatsApp"):
        path = f"/v1/licenses/{line}/chats/{PHONE}/messages/text"
        for _ in range(2):
            answer = await client.post(path, json={"text": "x"})
            ids.append(answer.json()["data"]["id"])
    assert len(set(ids)) == 4
    assert all(one.startswith("3EB0") for one in ids[:2])
    assert all(one.startswith("wamid.") for one in ids[2:])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'{"text":null}',
        b'{"text":"  "}',
        b'{"text":5}',
        b'{"text":"\\ud800"}',
        b'{"text":"x","tracking":5}',
        b'{"text":"' + b"x" * 4097 + b'"}',
    ],
)
async def test_a_bad_text_is_422_and_recorded_as_not_accepted(
    sandbox: SandboxServer, client: httpx.AsyncClient, body: bytes
) -> None:
    answer = await client.post(f"{LINE}/chats/{PHONE}/messages/text", content=body)

    assert (answer.status_code, code_of(answer)) == (422, "ApiInvalidParameterError")
    (kept,) = sandbox.record.sends()
    assert not kept.accepted
    assert kept.message_id is None
    assert kept.answer == "422 ApiInvalidParameterError"


async def test_the_longest_text_is_accepted(client: httpx.AsyncClient) -> None:
    assert (await send(client, text="ж" * 4096)).is_success


@pytest.mark.parametrize("chat", ["+79990000001", "abc", "79990000001@lid", "1"])
async def test_a_bad_chat_is_422(client: httpx.AsyncClient, chat: str) -> None:
    assert (await send(client, quote(chat))).status_code == 422


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("1/messengers/grWhatsApp", 404, "ApiLicenseNotFoundError"),
        ("50001/messengers/viber", 404, "ApiMessengerNotFoundError"),
        ("50003/messengers/grWhatsApp", 400, "ApiLicenseExpiredError"),
    ],
)
async def test_an_unusable_line_is_refused(
    client: httpx.AsyncClient, line: str, status: int, code: str
) -> None:
    path = f"/v1/licenses/{line}/chats/{PHONE}/messages/text"
    answer = await client.post(path, json={"text": "x"})
    assert (answer.status_code, code_of(answer)) == (status, code)


async def test_nothing_is_accepted_without_a_token(
    sandbox: SandboxServer, client: httpx.AsyncClient
) -> None:
    client.headers["Authorization"] = "wrong"
    assert (await send(client, tracking="t1")).status_code == 403
    (kept,) = sandbox.record.sends()
    assert (kept.accepted, kept.tracking) == (False, "t1")


async def test_unknown_paths_and_methods_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/nothing")
    assert (answer.status_code, code_of(answer)) == (404, "ApiNotFoundError")
    answer = await client.delete("/v1/licenses")
    assert (answer.status_code, code_of(answer)) == (405, "ApiMethodNotAllowedError")
    assert (await client.get("/nothing")).status_code == 404


async def test_a_body_that_is_too_big_is_refused(client: httpx.AsyncClient) -> None:
    path = f"{LINE}/chats/{PHONE}/messages/text"
    answer = await client.post(path, content=b"x" * (1024 * 1024 + 1))
    assert answer.status_code == 422


async def test_the_history_of_a_chat_is_paged_newest_first(
    client: httpx.AsyncClient,
) -> None:
    for number in range(5):
        await send(client, text=f"text {number}", tracking=f"t{number}")
    await send(client, "79990000002", "somebody else's")
    await client.post("/sandbox/incoming", json={"phone": PHONE, "text": "thanks"})

    path = f"{LINE}/chats/{PHONE}/messages"
    first = (await client.get(path, params={"limit": 4})).json()["data"]
    texts = [item["message"]["text"] for item in first["items"]]
    assert texts == ["thanks", "text 4", "text 3", "text 2"]
    incoming, ours = first["items"][:2]
    assert (incoming["side"], incoming["fromMe"]) == ("in", False)
    assert incoming["fromApp"] is None
    assert (ours["side"], ours["fromMe"], ours["fromApi"]) == ("out", True, True)
    assert ours["fromApp"] == {"id": "app_100_1", "tracking": "t4"}
    assert ours["chat"]["phone"] == PHONE

    params = {"limit": 4, "nextPage": first["nextPage"]}
    second = (await client.get(path, params=params)).json()["data"]
    texts = [item["message"]["text"] for item in second["items"]]
    assert texts == ["text 1", "text 0"]
    assert second["nextPage"] is None


async def test_the_history_begins_where_it_is_asked_to(
    client: httpx.AsyncClient,
) -> None:
    await send(client, text="one")
    path = f"{LINE}/chats/{PHONE}/messages"

    async def texts(**params: str | int) -> list[str]:
        data = (await client.get(path, params=params)).json()["data"]
        return [item["message"]["text"] for item in data["items"]]

    now = int(time.time())
    assert await texts(lastTime=now + 10) == ["one"]
    assert await texts(lastTime=now - 10) == []
    assert await texts(lastTime=now - 10, direction="next") == ["one"]
    assert (await client.get(path, params={"limit": 101})).status_code == 422
    assert (await client.get(path, params={"limit": "x"})).status_code == 422


def test_fifty_requests_pass_in_any_second() -> None:
    now = 0.0
    limit = RateLimit(50, clock=lambda: now)
    passed = 0
    for step in range(300):
        now = step / 100
        passed += limit.allows("one")
    assert passed == 150
    assert not limit.allows("one")
    assert limit.allows("another")
    now += 1
    assert limit.allows("one")


async def test_a_request_over_the_limit_is_429_and_not_accepted() -> None:
    options = replace(QUICK, rate_limit=1)
    async with (
        SandboxServer(options=options) as sandbox,
        connect(sandbox.url) as client,
    ):
        await client.get("/v1/licenses")
        answer = await send(client)
        assert (answer.status_code, code_of(answer)) == (429, "ApiRateLimitError")
        assert answer.headers["retry-after"] == "1"
        assert [kept.accepted for kept in sandbox.record.sends()] == [False]
        assert (await client.get("/")).is_success
