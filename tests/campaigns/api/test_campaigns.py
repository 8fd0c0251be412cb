from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from redis.asyncio import Redis

from asgi_app.database import in_orm
from campaigns import copying, in_pieces, removal, selectors
from campaigns.api import campaigns as campaigns_api
from campaigns.api import once, reading
from campaigns.list_files import SMALL_ROWS
from campaigns.models import Campaign, Message, Upload
from campaigns.states import CampaignStatus, MessageStatus, UploadState
from campaigns.stops import add_to_stop_list
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import Caller
from tests.campaigns.browser import Site, change, fresh, rings
from tests.campaigns.held_copies import HeldCopies
from tests.eventually import eventually

ROWS = [
    {"phone": "8 999 000 00 01", "values": {"Имя": "Анна, мл.", "City": "Пермь"}},
    {"phone": "+7 999 000-00-02", "values": {"Имя": 'Пётр "П"'}},
]


def new(**changed: Any) -> dict[str, Any]:
    return {"name": "Sale", "text": "Hello 👋", "phones": "89990000001"} | changed


async def test_a_draft_is_made_and_told(api: Caller, line: Line) -> None:
    answer = await api.ask("POST", "/campaigns", json=new(phones="89990000001, xyz"))
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["Location"] == f"/api/campaigns/{made['id']}"
    assert made["state"] == CampaignStatus.DRAFT
    assert made["counts"]["waiting"] == made["counts"]["total"] == 1
    assert made["line"] == {"id": line.pk, "name": str(line)}
    assert made["created_by"] == "anna"
    told = await api.get(f"/campaigns/{made['id']}")
    # A forecast is as of now.
    assert told | {"forecast": None} == made | {"forecast": None}


async def test_rows_bring_values_for_the_text(api: Caller, line: Line) -> None:
    text = "{Имя}, hello in {city|your town}"
    made = await api.post("/campaigns", new(text=text, phones=ROWS), expected=201)
    look = await api.get(f"/campaigns/{made['id']}/look")
    assert [it["text"] for it in look["texts"]] == [
        "Анна, мл., hello in Пермь",
        'Пётр "П", hello in your town',
    ]


async def test_a_row_that_is_left_out_is_told_by_its_place(
    api: Caller, line: Line
) -> None:
    rows = [*ROWS, {"phone": "12", "values": {"Имя": "X"}}, "89990000004"]
    text = "{Имя}, hello"
    made = await api.post("/campaigns", new(text=text, phones=rows), expected=201)
    assert made["counts"]["total"] == 2
    groups = {g["reason"]: g["rows"] for g in made["list"]["groups"]}
    assert groups == {"not_a_number": [3], "value_missing": [4]}


async def test_a_list_of_phones_and_a_file_are_one_list(
    api: Caller, line: Line
) -> None:
    file = base64.b64encode(b"phone\n89990000002\n89990000003\n").decode()
    order = new(
        phones=["89990000001", "89990000002"], file={"name": "a.csv", "base64": file}
    )
    made = await api.post("/campaigns", order, expected=201)
    assert made["counts"]["total"] == 3


@pytest.mark.parametrize("count", [3, 300, 3_000])
async def test_with_a_key_a_file_comes_in_whole(
    api: Caller, line: Line, count: int
) -> None:
    data = "\n".join(f"7999{n:07d}" for n in range(count)).encode()
    file = {"name": "list.txt", "base64": base64.b64encode(data).decode()}
    order = new(phones="+79980000001", file=file)
    made = await api.post("/campaigns", order, key="k", expected=201)
    assert made["counts"]["total"] == count + 1
    assert await api.post("/campaigns", order, key="k", expected=201) == made


