from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import OperationalError, connection, connections, transaction

from asgi_app.database import in_orm, orm_now
from asgi_app.env import MYSQL_SESSION
from campaigns import drafts, services
from campaigns.api import once
from campaigns.kept_answers import KEPT_FOR, forget_old, is_over
from campaigns.models import Campaign, KeptAnswer
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import Caller
from tests.campaigns.api.test_campaigns import new


async def test_the_same_key_makes_one_and_tells_the_same(
    api: Caller, line: Line
) -> None:
    headers = {"Idempotency-Key": "a-1"}
    asked: dict[str, Any] = {"json": new(), "headers": headers}
    first = await api.ask("POST", "/campaigns", **asked)
    second = await api.ask("POST", "/campaigns", **asked)
    assert second.status_code == first.status_code == 201
    assert second.content == first.content
    assert second.headers["Location"] == first.headers["Location"]
    assert second.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert await in_orm(Campaign.objects.count) == 1


async def test_without_a_key_each_makes_one(api: Caller, line: Line) -> None:
    for _ in range(2):
        await api.post("/campaigns", new(), expected=201)
    assert await in_orm(Campaign.objects.count) == 2


async def test_many_at_once_with_one_key_make_one(api: Caller, line: Line) -> None:
    answers = await asyncio.gather(
        *(api.post("/campaigns", new(), key="k", expected=201) for _ in range(8))
    )
    assert len({answer["id"] for answer in answers}) == 1
    assert await in_orm(Campaign.objects.count) == 1


