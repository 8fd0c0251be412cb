from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django import Settings
from redis.asyncio import Redis

from asgi_app.asgi import Application
from asgi_app.database import DatabaseAway, Door, in_orm
from asgi_app.env import SettingError
from asgi_app.resources import open_resources
from asgi_app.valkey import PrivateValkey
from campaigns import intake
from campaigns.ledger import Ledger
from campaigns.ledger.entries import Claimed, Outcome
from campaigns.ledger.shelf import Heard
from campaigns.models import (
    CallbackCount,
    Campaign,
    Event,
    Message,
    ShelvedStatus,
)
from campaigns.spool import Spool, SpoolUnwritable
from campaigns.states import MessageStatus
from chatapp.calls import Calls
from chatapp.client import ChatApp
from chatapp.limiter import Limiter
from chatapp.models import Line
from chatapp.sandbox.server import serving
from chatapp.transport import open_http
from chatapp.types import LineKey
from tests.campaigns import lists
from tests.campaigns.browser import Site
from tests.campaigns.desk import Desk, Tokens
from tests.eventually import eventually

FIRST, SECOND = "first-secret-0123456789", "second-secret-0123456789"


@pytest.fixture(autouse=True)
def secrets(settings: Settings, tmp_path: Path) -> None:
    settings.WEBHOOK_SECRET = [FIRST, SECOND]
    settings.SPOOL_DIR = tmp_path / "spool"


@pytest.fixture
async def served(
    settings: Settings, valkey: PrivateValkey, redis: Redis, door: Door
) -> AsyncIterator[str]:
    """The site on a real socket."""
    settings.REDIS_URL = valkey.url
    async with serving(Application()) as url:
        yield url


def status(kind: str, message_id: str, time: int = 1_700_000_042, **more: Any) -> Any:
    return {"id": message_id, "type": kind, "time": time, "error": None, **more}


def envelope(*items: Any, event: str = "messageStatus") -> bytes:
    meta = {"type": event, "licenseId": 50001, "messengerType": "grWhatsApp"}
    return json.dumps({"data": list(items), "meta": meta}).encode()


async def call(site: Site, body: bytes, secret: str = FIRST) -> httpx.Response:
    return await site.http.post(
        f"/webhooks/chatapp/{secret}/", content=body, auth=httpx.BasicAuth("", "")
    )


async def accepted(
    ledger: Ledger, line: Line, count: int = 1
) -> tuple[Campaign, list[Claimed]]:
    """A campaign whose messages have the ids id0, id1, …"""
    campaign = await in_orm(lists.running, line, count)
    state = await ledger.look(line.pk)
    assert state is not None
    due = await ledger.find_due(state, count)
    await ledger.claim(state, due)
    for number, claimed in enumerate(due):
        at = await ledger.now()
        await ledger.record(
            Outcome(claimed, MessageStatus.ACCEPTED, at, message_id=f"id{number}")
        )
    return campaign, due


async def has(campaign: Campaign, **counts: int) -> None:
    async def so() -> bool:
        found: dict[str, int] = await in_orm(lists.counts, campaign)
        return found == counts

    await eventually(so)


async def counted() -> dict[str, int]:
    rows = await in_orm(
        lambda: list(CallbackCount.objects.values_list("kind", "count"))
    )
    return dict(rows)


