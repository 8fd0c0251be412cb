from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from asgi_app.database import in_orm
from campaigns.api.faults import MOST_FAULTS
from campaigns.models import Campaign
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import Caller
from tests.campaigns.api.test_campaigns import new

JSON = {"Content-Type": "application/json"}


async def fields(api: Caller, method: str, path: str, **asked: Any) -> dict[str, str]:
    """What is wrong, by its field."""
    problem = await api.refused(method, path, "invalid", **asked)
    return {error["field"]: error["detail"] for error in problem["errors"]}


async def test_why_nobody_can_be_sent_to_is_told_for_each_line(
    api: Caller, line: Line
) -> None:
    phones: Any = ["none", {"phone": "12", "values": {}}]
    found = await fields(api, "POST", "/campaigns", json=new(phones=phones))
    assert found["phones[0]"] == "Row 1, “none”: no phone number found here."
    assert found.keys() == {"phones", "phones[0]", "phones[1]"}
    problem = await api.refused(
        "POST", "/campaigns", "invalid", json=new(phones="one\ntwo")
    )
    assert [error["field"] for error in problem["errors"]] == ["phones"] * 3
    file = {"name": "a.txt", "base64": base64.b64encode(b"no\n").decode()}
    order = new(phones="", file=file)
    assert "“no”" in (await fields(api, "POST", "/campaigns", json=order))["file"]


@pytest.mark.parametrize("phones", [[0] * 5000, ["none"] * 4000, [{}] * 300])
async def test_of_many_mistakes_the_first_are_told_and_the_rest_counted(
    api: Caller, line: Line, phones: list[Any]
) -> None:
    order = new(phones=phones)
    problem = await api.refused("POST", "/campaigns", "invalid", json=order)
    assert len(problem["errors"]) == MOST_FAULTS
    assert problem["more_errors"] >= len(phones) - MOST_FAULTS
    assert len(json.dumps(problem)) < 20_000


async def test_a_long_name_of_a_field_is_cut(api: Caller, line: Line) -> None:
    order = new(**{"x" * 100_000: 1})
    problem = await api.refused("POST", "/campaigns", "invalid", json=order)
    assert len(json.dumps(problem)) < 1000


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null", b""])
async def test_a_body_that_is_no_object_is_told_as_a_whole(
    api: Caller, line: Line, body: bytes
) -> None:
    found = await fields(api, "POST", "/campaigns", content=body, headers=JSON)
    assert found == {"": "The body must be a JSON object."}


async def test_hours_are_told_as_they_are_asked(api: Caller, line: Line) -> None:
    path = f"/lines/{line.pk}/rules"
    for hours, field in (
        (["9-18"] * 6, "hours"),
        ([*["9-18"] * 6, 7], "hours[6]"),
        (["9-18", "18-9", *[""] * 5], "hours[1]"),
        ([""] * 7, "hours"),
    ):
        assert list(await fields(api, "PUT", path, json={"hours": hours})) == [field]


async def test_what_is_wrong_in_an_address_is_told(api: Caller, line: Line) -> None:
    assert list(await fields(api, "GET", "/campaigns/abc")) == ["campaign_id"]
    assert list(await fields(api, "GET", "/campaigns?before=x")) == ["before"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"text": None}, "text"),
        ({"unknown": 1}, "unknown"),
        ({"name": 1}, "name"),
        ({"pacing": "x"}, "pacing"),
        ({"column": -1}, "column"),
        ({"column": 1000}, "column"),
        ({"column": "x"}, "column"),
        ({"phones": {}}, "phones"),
        ({"phones": [1]}, "phones[0]"),
        ({"phones": ["0" * 501]}, "phones[0]"),
        ({"phones": [{"phone": "1", "values": {"": "x"}}]}, "phones[0].values."),
        ({"file": {"name": "", "base64": ""}}, "file.name"),
        ({"file": {"name": "a.csv", "base64": "*"}}, "file.base64"),
        ({"file": 1}, "file"),
    ],
)
async def test_what_callers_meet_is_told_in_their_language(
    api: Caller, line: Line, changed: dict[str, Any], field: str
) -> None:
    """And as a sentence."""
    headers = {"Accept-Language": "ru"}
    order = new(**changed)
    found = await fields(api, "POST", "/campaigns", json=order, headers=headers)
    assert re.search("[а-я].*[.]$", found[field])
    assert (await fields(api, "POST", "/campaigns", json=order))[field].isascii()


@pytest.mark.parametrize("at", ["x", 5, "2026-12-31T09:00:00", "1999-01-01T00:00:00Z"])
async def test_times_are_told_by_an_example(api: Caller, line: Line, at: Any) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/campaigns/{campaign.pk}/timing"
    found = await fields(api, "PUT", path, json={"start_at": at})
    assert re.search("such as|from 2000", found["start_at"])


async def test_the_place_where_json_ends_is_told(api: Caller, line: Line) -> None:
    headers = {**JSON, "Accept-Language": "ru"}
    for body, place in ((b'{"name":}', "столбец 9"), (b'{\n"a" 1}', "строку 2")):
        problem = await api.refused(
            "POST", "/campaigns", "bad_request", content=body, headers=headers
        )
        assert place in problem["detail"]
    assert not await in_orm(Campaign.objects.count)


async def test_a_host_that_is_not_ours_is_told(api: Caller) -> None:
    headers = {"Host": "evil.example"}
    problem = await api.refused("GET", "/campaigns", "wrong_host", headers=headers)
    assert "ALLOWED_HOSTS" in problem["detail"]
    assert "evil" not in json.dumps(problem)