async def test_many_at_once_with_one_key_are_refused_as_one_alone_is(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    await api.post(f"/campaigns/{campaign.pk}/cancel")
    path = f"/campaigns/{campaign.pk}/start"
    asked: dict[str, Any] = {"json": {}, "headers": {"Idempotency-Key": "k"}}
    await asyncio.gather(
        *(api.refused("POST", path, "not_possible_now", **asked) for _ in range(8))
    )
    assert not await in_orm(KeptAnswer.objects.count)


async def test_who_comes_while_one_with_the_same_key_is_under_way_is_told(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "mysql":
        pytest.skip("all wait for SQLite's one lock alike")
    monkeypatch.setattr(once, "PATIENCE_S", 0)
    campaign = await in_orm(lists.draft, line, 1)
    reached, go_on = threading.Event(), threading.Event()
    find_line = services.wind_clock

    def halt(*args: Any) -> int:
        reached.set()
        go_on.wait(20)
        return find_line(*args)

    monkeypatch.setattr(services, "wind_clock", halt)
    path = f"/campaigns/{campaign.pk}/start"
    asked: dict[str, Any] = {"json": {}, "headers": {"Idempotency-Key": "k"}}
    first = asyncio.create_task(api.ask("POST", path, **asked))
    assert await asyncio.to_thread(reached.wait, 20)
    try:
        await api.refused("POST", path, "under_way", **asked)
    finally:
        go_on.set()
    assert (await first).status_code == 200
    again = await api.ask("POST", path, **asked)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_keys_that_differ_in_case_are_two(api: Caller, line: Line) -> None:
    for key in ("key", "KEY"):
        await api.post("/campaigns", new(), key=key, expected=201)
    assert await in_orm(Campaign.objects.count) == 2


async def test_a_key_belongs_to_who_used_it(api: Caller, line: Line) -> None:
    await api.post("/campaigns", new(), key="k", expected=201)
    api.http.auth = httpx.BasicAuth("boris", "battery staple")
    await api.post("/campaigns", new(), key="k", expected=201)
    assert await in_orm(Campaign.objects.count) == 2


async def test_a_key_that_was_used_for_something_else_is_refused(
    api: Caller, line: Line
) -> None:
    await api.post("/campaigns", new(), key="k", expected=201)
    headers = {"Idempotency-Key": "k"}
    asked: dict[str, Any] = {"json": new(name="Other"), "headers": headers}
    await api.refused("POST", "/campaigns", "key_used_otherwise", **asked)
    assert await in_orm(Campaign.objects.count) == 1


@pytest.mark.parametrize("key", ["", " ", "k" * 256, "ключ".encode(), "a\tb"])
async def test_a_key_that_cannot_be_kept_is_refused(
    api: Caller, line: Line, key: str
) -> None:
    asked: dict[str, Any] = {"json": new(), "headers": {"Idempotency-Key": key}}
    await api.refused("POST", "/campaigns", "invalid", **asked)
    assert not await in_orm(Campaign.objects.count)


async def test_what_was_refused_leaves_the_key_free(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/campaigns/{campaign.pk}/pause"
    headers = {"Idempotency-Key": "k"}
    await api.refused("POST", path, "not_possible_now", json={}, headers=headers)
    assert not await in_orm(KeptAnswer.objects.count)
    start = f"/campaigns/{campaign.pk}/start"
    await api.post(start, key="k")


async def test_a_failure_on_the_way_leaves_nothing(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = drafts.save

    def save_and_fail(*args: Any, **kwargs: Any) -> None:
        save(*args, **kwargs)
        raise OperationalError(2013, "Lost connection")

    monkeypatch.setattr(drafts, "save", save_and_fail)
    headers = {"Idempotency-Key": "k"}
    asked: dict[str, Any] = {"json": new(), "headers": headers}
    await api.refused("POST", "/campaigns", "database_away", **asked)
    assert not await in_orm(Campaign.objects.count)
    monkeypatch.undo()
    await api.post("/campaigns", new(), key="k", expected=201)


@pytest.mark.parametrize("key", ["", "k"])
async def test_who_waits_for_others_in_vain_is_told(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    options = connections.settings["default"]["OPTIONS"]
    if connection.vendor == "mysql":
        patience = f"{MYSQL_SESSION}, innodb_lock_wait_timeout = 1"
        monkeypatch.setitem(options, "init_command", patience)
    else:
        monkeypatch.setitem(options, "timeout", 0.1)
    is_held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Campaign.objects.held(campaign.pk)
            is_held.set()
            let_go.wait(20)

    holder = asyncio.create_task(in_orm(hold))
    assert await asyncio.to_thread(is_held.wait, 20)
    asked: dict[str, Any] = {"json": {}}
    if key:
        asked["headers"] = {"Idempotency-Key": key}
    try:
        path = f"/campaigns/{campaign.pk}/cancel"
        await api.refused("POST", path, "busy", **asked)
    finally:
        let_go.set()
    await holder
    assert (await api.ask("POST", path, **asked)).status_code == 200


async def test_a_start_that_is_asked_for_again_is_told_as_started(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/campaigns/{campaign.pk}/start"
    first = await api.post(path, key="k")
    assert first["state"] == "running"
    assert await api.post(path, key="k") == first
    await api.refused("POST", path, "not_possible_now", json={})


async def test_whatever_changes_something_is_done_once_with_a_key(
    api: Caller, line: Line
) -> None:
    """Though somebody else has changed it meanwhile."""
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/campaigns/{campaign.pk}"
    rules = f"/lines/{line.pk}/rules"
    seen = (await api.get(rules))["seen"]
    await api.post("/stops", {"phones": "89990000001"})
    for method, where, order in (
        ("PATCH", path, {"name": "Mine"}),
        ("PUT", f"{path}/timing", {"slice_size": 5}),
        ("PUT", rules, {"hours": None, "hour_cap": 7, "seen": seen}),
        ("DELETE", "/stops/79990000001", None),
        ("DELETE", path, None),
    ):
        asked: dict[str, Any] = {"headers": {"Idempotency-Key": f"{method} {where}"}}
        if order is not None:
            asked["json"] = order
        first = await api.ask(method, where, **asked)
        assert first.status_code in {200, 204}, first.text
        if method != "DELETE":
            await in_orm(Campaign.objects.filter(pk=campaign.pk).update, name="Yours")
        again = await api.ask(method, where, **asked)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content)
    named = await in_orm(Campaign.including_deleted.get, pk=campaign.pk)
    assert named.name == "Yours"


async def test_a_key_is_forgotten_after_a_day(api: Caller, line: Line) -> None:
    await api.post("/campaigns", new(), key="k", expected=201)
    await in_orm(lambda: KeptAnswer.objects.update(kept_at=orm_now() - KEPT_FOR))
    await api.post("/campaigns", new(), key="k", expected=201)
    assert await in_orm(Campaign.objects.count) == 2


def test_old_answers_are_removed_and_young_ones_stay(transactional_db: None) -> None:
    now = orm_now()
    for number, age in enumerate((KEPT_FOR, KEPT_FOR - timedelta(minutes=1))):
        KeptAnswer(mark=str(number), status=200, kept_at=now - age).save()
    forget_old()
    assert [kept.mark for kept in KeptAnswer.objects.all()] == ["1"]


async def test_who_forgets_an_old_answer_forgets_no_new_one(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = {"name": "N", "text": "Hello", "phones": "89990000001"}
    await api.post("/campaigns", order, key="k", expected=201)
    await in_orm(lambda: KeptAnswer.objects.update(kept_at=orm_now() - KEPT_FOR))
    has_read, may_go_on = threading.Event(), threading.Event()

    def slowly(kept: KeptAnswer) -> bool:
        answer = is_over(kept)
        if answer and not has_read.is_set():
            has_read.set()
            assert may_go_on.wait(20)
        return answer

    monkeypatch.setattr(once, "is_over", slowly)
    slow = asyncio.create_task(api.post("/campaigns", order, key="k", expected=201))
    await asyncio.to_thread(has_read.wait, 20)
    quick = await api.post("/campaigns", order, key="k", expected=201)
    may_go_on.set()
    assert await slow == quick
    assert await in_orm(Campaign.objects.count) == 2