async def test_a_long_list_comes_in_behind_the_answer(
    api: Caller, line: Line, redis: Redis
) -> None:
    phones = [f"+7999{n:07d}" for n in range(SMALL_ROWS + 1)]
    made = await api.post("/campaigns", new(phones=phones), expected=201)
    assert made["list"]["coming_in"]["state"] == "importing"
    assert any(ring.startswith("import:") for ring in await rings(redis))


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"name": " "}, {"name"}),
        ({"text": ""}, {"text"}),
        ({"text": "x" * 5000}, {"text"}),
        ({"text": "Hi {name"}, {"text"}),
        ({"phones": "nobody"}, {"phones"}),
        ({"phones": []}, {"phones"}),
        ({"phones": "", "file": {"name": "a.pdf", "base64": "JVBERg=="}}, {"file"}),
        ({"file": {"name": "a.csv", "base64": "***"}}, {"file.base64"}),
        ({"line": 99}, {"line"}),
        ({"line": [1]}, {"line"}),
        ({"phones": 5}, {"phones"}),
        ({"phones": ["89990000001", 5]}, {"phones[1]"}),
        ({"phones": ["x" * 501]}, {"phones[0]"}),
        ({"phones": [{"phone": 5}]}, {"phones[0].phone"}),
        ({"phones": [{"phone": "1", "values": {"a": 1}}]}, {"phones[0].values.a"}),
        ({"pacing": "at_once"}, {"pacing"}),
        ({"name": "a\0b"}, {"name"}),
        ({"unknown": 1}, {"unknown"}),
    ],
)
async def test_what_is_wrong_is_told_by_its_field_and_nothing_is_made(
    api: Caller, line: Line, changed: dict[str, Any], fields: set[str]
) -> None:
    problem = await api.refused("POST", "/campaigns", "invalid", json=new(**changed))
    assert {error["field"] for error in problem["errors"]} == fields
    assert not await in_orm(Campaign.objects.count)


@pytest.mark.parametrize("name", [".", "..", "/", "a/", "a/..", "C:\\", ""])
async def test_a_file_without_a_name_is_refused(
    api: Caller, line: Line, name: str
) -> None:
    file = {"name": name, "base64": base64.b64encode(b"89990000002").decode()}
    await api.refused("POST", "/campaigns", "invalid", json=new(file=file))


async def test_half_a_character_is_told_and_nothing_is_made(
    api: Caller, line: Line
) -> None:
    body = json.dumps(new(name="\ud800")).encode()
    headers = {"Content-Type": "application/json"}
    await api.refused(
        "POST", "/campaigns", "bad_request", content=body, headers=headers
    )
    assert not await in_orm(Campaign.objects.count)


