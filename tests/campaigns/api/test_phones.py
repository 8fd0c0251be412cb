from __future__ import annotations

import pytest

from asgi_app.database import in_orm
from campaigns import phone_pages, stops
from campaigns.models import StopEntry, WorkerBeat
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import Caller


async def test_all_that_was_sent_to_a_phone_is_told(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_pages, "PAGE", 2)
    made = [(await in_orm(lists.draft, line, 1)).pk for _ in range(3)]
    found: list[int] = []
    following: str | None = "/api/phones/79990000000"
    while following:
        told = await api.get(following.removeprefix("/api"))
        found += [it["campaign"]["id"] for it in told["messages"]["items"]]
        following = told["messages"]["next"]
    assert found == made[::-1]
    assert told["stop"] is None


async def test_the_stop_list_is_filled_searched_and_emptied(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stops, "PAGE", 1)
    order = {"phones": "89990000001; 89990000002\nnobody", "reason": "by mail"}
    told = await api.post("/stops", order)
    assert (told["added"], told["known"]) == (2, 0)
    assert [it["raw"] for it in told["wrong"]] == ["nobody"]
    again = await api.post("/stops", {"phones": ["89990000001", "89990000003"]})
    assert (again["added"], again["known"]) == (1, 1)

    found: list[str] = []
    following: str | None = "/api/stops?phone=8999000"
    while following:
        page = await api.get(following.removeprefix("/api"))
        found += [it["phone"] for it in page["items"]]
        following = page["next"]
    assert found == ["+79990000003", "+79990000002", "+79990000001"]
    one = await in_orm(StopEntry.objects.get, phone="+79990000001")
    assert (one.added_by, one.reason) == ("anna", "by mail")

    assert (await api.ask("DELETE", "/stops/79990000001")).status_code == 204
    await api.refused("DELETE", "/stops/79990000001", "not_found")
    assert (await api.get("/phones/79990000002"))["stop"]["reason"] == "by mail"


async def test_no_phone_for_the_stop_list_is_told(api: Caller, line: Line) -> None:
    await api.refused("POST", "/stops", "invalid", json={"phones": " "})


async def test_the_queue_names_its_workers(api: Caller, worker: WorkerBeat) -> None:
    told = await api.get("/queue")
    assert [it["name"] for it in told["database"]["workers"]] == [worker.name]
    assert told["database"]["workers"][0]["is_alive"]
    assert told["jobs"] == {"running": 0, "waiting": 0, "deferred": 0}
    assert told["is_good"] and told["said"]
