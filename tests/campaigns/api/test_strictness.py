"""The API takes what its document says, and nothing that is like it."""

from __future__ import annotations

from typing import Any

import pytest

from asgi_app.database import in_orm
from campaigns.models import Campaign
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import Caller
from tests.campaigns.api.test_campaigns import new

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("like_one", [True, "1", 1.0, [1]])
async def test_a_number_is_a_number(api: Caller, line: Line, like_one: Any) -> None:
    campaign = await in_orm(lists.running, line, 1)
    path = f"/campaigns/{campaign.pk}"
    correction = {"id": like_one, "text": "1"}
    for method, where, order in (
        ("POST", "/campaigns", new(line=like_one)),
        ("POST", "/campaigns", new(column=like_one)),
        ("PATCH", path, {"line": like_one}),
        ("PUT", f"{path}/timing", {"slice_size": like_one}),
        ("PUT", f"/lines/{line.pk}/rules", {"hours": None, "hour_cap": like_one}),
        (
            "POST",
            f"{path}/decisions",
            {"decision": "assume_sent", "messages": [like_one]},
        ),
        (
            "POST",
            f"{path}/corrections",
            {"corrections": [correction]},
        ),
    ):
        await api.refused(method, where, "invalid", json=order)


@pytest.mark.parametrize("like_one", ["yes", "true", 1, "on"])
async def test_true_is_true(api: Caller, line: Line, like_one: Any) -> None:
    path = f"/lines/{line.pk}"
    order = {"is_sure": like_one}
    await api.refused("POST", f"{path}/release", "invalid", json=order)
    rules = {"hours": None, "in_recipients_zone": like_one}
    await api.refused("PUT", f"{path}/rules", "invalid", json=rules)


@pytest.mark.parametrize(
    "like_one",
    [1900000000, 1.9e9, "1900000000", True, "2030-01-01", "2030-01-01 09:00+03:00"],
)
async def test_a_time_is_a_time(api: Caller, line: Line, like_one: Any) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/campaigns/{campaign.pk}/timing"
    await api.refused("PUT", path, "invalid", json={"start_at": like_one})
    for at in ("2090-01-01T09:00:00Z", "2090-01-01T09:00:00.5+03:00"):
        assert (await api.ask("PUT", path, json={"start_at": at})).status_code == 200


@pytest.mark.parametrize("like_one", [20000, "20000", "2030-01-01T00:00:00", 0])
async def test_a_date_is_a_date(api: Caller, line: Line, like_one: Any) -> None:
    rules = {"hours": None, "days_off": [like_one]}
    await api.refused("PUT", f"/lines/{line.pk}/rules", "invalid", json=rules)


@pytest.mark.parametrize("like_one", ["1_0", "1.0", "%201", "+1", "01", "٧"])
async def test_a_number_in_an_address_has_digits(
    api: Caller, line: Line, like_one: str
) -> None:
    await api.refused("GET", f"/campaigns/{like_one}", "invalid")
    await api.refused("GET", f"/campaigns?before={like_one}", "invalid")


@pytest.mark.parametrize(
    "body",
    [
        b'{"decision": "assume_sent", "decision": "send_again"}',
        b'{"decision": "retry", "\\u0064ecision": "retry"}',
        b'{"decision": {"a": 1, "b": {"c": 1, "c": 1}}}',
    ],
)
async def test_a_name_that_stands_twice_in_an_object_is_refused(
    api: Caller, line: Line, body: bytes
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    path = f"/campaigns/{campaign.pk}/decisions"
    asked: dict[str, Any] = {"content": body, "headers": JSON}
    problem = await api.refused("POST", path, "bad_request", **asked)
    assert "more than once" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/campaigns?bfore=3", "bfore"),
        ("/campaigns?before=3&limit=1", "limit"),
        ("/campaigns?before=3&before=4", "before"),
        ("/lines?x", "x"),
        ("/openapi.json?x=1", "x"),
    ],
)
async def test_a_parameter_that_is_not_there_is_refused(
    api: Caller, line: Line, path: str, field: str
) -> None:
    path = path.replace("?x", "?x=")
    problem = await api.refused("GET", path, "invalid")
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_an_order_with_a_parameter_does_nothing(api: Caller, line: Line) -> None:
    await api.refused("POST", "/campaigns?dry_run=1", "invalid", json=new())
    assert not await in_orm(Campaign.objects.count)


async def test_nul_is_taken_in_no_text(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path, nul = f"/campaigns/{campaign.pk}", "a\0"
    row = {"phone": "1", "values": {"a": nul}}
    named = {"phone": "1", "values": {nul: "a"}}
    correction = {"id": 1, "text": nul}
    for method, where, order in (
        *(
            ("POST", "/campaigns", new(phones=it))
            for it in (nul, [nul], [row], [named])
        ),
        ("POST", "/campaigns", new(file={"name": nul, "base64": ""})),
        *(("POST", "/campaigns", new(**{name: nul})) for name in ("name", "text")),
        *(("PATCH", path, {name: nul}) for name in ("name", "text", "note")),
        ("POST", f"{path}/copies", {"name": nul}),
        ("POST", f"{path}/start", {"seal": nul}),
        ("POST", f"{path}/trial", {"phone": nul}),
        ("POST", f"{path}/recipients", {"phones": [nul]}),
        ("POST", f"{path}/corrections", {"corrections": [correction]}),
        ("POST", f"{path}/decisions", {"decision": "retry", "code": nul}),
        ("POST", "/stops", {"phones": "89990000001", "reason": nul}),
        ("PUT", f"/lines/{line.pk}/rules", {"hours": [nul, *[""] * 6]}),
        ("GET", "/stops?phone=%00", None),
        ("GET", f"{path}/messages?status=failed&code=%00", None),
    ):
        await api.refused(method, where, "invalid", json=order)
    assert await in_orm(Campaign.objects.count) == 1