async def test_the_list_is_read_page_by_page(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE", 2)
    made = [(await in_orm(lists.draft, line, 1)).pk for _ in range(5)]
    found: list[int] = []
    path: str | None = "/campaigns"
    while path:
        page = await api.get(path.removeprefix("/api"))
        found += [it["id"] for it in page["items"]]
        path = page["next"]
    assert found == made[::-1]


async def test_a_campaign_says_why_nothing_leaves(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 2)
    told = await api.get(f"/campaigns/{campaign.pk}")
    assert told["hindrance"]["kind"] == "no_worker_yet"
    assert "worker" in told["hindrance"]["said"]


async def test_words_are_in_the_language_that_is_asked_for(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    api.http.headers["Accept-Language"] = "ru"
    told = await api.get(f"/campaigns/{campaign.pk}")
    assert "воркер" in told["hindrance"]["said"].lower() or any(
        "а" <= char <= "я" for char in told["hindrance"]["said"]
    )


async def test_a_draft_is_changed_field_by_field(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/campaigns/{campaign.pk}"
    answer = await api.ask("PATCH", path, json={"text": "Bye", "note": "n"})
    told = answer.json()
    assert (told["name"], told["text"], told["note"]) == ("Sale", "Bye", "n")
    await api.refused("PATCH", path, "invalid", json={"text": "Hi {name}"})
    assert (await fresh(campaign)).text == "Bye"


async def test_two_that_change_a_campaign_at_once_keep_each_other_s_changes(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/campaigns/{campaign.pk}"
    for n in range(10):
        note, text = {"note": f"from the CRM {n}"}, {"text": f"New price {n}"}
        await asyncio.gather(
            *(api.ask("PATCH", path, json=changed) for changed in (note, text))
        )
        found = await fresh(campaign)
        assert {"note": found.note, "text": found.text} == note | text


async def test_a_draft_is_renamed_whatever_its_line_and_its_list_do(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    await in_orm(Line.objects.filter(pk=line.pk).update, active=False)
    await in_orm(
        Upload.objects.create,
        campaign=campaign,
        state=UploadState.IMPORTING,
        size=1,
        layout={},
    )
    path = f"/campaigns/{campaign.pk}"
    answer = await api.ask("PATCH", path, json={"name": "New"})
    assert answer.json()["name"] == "New"
    await api.refused("PATCH", path, "list_not_in", json={"text": "Bye"})


async def test_of_what_was_started_only_name_and_note_are_changed(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    path = f"/campaigns/{campaign.pk}"
    for changed in ({"text": "Bye"}, {"text": ""}, {"line": line.pk}):
        await api.refused("PATCH", path, "not_possible_now", json=changed)
    answer = await api.ask("PATCH", path, json={"name": "New"})
    assert answer.json()["name"] == "New"


async def test_what_runs_is_not_deleted_and_a_draft_is(api: Caller, line: Line) -> None:
    draft, running = (
        await in_orm(lists.draft, line, 1),
        await in_orm(lists.running, line, 1),
    )
    await api.refused("DELETE", f"/campaigns/{running.pk}", "not_possible_now")
    assert (await api.ask("DELETE", f"/campaigns/{draft.pk}")).status_code == 204
    await api.refused("GET", f"/campaigns/{draft.pk}", "not_found")
    await api.refused("DELETE", f"/campaigns/{draft.pk}", "not_found")


async def test_a_copy_is_for_whom_it_is_asked_for(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 3)
    first = await in_orm(Message.objects.filter(campaign=campaign).first)
    assert first is not None
    await in_orm(
        Message.objects.filter(pk=first.pk).update, status=MessageStatus.FAILED
    )
    await change(campaign, failed=1, waiting=2)
    path = f"/campaigns/{campaign.pk}/copies"
    copy = await api.post(path, {"whom": "failed"}, expected=201)
    assert copy["counts"]["total"] == 1
    assert copy["name"].startswith("Sale")
    await in_orm(
        add_to_stop_list, phones=[first.phone], operator="anna", reason="asked"
    )
    await api.refused("POST", path, "nobody_to_send_to", json={"whom": "failed"})


async def test_a_copy_with_a_key_is_made_once(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 3)
    path = f"/campaigns/{campaign.pk}/copies"
    first = await api.post(path, key="k", expected=201)
    assert await api.post(path, key="k", expected=201) == first
    assert await in_orm(Campaign.including_deleted.count) == 2


async def test_of_many_copies_with_one_key_one_is_left(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await in_orm(lists.draft, line, 3)
    path, key = f"/campaigns/{campaign.pk}/copies", {"Idempotency-Key": "k"}
    told_before = once.told_before
    # All of them begin before the first is done.
    all_ask = asyncio.Barrier(4)

    async def in_orm_together(function: Callable[..., Any], *args: Any) -> Any:
        if function is told_before:
            await all_ask.wait()
        return await in_orm(function, *args)

    monkeypatch.setattr(campaigns_api, "in_orm", in_orm_together)
    answers = await asyncio.gather(
        *(
            api.ask("POST", path, json={"name": name}, headers=key)
            for name in ("One", "One", "Two", "Three")
        )
    )
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(made) == 1
    assert {answer.status_code for answer in answers} == {201, 422}
    assert await in_orm(Campaign.objects.count) == 2
    assert await in_orm(removal.remove_some)  # what was made in vain


async def test_a_copy_whose_answer_was_not_awaited_is_told_to_who_asks_again(
    api: Caller, site: Site, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldCopies.hold(monkeypatch)
    campaign = await in_orm(lists.draft, line, 3)
    path, key = f"/campaigns/{campaign.pk}/copies", {"Idempotency-Key": "k"}
    asking = asyncio.create_task(site.http.post(f"/api{path}", json={}, headers=key))
    await held.has_begun.wait()
    site.hung_up.set()
    await asyncio.gather(asking, return_exceptions=True)
    site.hung_up.clear()
    held.may_go_on.set()
    await eventually(lambda: not in_pieces._under_way)
    again = await api.ask("POST", path, json={}, headers=key)
    assert again.status_code == 201 and again.headers["Idempotent-Replayed"] == "true"
    assert await in_orm(Campaign.including_deleted.count) == 2


async def test_a_copy_that_is_shown_is_told_whatever_comes_behind(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*, draft_id: int) -> None:
        raise OperationalError(1213, "Deadlock found")

    monkeypatch.setattr(copying, "drop_unless_shown", fails)
    campaign = await in_orm(lists.draft, line, 3)
    made = await api.post(f"/campaigns/{campaign.pk}/copies", expected=201)
    assert made["counts"]["total"] == 3


async def test_without_a_line_a_campaign_takes_one_that_can_send(
    api: Caller, line: Line
) -> None:
    await in_orm(Line.objects.filter(pk=line.pk).update, active=False)
    other = await in_orm(Line.objects.create, licence_id="1002", messenger="grWhatsApp")
    assert (await in_orm(selectors.choosable_lines))[0] == line
    made = await api.post("/campaigns", new(), expected=201)
    assert made["line"]["id"] == other.pk
