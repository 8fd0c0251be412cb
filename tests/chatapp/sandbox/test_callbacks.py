from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from chatapp.sandbox.knobs import Kind
from chatapp.sandbox.server import serving
from chatapp.sandbox.testing import QUICK, SandboxServer

from .conftest import (
    PHONE,
    Receiver,
    authorise,
    connect,
    register,
    send,
)


async def test_the_statuses_of_a_message_come_in_their_documented_shape(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url)
    answer = await send(client, tracking="c1-r1")

    items = await receiver.wait_for(3)

    assert [item["type"] for item in items] == ["sent", "delivered", "viewed"]
    assert receiver.bodies[0]["meta"] == {
        "type": "messageStatus",
        "licenseId": 50001,
        "messengerType": "grWhatsApp",
    }
    first = items[0]
    assert abs(first.pop("time") - time.time()) < 5
    assert first == {
        "id": answer.json()["data"]["id"],
        "type": "sent",
        "chat": {
            "id": f"{PHONE}@c.us",
            "hash": None,
            "type": "private",
            "phone": PHONE,
            "username": None,
            "email": None,
        },
        "fromApp": {"id": "app_100_1", "tracking": "c1-r1"},
        "error": None,
    }


async def test_only_the_wanted_events_of_the_registered_line_come(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url, "message")
    await send(client)
    await client.post(
        f"/v1/licenses/50002/messengers/caWhatsApp/chats/{PHONE}/messages/text",
        json={"text": "x"},
    )
    await client.post("/sandbox/incoming", json={"phone": PHONE, "text": "hi"})
    items = await receiver.wait_for(1)
    assert [body["meta"]["type"] for body in receiver.bodies] == ["message"]
    assert items[0]["message"]["text"] == "hi"


async def test_statuses_come_with_their_delays_and_in_batches(
    receiver: Receiver,
) -> None:
    options = replace(
        QUICK,
        statuses=(("sent", 0.0), ("delivered", 0.3)),
        batch_wait_s=0.1,
        batch_size=3,
    )
    async with (
        SandboxServer(options=options) as sandbox,
        connect(sandbox.url) as client,
    ):
        await authorise(client)
        await register(client, receiver.url)
        started = time.time()
        for number in range(3):
            await send(client, f"7999000000{number}")
        bodies = await receiver.wait_for_posts(2)
        took = time.time() - started
    assert [len(body["data"]) for body in bodies] == [3, 3]
    assert receiver.types == ["sent"] * 3 + ["delivered"] * 3
    assert took >= 0.3


async def test_late_statuses(
    sandbox: SandboxServer, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url)
    sandbox.knobs.set(Kind.STATUS_LATE, count=1, seconds=0.3)
    started = time.time()
    await send(client)
    await receiver.wait_for(3)
    assert time.time() - started >= 0.3


async def test_doubled_statuses_come_in_a_second_post(
    sandbox: SandboxServer, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url)
    sandbox.knobs.set(Kind.STATUS_DOUBLED, count=1)
    await send(client)
    first, second = await receiver.wait_for_posts(2)
    assert first == second


async def test_reversed_statuses_keep_their_times(receiver: Receiver) -> None:
    options = replace(QUICK, statuses=(("sent", 0.0), ("viewed", 1.0)))
    async with (
        SandboxServer(options=options) as sandbox,
        connect(sandbox.url) as client,
    ):
        await authorise(client)
        await register(client, receiver.url)
        sandbox.knobs.set(Kind.STATUS_REVERSED)
        await send(client)
        viewed, sent = await receiver.wait_for(2)
    assert (viewed["type"], sent["type"]) == ("viewed", "sent")
    assert viewed["time"] > sent["time"]
    assert len(receiver.bodies) == 1


async def test_dropped_statuses_never_come(
    sandbox: SandboxServer, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url)
    sandbox.knobs.set(Kind.STATUS_DROPPED, phone=PHONE)
    await send(client)
    await send(client, "79990000002")
    items = await receiver.wait_for(3)
    assert {item["chat"]["phone"] for item in items} == {"79990000002"}
    assert sandbox.app.callbacks.pending() == 0


async def test_early_statuses_come_before_the_answer(
    sandbox: SandboxServer, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url)
    sandbox.knobs.set(Kind.STATUS_EARLY)
    sandbox.knobs.set(Kind.HANG)
    client.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        await send(client)
    assert receiver.types == ["sent", "delivered", "viewed"]


