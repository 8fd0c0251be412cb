from __future__ import annotations

import random

import pytest

from asgi_app.database import in_orm
from campaigns import imports
from campaigns.api import lists as api_lists
from campaigns.list_files import SMALL_ROWS
from campaigns.models import ListRemark, Message, Upload
from campaigns.pacing import Delays
from campaigns.stops import add_to_stop_list
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import Caller
from tests.campaigns.api.test_campaigns import new
from tests.campaigns.browser import fresh


async def test_phones_are_added_and_what_is_left_out_is_told(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    stopped = "+79990000005"
    await in_orm(add_to_stop_list, phones=[stopped], operator="anna", reason="")
    told = await api.post(
        f"/campaigns/{campaign.pk}/recipients",
        {"phones": ["89990000000", "89990000001", "none", stopped]},
    )
    assert (told["added"], told["known"]) == (1, 1)
    reasons = [(it["row"], it["reason"]) for it in told["left_out"]]
    assert reasons == [(3, "not_a_number"), (4, "on_stop_list")]
    assert all(it["said"] for it in told["left_out"])
    assert (await fresh(campaign)).total == 2


async def test_what_the_draft_has_is_told(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/campaigns/{campaign.pk}/recipients"
    body = {"phones": "89990000000"}
    await api.refused("POST", path, "already_listed", json=body)


async def test_a_row_without_a_value_that_the_text_needs_is_left_out(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1, text="{name|friend}, {city}!")
    rows = [
        {"phone": "89990000001", "values": {"City": "Perm"}},
        {"phone": "89990000002", "values": {"Name": "Olga"}},
    ]
    path = f"/campaigns/{campaign.pk}/recipients"
    told = await api.post(path, {"phones": rows})
    assert told["added"] == 1
    assert [it["reason"] for it in told["left_out"]] == ["value_missing"]
    added = await in_orm(Message.objects.get, campaign=campaign, phone="+79990000001")
    assert added.fields == {"city": "Perm"}


async def test_a_column_may_be_spelt_in_different_ways(api: Caller, line: Line) -> None:
    rows = [
        {"phone": "89990000001", "values": {"Name": "Olga"}},
        {"phone": "89990000002", "values": {"name": "Anna", " NAME": "Anna"}},
        {"phone": "89990000003", "values": {" name ": "Inna", "Name": ""}},
    ]
    order = new(text="Dear {name|friend}", phones=rows)
    made = await api.post("/campaigns", order, expected=201)
    look = await api.get(f"/campaigns/{made['id']}/look")
    said = ["Dear Olga", "Dear Anna", "Dear Inna"]
    assert [it["text"] for it in look["texts"]] == said


@pytest.mark.parametrize("values", [{}, {"name": "Olga"}])
async def test_each_item_of_a_list_is_accounted_for(
    api: Caller, line: Line, values: dict[str, str]
) -> None:
    phones = ["", "89990000001", " ", "\u200b", "phone", "89990000002, 89990000003"]
    rows = [{"phone": phone, "values": values} for phone in phones]
    for told in (phones, rows, [*phones[:3], *rows[3:]]):
        made = await api.post("/campaigns", new(phones=told), expected=201)
        assert (made["list"]["rows"], made["list"]["count_in"]) == (6, 3)
        items = (await api.get(f"/campaigns/{made['id']}/receipt"))["items"]
        assert [it["row"] for it in items] == [1, 3, 4, 5]
        assert {it["row"]: it["reason"] for it in items}[5] == "not_a_number"


async def test_each_item_of_a_long_list_is_accounted_for(
    api: Caller, line: Line
) -> None:
    phones = ["", *(f"+7999{n:07d}" for n in range(SMALL_ROWS)), ""]
    made = await api.post("/campaigns", new(phones=phones), expected=201)
    upload = await in_orm(Upload.objects.get, campaign=made["id"])
    delays = Delays(5, 50, random.Random(0))
    await in_orm(imports.go_on, upload_id=upload.pk, delays=delays, region="RU")
    told = await api.get(f"/campaigns/{made['id']}")
    assert (told["list"]["count_in"], told["list"]["count_left_out"]) == (SMALL_ROWS, 2)


async def test_two_values_for_one_column_are_refused(api: Caller, line: Line) -> None:
    values = {"Name": "Olga", "name": "Anna"}
    row = {"phone": "89990000001", "values": values}
    order = new(text="{name}", phones=["89990000002", row])
    await api.refused("POST", "/campaigns", "invalid", json=order)
    made = await api.post("/campaigns", new(phones=["no", "89990000002"]), expected=201)
    path = f"/campaigns/{made['id']}"
    (remark,) = (await api.get(f"{path}/receipt"))["items"]
    correction = {"id": remark["id"], "text": "89990000003", "values": values}
    body = {"corrections": [correction]}
    await api.refused("POST", f"{path}/corrections", "invalid", json=body)


async def test_nobody_is_added_to_what_was_started(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 1)
    path = f"/campaigns/{campaign.pk}/recipients"
    body = {"phones": "89990000009"}
    await api.refused("POST", path, "not_possible_now", json=body)


async def test_too_many_at_once_are_refused(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/campaigns/{campaign.pk}/recipients"
    body = {"phones": [f"+7999{n:07d}" for n in range(SMALL_ROWS + 1)]}
    await api.refused("POST", path, "invalid", json=body)
    await api.refused("POST", path, "invalid", json={"phones": []})


async def test_remarks_are_read_page_by_page_and_corrected(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_lists, "PAGE", 2)
    phones = ["89990000001", "89990000001", "no", "none", "nobody"]
    made = await api.post("/campaigns", new(phones=phones), expected=201)
    path = f"/campaigns/{made['id']}"
    found = []
    following: str | None = f"/api{path}/receipt?reason=not_a_number"
    while following:
        page = await api.get(following.removeprefix("/api"))
        found += page["items"]
        following = page["next"]
    assert [it["raw"] for it in found] == ["no", "none", "nobody"]
    corrections = [
        {"id": found[0]["id"], "text": "89990000002"},
        {"id": found[1]["id"], "text": "nobody else"},
    ]
    told = await api.post(f"{path}/corrections", {"corrections": corrections})
    assert told["added"] == 1
    assert [it["id"] for it in told["wrong"]] == [found[1]["id"]]
    kept = await in_orm(ListRemark.objects.get, pk=found[0]["id"])
    assert kept.reason == "corrected"


async def test_a_correction_that_goes_nowhere_is_told(api: Caller, line: Line) -> None:
    phones = ["89990000001", "89990000001", "no", "none"]
    made = await api.post("/campaigns", new(phones=phones), expected=201)
    path = f"/campaigns/{made['id']}"
    double, first, second = [
        it["id"] for it in (await api.get(f"{path}/receipt"))["items"]
    ]
    await api.post(
        f"{path}/corrections", {"corrections": [{"id": first, "text": "89990000002"}]}
    )
    corrections = [
        {"id": first, "text": "89990000003"},
        {"id": double, "text": "89990000004"},
        {"id": second, "text": "none"},
        {"id": 99_999, "text": "89990000005"},
    ]
    told = await api.post(f"{path}/corrections", {"corrections": corrections})
    assert told["added"] == 0
    assert {it["id"]: it["reason"] for it in told["wrong"]} == {
        first: "is_in",
        double: "final",
        second: "unchanged",
        99_999: "unknown",
    }
    assert all(it["said"] for it in told["wrong"])


async def test_a_line_of_another_campaign_is_not_corrected(
    api: Caller, line: Line
) -> None:
    made = [
        await api.post("/campaigns", new(phones=["89990000001", "no"]), expected=201)
        for _ in range(2)
    ]
    (remark,) = (await api.get(f"/campaigns/{made[0]['id']}/receipt"))["items"]
    order = {"corrections": [{"id": remark["id"], "text": "89990000002"}]}
    told = await api.post(f"/campaigns/{made[1]['id']}/corrections", order)
    assert [it["reason"] for it in told["wrong"]] == ["unknown"]


async def test_two_corrections_of_one_line_are_refused(api: Caller, line: Line) -> None:
    made = await api.post("/campaigns", new(phones=["89990000001", "no"]), expected=201)
    path = f"/campaigns/{made['id']}"
    (remark,) = (await api.get(f"{path}/receipt"))["items"]
    corrections = [
        {"id": remark["id"], "text": phone} for phone in ("89990000002", "89990000003")
    ]
    order = {"corrections": corrections}
    await api.refused("POST", f"{path}/corrections", "invalid", json=order)
    assert (await api.get(path))["counts"]["total"] == 1


async def test_an_unknown_reason_is_refused(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    await api.refused("GET", f"/campaigns/{campaign.pk}/receipt?reason=x", "invalid")
