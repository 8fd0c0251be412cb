from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from django.db import OperationalError

from asgi_app import gate
from asgi_app.database import in_orm
from campaigns.api import reading
from campaigns.api.problems import KINDS
from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import Caller, served
from tests.campaigns.api.test_campaigns import new
from tests.campaigns.browser import fresh


def operations() -> list[tuple[str, str]]:
    return [
        (method.upper(), path.removeprefix("/api").replace("{digits}", "79990000001"))
        for path, found in served()["paths"].items()
        for method in found
    ]


@pytest.mark.parametrize(("method", "path"), operations())
async def test_everything_is_closed_to_outsiders(
    api: Caller, method: str, path: str
) -> None:
    api.http.auth = httpx.Auth()  # sends nothing
    path = path.replace("{campaign_id}", "1").replace("{line_id}", "1")
    path = path.replace("{message_id}", "1")
    problem = await api.refused(method, path, "unauthorized", json={})
    assert problem["detail"]


async def test_the_way_in_is_told(api: Caller) -> None:
    api.http.auth = httpx.Auth()  # sends nothing
    answer = await api.http.get("/api/campaigns")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[::1"},
        {"Origin": "http://localhost.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(("method", "verb"), [("POST", "/start"), ("DELETE", "")])
async def test_a_page_of_another_site_changes_nothing(
    api: Caller, line: Line, headers: dict[str, str], method: str, verb: str
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/campaigns/{campaign.pk}{verb}"
    await api.refused(method, path, "foreign_origin", json={}, headers=headers)
    assert (await fresh(campaign)).status == CampaignStatus.DRAFT


@pytest.mark.parametrize(
    "media_type",
    ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data", ""],
)
async def test_what_a_form_can_send_changes_nothing(
    api: Caller, line: Line, media_type: str
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    headers = {"Content-Type": media_type} if media_type else {}
    await api.refused(
        "POST",
        f"/campaigns/{campaign.pk}/start",
        "not_json",
        content=b"{}",
        headers=headers,
    )
    assert (await fresh(campaign)).status == CampaignStatus.DRAFT


async def test_a_page_of_this_site_may_ask(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    headers = {
        "Origin": "http://localhost",
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/json; charset=utf-8",
    }
    path = f"/campaigns/{campaign.pk}/start"
    answer = await api.ask("POST", path, content=b"{}", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"x"', b"1", b"null"])
async def test_a_body_that_is_no_order_is_told(
    api: Caller, line: Line, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.ask("POST", "/campaigns", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert not await in_orm(Campaign.objects.count)


async def test_deeply_nested_json_is_told(api: Caller, line: Line) -> None:
    headers = {"Content-Type": "application/json"}
    body = b"[" * 100_000
    answer = await api.ask("POST", "/campaigns", content=body, headers=headers)
    assert answer.status_code in {400, 422}


async def test_what_is_too_big_is_told(api: Caller, line: Line) -> None:
    order = json.dumps(new(note_that_is_unknown="x" * 11 * 1024 * 1024)).encode()
    headers = {"Content-Type": "application/json"}
    await api.refused("POST", "/campaigns", "too_big", content=order, headers=headers)


async def test_what_the_gate_refuses_is_a_problem(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unending() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    headers = {"Content-Type": "application/json", "Accept-Language": "ru"}
    for name, value, code, title in (
        ("BODY_LIMIT", 5, "too_big", "10 МБ"),
        ("PATIENCE_S", 0.05, "too_slow", "медленно"),
    ):
        with monkeypatch.context() as changed:
            changed.setattr(gate, name, value)
            content = b"x" * 6 if code == "too_big" else unending()
            asked: dict[str, Any] = {"content": content, "headers": headers}
            problem = await api.refused("POST", "/campaigns", code, **asked)
        assert title in problem["title"]


async def test_head_is_answered_as_get_without_a_body(api: Caller, line: Line) -> None:
    for path in ("/api/lines", "/api/campaigns/99", "/api/nothing"):
        get, head = await api.http.get(path), await api.http.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers["Content-Type"] == get.headers["Content-Type"]
    assert (await api.http.head("/api/campaigns/1/start")).status_code == 405
    api.http.auth = httpx.Auth()  # sends nothing
    assert (await api.http.head("/api/lines")).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nothing", "not_found"),
        ("GET", "/campaigns/0/x/y", "not_found"),
        ("GET", "/campaigns/99", "not_found"),
        ("GET", "/campaigns/abc", "invalid"),
        ("GET", "/campaigns/99999999999999999999", "invalid"),
        ("GET", "/phones/12", "invalid"),
        ("PUT", "/campaigns", "method_not_allowed"),
        ("GET", "/campaigns/1/start", "method_not_allowed"),
    ],
)
async def test_an_address_that_leads_nowhere_is_told(
    api: Caller, method: str, path: str, code: str
) -> None:
    await api.refused(method, path, code)


@pytest.mark.parametrize("path", ["/", "/nowhere", "/campaigns/1/nowhere"])
async def test_nothing_is_to_be_done_at_an_address_that_leads_nowhere(
    api: Caller, path: str
) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        await api.refused(method, path, "not_found", json={})


async def test_a_method_that_is_not_allowed_names_those_that_are(api: Caller) -> None:
    answer = await api.http.put("/api/campaigns")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "POST"}


async def test_the_database_away_is_told(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_kwargs: Any) -> None:
        raise OperationalError(2002, "Can't connect")

    monkeypatch.setattr(reading, "read_list", away)
    await api.refused("GET", "/campaigns", "database_away")


async def test_a_mistake_of_the_program_is_told_without_its_words(
    api: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_kwargs: Any) -> None:
        raise RuntimeError("of no concern")

    monkeypatch.setattr(reading, "read_list", fail)
    problem = await api.refused("GET", "/campaigns", "error")
    assert "of no concern" not in json.dumps(problem)
    assert "of no concern" in caplog.text


async def test_every_kind_of_problem_is_told(api: Caller) -> None:
    told = (await api.http.get("/api/problems")).json()
    assert told.keys() == KINDS.keys()
    assert told["not_found"] == {"status": 404, "title": "There is no such thing."}