@pytest.mark.parametrize(
    ("code", "error"), [("", "No way"), ("E1", {"code": "E1", "message": "No way"})]
)
async def test_a_failed_status_has_an_error(
    sandbox: SandboxServer,
    client: httpx.AsyncClient,
    receiver: Receiver,
    code: str,
    error: object,
) -> None:
    await register(client, receiver.url)
    sandbox.knobs.set(Kind.STATUS_FAILED, code=code, message="No way")
    await send(client)
    sent, failed = await receiver.wait_for(2)
    assert (sent["type"], sent["error"]) == ("sent", None)
    assert (failed["type"], failed["error"]) == ("failed", error)


async def test_echoes_and_incoming_messages(
    sandbox: SandboxServer, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url, "message")
    sandbox.knobs.set(Kind.ECHO, count=1)
    sent = (await send(client, text="ours", tracking="t")).json()["data"]
    (echo,) = await receiver.wait_for(1)
    assert (echo["id"], echo["side"], echo["fromMe"]) == (sent["id"], "out", True)
    assert echo["message"] == {"text": "ours", "caption": None, "file": None}
    assert echo["fromApp"]["tracking"] == "t"

    await client.post("/sandbox/echo", json={"messageId": sent["id"]})
    assert len(await receiver.wait_for(2)) == 2

    await client.post("/sandbox/incoming", json={"phone": PHONE, "text": "STOP"})
    incoming = (await receiver.wait_for(3))[2]
    assert (incoming["side"], incoming["fromMe"]) == ("in", False)
    assert incoming["fromUser"]["phone"] == PHONE
    assert incoming["message"]["text"] == "STOP"
    assert [kept.text for kept in sandbox.record.sends()] == ["ours"]


async def test_any_status_can_be_sent_by_hand(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url)
    sent = (await send(client)).json()["data"]
    await receiver.wait_for(3)
    fields = {"messageId": sent["id"], "type": "error", "error": "blocked"}
    assert (await client.post("/sandbox/status", json=fields)).is_success
    item = (await receiver.wait_for(4))[3]
    assert (item["type"], item["error"]) == ("error", "blocked")
    fields["messageId"] = "nobody"
    assert (await client.post("/sandbox/status", json=fields)).status_code == 422


async def test_a_callback_that_failed_is_not_repeated(
    sandbox: SandboxServer, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url)
    receiver.status = 500
    await send(client)
    await receiver.wait_for(3)
    receiver.status = 200
    await send(client, "79990000002")
    assert len(await receiver.wait_for(6)) == 6
    seqs = [kept.seq for kept in sandbox.record.sends()]
    told = sandbox.app.callbacks.told(seqs[:1])[seqs[0]]
    assert told == [("sent", "500"), ("delivered", "500"), ("viewed", "500")]


async def test_a_receiver_that_is_away_does_not_stop_the_callbacks(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    gone = Receiver()
    async with serving(gone) as url:
        assert (await register(client, url)).is_success
    assert (await send(client)).is_success
    await register(client, receiver.url)
    await send(client, "79990000002")
    items = await receiver.wait_for(3)
    assert items[-1]["chat"]["phone"] == "79990000002"


async def test_it_stops_at_once_while_a_receiver_hangs(receiver: Receiver) -> None:
    receiver.hangs = True
    async with (
        SandboxServer() as sandbox,
        connect(sandbox.url) as client,
    ):
        await authorise(client)
        await register(client, receiver.url)
        await send(client)
        await receiver.wait_for(3)
        started = time.monotonic()
    assert time.monotonic() - started < 1


async def test_a_restart_sends_what_was_not_sent_and_repeats_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    path = tmp_path / "sandbox.sqlite3"
    slow = replace(QUICK, statuses=(("sent", 0.0), ("delivered", 0.5)))
    async with (
        SandboxServer(state_path=path, options=slow) as sandbox,
        connect(sandbox.url) as client,
    ):
        await authorise(client)
        await register(client, receiver.url)
        await send(client)
        await receiver.wait_for(1)
    async with SandboxServer(state_path=path, options=slow):
        await receiver.wait_for(2)
    assert receiver.types == ["sent", "delivered"]