async def test_a_status_climbs_and_a_later_lower_one_changes_nothing(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await accepted(ledger, line)
    assert (await call(site, envelope(status("viewed", "id0", 50)))).status_code == 200
    await has(campaign, read=1)
    for kind, time in (("delivered", 40), ("sent", 30), ("viewed", 50)):
        body = envelope(status(kind, "id0", 1_700_000_000 + time))
        assert (await call(site, body, SECOND)).status_code == 200
    await eventually(lambda: in_orm(lambda: not ShelvedStatus.objects.exists()))
    await has(campaign, read=1)
    (row,) = await in_orm(lambda: list(Message.objects.all()))
    assert row.delivered_at is not None and row.sent_at is not None
    assert (row.delivered_at - row.sent_at).total_seconds() == 10


async def test_the_same_status_told_again_is_one_event_with_copies(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await accepted(ledger, line)
    for _ in range(3):
        await call(site, envelope(status("delivered", "id0")))
        await has(campaign, delivered=1)
        await eventually(lambda: in_orm(lambda: not ShelvedStatus.objects.exists()))
    events = Event.objects.filter(kind="delivered")
    assert await in_orm(lambda: [e.copies for e in events]) == [3]


async def test_one_bad_item_does_not_sink_its_batch(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await accepted(ledger, line, 2)
    body = envelope(
        status("sent", "id0"), "odd", {"type": "sent"}, status("sent", "id1")
    )
    assert (await call(site, body)).status_code == 200
    await has(campaign, sent=2)
    assert await counted() == {"status": 2, "bad": 2}


async def test_a_failed_status_fails_with_the_reason(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await accepted(ledger, line)
    error = {"code": "131026", "message": "Message undeliverable"}
    await call(site, envelope(status("error", "id0", error=error)))
    await has(campaign, failed=1)
    (row,) = await in_orm(lambda: list(Message.objects.all()))
    assert (row.code, row.reason) == ("131026", "Message undeliverable")
    await call(site, envelope(status("delivered", "id0", 1_700_000_050)))
    await has(campaign, delivered=1)


async def test_a_status_that_comes_before_its_id_is_applied_with_the_record(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    state = await ledger.look(line.pk)
    assert state is not None
    due = await ledger.find_due(state, 1)
    await ledger.claim(state, due)
    await call(site, envelope(status("delivered", "early")))
    assert await in_orm(ShelvedStatus.objects.count) == 1
    at = await ledger.now()
    await ledger.record(Outcome(due[0], MessageStatus.ACCEPTED, at, message_id="early"))
    await has(campaign, delivered=1)
    assert await in_orm(ShelvedStatus.objects.count) == 0


async def test_a_status_by_tracking_settles_an_unsure_message(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    state = await ledger.look(line.pk)
    assert state is not None
    (claimed,) = await ledger.find_due(state, 1)
    await ledger.claim(state, [claimed])
    at = await ledger.now()
    await ledger.record(Outcome(claimed, MessageStatus.UNSURE, at, code="hung_up"))
    app = {"id": "app", "tracking": claimed.tracking}
    await call(site, envelope(status("sent", "its-id", fromApp=app)))
    await has(campaign, sent=1)
    (row,) = await in_orm(lambda: list(Message.objects.all()))
    assert (row.message_id, row.code, row.look_at) == ("its-id", "", None)


async def test_our_own_message_in_a_callback_settles_an_unsure_one(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    state = await ledger.look(line.pk)
    assert state is not None
    (claimed,) = await ledger.find_due(state, 1)
    await ledger.claim(state, [claimed])
    at = await ledger.now()
    await ledger.record(Outcome(claimed, MessageStatus.UNSURE, at, code="hung_up"))
    echo = {
        "id": "its-id",
        "side": "out",
        "fromMe": True,
        "type": "text",
        "time": 1_700_000_042,
        "message": {"text": "Hello"},
        "fromApp": {"id": "app", "tracking": claimed.tracking},
    }
    foreign = {**echo, "id": "other", "fromApp": {"tracking": "somebody else's"}}
    await call(site, envelope(echo, foreign, event="message"))
    await has(campaign, accepted=1)
    assert await counted() == {"message_out": 2}
    assert await in_orm(ShelvedStatus.objects.count) == 0


async def test_people_s_own_chats_stay_on_the_shelf_and_are_filed_after_a_day(
    site: Site, ledger: Ledger
) -> None:
    await call(site, envelope(status("delivered", "not ours")))
    assert await ledger.apply_matching() == 0
    assert await ledger.file_away() == 0
    await in_orm(
        lambda: ShelvedStatus.objects.update(arrived_at="2020-01-01 00:00:00+00:00")
    )
    assert await ledger.file_away() == 1
    (row,) = await in_orm(lambda: list(ShelvedStatus.objects.all()))
    assert row.is_not_ours


@pytest.mark.parametrize("body", [b"", b"  ", b"{}", b"[]", b'{"data": []}'])
async def test_an_empty_callback_is_welcome(site: Site, body: bytes) -> None:
    assert (await call(site, body)).status_code == 200
    assert await in_orm(ShelvedStatus.objects.count) == 0


async def test_reading_the_address_is_welcome(site: Site) -> None:
    for method in ("GET", "HEAD"):
        answer = await site.http.request(method, f"/webhooks/chatapp/{FIRST}/")
        assert answer.status_code == 200
    answer = await site.http.request("DELETE", f"/webhooks/chatapp/{FIRST}/")
    assert answer.status_code == 405


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", 400),
        (b'"text"', 400),
        (b"[" * 200_000, 400),
        (b"\xff\xfe{}", 400),
        (b" " * (1024 * 1024 + 1), 413),
    ],
)
async def test_what_is_no_callback_is_refused_without_a_trace(
    site: Site, body: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await call(site, body)
    assert answer.status_code == code
    assert "Traceback" not in caplog.text
    # The browser of the test logs what it asks for.
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("http")]
    assert not [line for line in ours if FIRST in line]


@pytest.mark.parametrize("secret", ["wrong", FIRST[:-1], FIRST + "0", "секрет"])
async def test_a_wrong_secret_is_an_unknown_address(site: Site, secret: str) -> None:
    answer = await call(site, envelope(status("sent", "id0")), secret)
    assert answer.status_code == 404
    assert await in_orm(ShelvedStatus.objects.count) == 0


async def test_while_the_database_is_away_the_answer_is_200_and_it_comes_back(
    site: Site,
    ledger: Ledger,
    line: Line,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign, _ = await accepted(ledger, line, 3)
    monkeypatch.setattr(intake, "DRAIN_EVERY_S", 0.01)
    shelve = Ledger.shelve

    async def fail(ledger: Ledger, told: Heard) -> None:
        raise DatabaseAway("gone")

    monkeypatch.setattr(Ledger, "shelve", fail)
    for number in range(3):
        answer = await call(site, envelope(status("delivered", f"id{number}")))
        assert answer.status_code == 200
    assert Spool(settings.SPOOL_DIR).waiting() == 3
    monkeypatch.setattr(Ledger, "shelve", shelve)
    await has(campaign, delivered=3)
    await eventually(lambda: Spool(settings.SPOOL_DIR).waiting() == 0)


async def test_what_can_be_stored_nowhere_is_not_taken(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(ledger: Ledger, told: Heard) -> None:
        raise DatabaseAway("gone")

    def full(spool: Spool, body: bytes) -> None:
        raise SpoolUnwritable("the spool folder is full")

    monkeypatch.setattr(Ledger, "shelve", away)
    monkeypatch.setattr(Spool, "append", full)
    answer = await call(site, envelope(status("delivered", "id0")))
    assert (answer.status_code, answer.text) == (503, "try again later")
    assert not [r for r in caplog.records if FIRST in r.getMessage() or r.exc_info]


async def test_a_spool_that_cannot_be_written_stops_the_start(
    settings: Settings, tmp_path: Path, valkey: PrivateValkey
) -> None:
    (tmp_path / "file").touch()
    settings.REDIS_URL = valkey.url
    settings.SPOOL_DIR = tmp_path / "file" / "spool"
    with pytest.raises(SettingError, match=r"^SPOOL_DIR: the spool folder .* used: "):
        async with open_resources():
            pass


async def test_a_body_of_no_told_length_is_measured(site: Site) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b" " * 1024

    for count, code in ((1024, 200), (1025, 413)):
        answer = await site.http.post(
            f"/webhooks/chatapp/{FIRST}/", content=pieces(count)
        )
        assert answer.status_code == code


@pytest.mark.parametrize(
    "path", ["", "/", f"/{FIRST}", f"/{FIRST}/more/", f"/x/../{FIRST}/more"]
)
async def test_addresses_beside_it_show_nothing(
    site: Site, path: str, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    # As the settings have it; the tests log in a way of their own.
    level = settings.LOGGING["loggers"]["django.request"]["level"]
    caplog.set_level(level, "django.request")
    answer = await site.http.post(
        f"/webhooks/chatapp{path}", content=b"{}", auth=httpx.BasicAuth("", "")
    )
    assert (answer.status_code, answer.text) == (404, "unknown address")
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("http")]
    assert not [line for line in ours if FIRST in line]


async def test_who_hangs_up_in_mid_request_has_told_it_all_the_same(
    served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()
    shelve = Ledger.shelve

    async def slow(ledger: Ledger, told: Heard) -> None:
        arrived.set()
        await go_on.wait()
        await shelve(ledger, told)

    monkeypatch.setattr(Ledger, "shelve", slow)
    body = envelope(status("delivered", "id0"))
    host, port = served.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /webhooks/chatapp/{FIRST}/ HTTP/1.1\r\nHost: {host}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await arrived.wait()
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(0)
    go_on.set()
    await eventually(lambda: in_orm(ShelvedStatus.objects.exists))


async def test_what_the_sandbox_sends_by_itself_arrives(
    served: str, desk: Desk, redis: Redis
) -> None:
    campaign = await in_orm(lists.running, desk.line, 3)
    key = LineKey(desk.line.licence_id, desk.line.messenger)
    async with open_http(desk.sandbox.url) as http:
        calls = Calls(http)
        limiter = Limiter(redis, rate_per_s=1_000)
        chatapp = ChatApp(calls, Tokens(calls), limiter)
        await chatapp.put_callback(key, f"{served}/webhooks/chatapp/{SECOND}/")
    await desk.serve_all()
    await has(campaign, read=3)
    await eventually(lambda: in_orm(lambda: not ShelvedStatus.objects.exists()))
