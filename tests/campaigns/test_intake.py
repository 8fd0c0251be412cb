from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_app.database import DatabaseAway, DatabaseError, Deadlocked, in_orm
from campaigns import intake as intake_module
from campaigns.hearing import COUNTED, heard
from campaigns.intake import Intake, counted
from campaigns.ledger import Ledger
from campaigns.ledger.shelf import Heard
from campaigns.models import ShelvedStatus
from campaigns.spool import Spool, SpoolUnwritable
from chatapp.events import parse
from tests.eventually import eventually


def body(*items: Any, event: str = "messageStatus") -> bytes:
    return json.dumps({"data": list(items), "meta": {"type": event}}).encode()


def delivered(message_id: str, **more: Any) -> bytes:
    item = {"id": message_id, "type": "delivered", "time": 1_700_000_042, **more}
    return body(item)


class Shaky:
    """A ledger that fails as it is told, before it passes on to the real one."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger
        self.error: Exception | None = None
        self.poison = ""
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.tries = 0

    async def shelve(self, told: Heard) -> None:
        self.tries += 1
        await self.go_on.wait()
        if self.error:
            raise self.error
        if self.poison and told.statuses[0].message_id == self.poison:
            raise DatabaseError("a bad row")
        if self.ledger:
            await self.ledger.shelve(told)

    async def apply(self, told: Heard) -> None:
        if self.error:
            raise self.error
        if self.ledger:
            await self.ledger.apply(told)


@pytest.fixture
def shaky() -> Shaky:
    return Shaky()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def refused(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "refused")


@pytest.fixture
async def intake(shaky: Shaky, spool: Spool, refused: Spool) -> AsyncIterator[Intake]:
    intake = Intake(shaky, spool, refused=refused)  # type: ignore[arg-type]
    yield intake
    shaky.go_on.set()
    await intake.close()


@asynccontextmanager
async def draining(intake: Intake) -> AsyncIterator[None]:
    task = asyncio.create_task(intake.keep_draining())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_the_same_status_is_the_same_and_each_difference_another() -> None:
    def digest(**changed: Any) -> str:
        item = {"id": "a", "type": "sent", "time": 5, "error": None, **changed}
        (status,) = heard(parse(body(item))).statuses
        return status.digest

    assert digest() == digest(type="SENT", chat={"phone": "7999"})
    different = [
        digest(),
        digest(id="A"),
        digest(type="delivered"),
        digest(time=6),
        digest(time=None),
        digest(fromApp={"tracking": "t"}),
        digest(error="it failed after all"),
    ]
    assert len(set(different)) == len(different)


def test_a_tracking_is_split_into_the_row_s_own_and_the_attempt() -> None:
    for told, found in (
        ("0" * 24, ("0" * 24, 1)),
        ("0" * 24 + "-3", ("0" * 24, 3)),
    ):
        item = {"id": "a", "type": "sent", "fromApp": {"tracking": told}}
        (status,) = heard(parse(body(item))).statuses
        assert (status.tracking, status.attempt) == found


def test_only_an_outgoing_message_with_our_tracking_is_an_echo() -> None:
    ours = {"tracking": "0123456789abcdef01234567-2"}
    items = [
        {"id": "1", "side": "out", "message": {}, "fromApp": ours},
        {"id": "2", "side": "in", "message": {}, "fromApp": ours},
        {"id": "3", "side": "out", "message": {}, "fromApp": {"tracking": "crm-1"}},
        {"id": "4", "side": "out", "message": {}},
    ]
    told = heard(parse(body(*items, event="message")))
    assert [(s.message_id, s.kind, s.attempt) for s in told.statuses] == [
        ("1", "echoed", 2)
    ]
    assert told.counts == {"message_out": 3, "message_in": 1}


@given(st.lists(st.text(max_size=60), max_size=20))
def test_what_the_sender_calls_events_makes_no_kinds_of_its_own(
    names: list[str],
) -> None:
    known = {"status", "message_in", "message_out", "bad", "other"}
    for name in [*names, "chatTag", "selftest"]:
        told = heard(parse(body({"x": 1}, event=name)))
        assert set(told.counts) <= known | COUNTED


@pytest.mark.parametrize(
    "error", [DatabaseAway("gone"), Deadlocked("gave way"), DatabaseError("odd")]
)
async def test_what_the_database_does_not_take_goes_to_the_spool(
    intake: Intake, shaky: Shaky, spool: Spool, error: Exception
) -> None:
    shaky.error = error
    await intake.take(delivered("a"))
    assert spool.waiting() == 1


async def test_even_an_error_that_nobody_foresaw_loses_nothing(
    intake: Intake, shaky: Shaky, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shaky.error = ValueError("surprise")
    await intake.take(delivered("a"))

    def confused(_: bytes) -> Any:
        raise KeyError("surprise")

    monkeypatch.setattr(intake_module, "parse", confused)
    await intake.take(delivered("b"))
    assert spool.waiting() == 2


async def test_while_the_database_is_known_to_be_away_it_is_not_asked(
    intake: Intake, shaky: Shaky, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shaky.error = DatabaseAway("gone")
    for name in "abc":
        await intake.take(delivered(name))
    assert (shaky.tries, spool.waiting()) == (1, 3)
    monkeypatch.setattr(intake, "_away_until", 0.001)  # the two seconds are over
    await intake.take(delivered("d"))
    assert shaky.tries == 2


async def test_a_database_that_hangs_does_not_hold_the_callback(
    intake: Intake, shaky: Shaky, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "SHELVE_S", 0.1)
    shaky.go_on.clear()
    await intake.take(delivered("a"))
    assert spool.waiting() == 1


async def test_behind_one_that_hangs_the_next_ones_do_not_queue(
    intake: Intake, shaky: Shaky, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "SUSPICIOUS_S", 0.0)
    shaky.go_on.clear()
    first = asyncio.create_task(intake.take(delivered("a")))
    await eventually(lambda: shaky.tries == 1)
    await intake.take(delivered("b"))
    assert (shaky.tries, spool.waiting()) == (1, 1)
    shaky.go_on.set()
    await first
    assert spool.waiting() == 1


async def test_a_real_server_that_accepts_and_says_nothing_is_a_database_away(
    spool: Spool, refused: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mysql = pytest.importorskip("asgi_app.mysql")
    monkeypatch.setattr(intake_module, "SHELVE_S", 0.3)
    where = {"HOST": "127.0.0.1", "USER": "u", "PASSWORD": "p", "NAME": "n"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        door = mysql.MysqlDoor({**where, "PORT": silent.getsockname()[1]}, size=1)
        intake = Intake(Ledger(door), spool, refused=refused)
        await intake.take(delivered("a"))
    # The flush of the first is still at it; another ledger finds nobody at home.
    door = mysql.MysqlDoor({**where, "PORT": silent_port()}, size=1)
    other = Intake(Ledger(door), spool, refused=refused)
    await other.take(delivered("b"))
    assert spool.waiting() == 2
    await other.close()
    await intake.close()


def silent_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_where_nothing_can_be_stored_it_says_so(
    shaky: Shaky, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool")
    intake = Intake(shaky, spool, refused=spool)  # type: ignore[arg-type]
    await intake.take(delivered("a"))
    shaky.error = DatabaseAway("gone")
    with pytest.raises(SpoolUnwritable):
        await intake.take(delivered("b"))
    await intake.close()


async def test_an_empty_callback_asks_nobody(intake: Intake, shaky: Shaky) -> None:
    shaky.error = DatabaseAway("gone")
    for nothing in (b"", b"{}", b"[]", b'{"data": []}'):
        await intake.take(nothing)
    assert shaky.tries == 0


async def test_who_hangs_up_has_told_it_all_the_same(
    intake: Intake, shaky: Shaky, spool: Spool
) -> None:
    shaky.go_on.clear()
    shaky.error = DatabaseAway("gone")
    caller = asyncio.create_task(intake.take(delivered("a")))
    await eventually(lambda: shaky.tries == 1)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    shaky.go_on.set()
    await eventually(lambda: spool.waiting() == 1)


async def test_closing_sees_through_what_is_under_way(
    ledger: Ledger, spool: Spool, refused: Spool
) -> None:
    shaky = Shaky(ledger)
    shaky.go_on.clear()
    intake = Intake(shaky, spool, refused=refused)  # type: ignore[arg-type]
    caller = asyncio.create_task(intake.take(delivered("a")))
    await eventually(lambda: shaky.tries == 1)
    closing = asyncio.create_task(intake.close())
    shaky.go_on.set()
    await asyncio.gather(caller, closing)
    assert await in_orm(ShelvedStatus.objects.count) == 1


async def test_closing_has_an_end(
    intake: Intake, shaky: Shaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "CLOSE_S", 0.1)
    shaky.go_on.clear()
    caller = asyncio.create_task(intake.take(delivered("a")))
    await eventually(lambda: shaky.tries == 1)
    await intake.close()
    await asyncio.gather(caller, return_exceptions=True)


async def test_what_was_spooled_comes_back_once_the_database_does(
    ledger: Ledger,
    spool: Spool,
    refused: Spool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(intake_module, "DRAIN_EVERY_S", 0.01)
    shaky = Shaky(ledger)
    shaky.error = DatabaseAway("gone")
    intake = Intake(shaky, spool, refused=refused)  # type: ignore[arg-type]
    for number in range(250):
        await intake.take(delivered(f"id{number}"))
    async with draining(intake):
        tries = shaky.tries
        await eventually(lambda: shaky.tries > tries + 300)
        assert spool.waiting() == 250
        assert [r.message for r in caplog.records].count(
            "the spool is not drained: DatabaseAway gone"
        ) == 1
        shaky.error = None
        await eventually(lambda: spool.waiting() == 0)
    assert await in_orm(ShelvedStatus.objects.count) == 250
    # Known to be back: the next one is not spooled.
    await intake.take(delivered("new"))
    assert await in_orm(ShelvedStatus.objects.count) == 251
    assert await in_orm(counted, "status") == (251, await last_at())
    await intake.close()


async def last_at() -> Any:
    return (await in_orm(counted, "status"))[1]


async def test_what_is_told_twice_by_the_spool_is_shelved_once(
    ledger: Ledger, spool: Spool, refused: Spool
) -> None:
    intake = Intake(ledger, spool, refused=refused)
    for _ in range(2):
        spool.append(delivered("a"))
    await intake.take(delivered("a"))
    assert await intake.drain() == 2
    assert await in_orm(ShelvedStatus.objects.count) == 1
    await intake.close()


async def test_one_that_cannot_be_stored_does_not_hold_up_the_others(
    ledger: Ledger,
    spool: Spool,
    refused: Spool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shaky = Shaky(ledger)
    shaky.poison = "bad"
    intake = Intake(shaky, spool, refused=refused)  # type: ignore[arg-type]
    for one in (delivered("a"), delivered("bad"), b"{", delivered("b")):
        spool.append(one)
    assert await intake.drain() == 4
    assert (spool.waiting(), refused.waiting()) == (0, 1)
    assert await in_orm(ShelvedStatus.objects.count) == 2
    assert "set aside" in caplog.text
    assert not any(record.exc_info for record in caplog.records)
    await intake.close()


async def test_where_nothing_is_stored_all_of_it_waits(
    intake: Intake, shaky: Shaky, spool: Spool, refused: Spool
) -> None:
    shaky.error = DatabaseError("the disk is full")
    for name in "ab":
        spool.append(delivered(name))
    with pytest.raises(DatabaseError):
        await intake.drain()
    assert (spool.waiting(), refused.waiting()) == (2, 0)


async def test_draining_goes_on_after_whatever_happens(
    intake: Intake,
    shaky: Shaky,
    spool: Spool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(intake_module, "DRAIN_EVERY_S", 0.01)
    shaky.error = RuntimeError("nobody foresaw this")
    spool.append(delivered("a"))
    async with draining(intake):
        await eventually(lambda: "nobody foresaw this" in caplog.text)
        shaky.error = None
        await eventually(lambda: spool.waiting() == 0)


async def test_what_could_not_be_applied_is_left_to_the_sweep(
    intake: Intake, shaky: Shaky, caplog: pytest.LogCaptureFixture
) -> None:
    shaky.go_on.clear()
    caller = asyncio.create_task(intake.take(delivered("a")))
    await eventually(lambda: shaky.tries == 1)

    async def fail(_: Heard) -> None:
        raise DatabaseAway("gone")

    shaky.apply = fail  # type: ignore[method-assign, assignment]
    shaky.go_on.set()
    await caller
    await eventually(lambda: "applied later" in caplog.text)
