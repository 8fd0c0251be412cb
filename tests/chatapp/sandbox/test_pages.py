from __future__ import annotations

import httpx

from chatapp.sandbox.knobs import Kind
from chatapp.sandbox.testing import SandboxServer

from .conftest import PHONE, Receiver, register, send

NASTY = "<script>alert(1)</script> $total \"'"


async def test_the_page_shows_what_came_and_what_was_answered(
    sandbox: SandboxServer, client: httpx.AsyncClient, receiver: Receiver
) -> None:
    await register(client, receiver.url)
    await send(client, text="[older]", tracking="c1-r1")
    await receiver.wait_for(3)
    sandbox.knobs.set(Kind.REFUSE, phone=PHONE, code="ApiChatError")
    await send(client, text="[newer]")

    answer = await client.get("/")
    while "(…)" in answer.text:  # told, and its answer not yet noted
        answer = await client.get("/")

    assert answer.status_code == 200
    page = answer.text
    assert "Sandbox — nothing leaves this computer" in page
    assert page.index("[newer]") < page.index("[older]")
    assert "400 ApiChatError" in page
    assert "sent (200), delivered (200), viewed (200)" in page
    assert receiver.url in page
    assert "c1-r1" in page
    assert answer.headers["refresh"] == "5"
    assert "<script" not in page


async def test_everything_on_the_pages_is_escaped(
    sandbox: SandboxServer, client: httpx.AsyncClient
) -> None:
    sandbox.knobs.set(Kind.REFUSE, code=NASTY, message=NASTY, phone="1")
    await send(client, text=NASTY, tracking=NASTY)
    await client.post("/sandbox/incoming", json={"phone": PHONE, "text": NASTY})
    for path in ("/", "/knobs"):
        answer = await client.get(path)
        assert "&lt;script&gt;" in answer.text
        assert "<script" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    answer = await client.post("/sandbox/knobs", data={"kind": NASTY, "code": NASTY})
    assert answer.status_code == 422
    assert "<script" not in answer.text


async def test_messages_are_paged_by_a_hundred(
    sandbox: SandboxServer, client: httpx.AsyncClient
) -> None:
    for number in range(101):
        await send(client, text=f"[text {number}]")

    first = await client.get("/")
    assert first.text.count("[text ") == 100
    assert "[text 0]" not in first.text
    oldest = sandbox.record.sends()[1].seq
    assert f"/?before={oldest}" in first.text
    second = await client.get("/", params={"before": oldest})
    assert second.text.count("[text ") == 1
    assert "refresh" not in second.headers
    assert "refresh" not in (await client.get("/?reload=off")).headers
    for wrong in ("x", "9" * 30):
        answer = await client.get("/", params={"before": wrong})
        assert answer.status_code == 422


async def test_knobs_are_turned_by_forms(
    sandbox: SandboxServer, client: httpx.AsyncClient
) -> None:
    fields = {"kind": "refuse", "phone": "", "count": "2", "seconds": "1", "on": "send"}
    answer = await client.post("/sandbox/knobs", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/knobs")
    (knob,) = sandbox.knobs.active()
    assert (knob.kind, knob.left, knob.phone) == (Kind.REFUSE, 2, "")
    page = await client.get("/knobs")
    assert "2 more" in page.text
    assert "refresh" not in page.headers

    await client.post("/sandbox/knobs/clear", data={"id": str(knob.id)})
    assert sandbox.knobs.active() == []
    sandbox.knobs.set(Kind.HANG)
    await client.post("/sandbox/knobs/clear", data={})
    assert sandbox.knobs.active() == []

    await client.post("/sandbox/expire", data={"which": "access"})
    assert (await client.get("/v1/licenses")).status_code == 403
    await client.post("/sandbox/quota", data={"left": "3"})
    assert "3 left" in (await client.get("/knobs")).text


async def test_a_wrong_form_comes_back_with_what_was_typed(
    client: httpx.AsyncClient,
) -> None:
    fields = {"kind": "delay", "count": "0", "code": "typed"}
    answer = await client.post("/sandbox/knobs", data=fields)
    assert answer.status_code == 422
    assert "count must be 1 or more" in answer.text
    assert 'value="typed"' in answer.text
    assert '<option value="delay" selected>' in answer.text


async def test_the_record_is_paged_over_http(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await send(client, text=f"text {number}", tracking=f"t{number}")
    first = (await client.get("/sandbox/sends", params={"limit": 3})).json()
    assert [item["text"] for item in first["items"]] == ["text 0", "text 1", "text 2"]
    rest = (await client.get("/sandbox/sends", params={"after": first["next"]})).json()
    assert [item["tracking"] for item in rest["items"]] == ["t3", "t4"]
    assert rest["next"] is None
    assert (await client.get("/sandbox/sends?after=x")).status_code == 422


async def test_it_names_those_who_got_the_same_text_twice(
    client: httpx.AsyncClient,
) -> None:
    await send(client, text="one")
    await send(client, text="two")
    assert (await client.get("/sandbox/doubled")).json() == {"items": []}
    await send(client, text="one")
    doubled = (await client.get("/sandbox/doubled")).json()["items"]
    assert doubled == [{"phone": PHONE, "text": "one", "times": 2}]


async def test_the_style_sheet_is_served(client: httpx.AsyncClient) -> None:
    answer = await client.get("/sandbox/style.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in answer.text
