from __future__ import annotations

import json
import time

import httpx
import pytest

from chatapp.sandbox.knobs import MEANINGS, Endpoint, Kind, Knobs
from chatapp.sandbox.testing import SandboxServer

from .conftest import LINE, PHONE, authorise, code_of, connect, send

OTHER = "79990000002"


async def test_a_refusal_says_what_it_was_told_to(
    sandbox: SandboxServer, client: httpx.AsyncClient
) -> None:
    sandbox.knobs.set(Kind.REFUSE, status=409, code="ApiChatError", message="No <b>")

    answer = await send(client)

    assert (answer.status_code, code_of(answer)) == (409, "ApiChatError")
    assert answer.json()["error"]["message"] == "No <b>"
    (kept,) = sandbox.record.sends()
    assert (kept.accepted, kept.answer) == (False, "409 ApiChatError")


async def test_a_knob_for_a_phone_spares_the_others_and_wears_out(
    sandbox: SandboxServer, client: httpx.AsyncClient
) -> None:
    sandbox.knobs.set(Kind.REFUSE, phone=f"+{PHONE}", count=2)

    assert (await send(client, OTHER)).is_success
    codes = [(await send(client)).status_code for _ in range(3)]
    assert codes == [400, 400, 200]
    assert sandbox.knobs.active() == []


async def test_an_expired_token_goes_before_a_refusal(
    sandbox: SandboxServer, client: httpx.AsyncClient
) -> None:
    sandbox.knobs.set(Kind.REFUSE, count=1)
    sandbox.app.tokens.expire()
    assert code_of(await send(client)) == "ApiInvalidTokenError"
    await authorise(client)
    assert code_of(await send(client)) == "ApiSandboxRefusedError"


async def test_a_number_is_not_on_whatsapp(
    sandbox: SandboxServer, client: httpx.AsyncClient
) -> None:
    sandbox.knobs.set(Kind.NOT_ON_WHATSAPP, phone=PHONE)

    check = await client.get(f"{LINE}/phones/{PHONE}/check")
    assert check.json()["data"] == {"exist": False, "chatId": None}
    answer = await send(client)
    assert (answer.status_code, code_of(answer)) == (400, "ApiChatNotFoundError")
    assert (await send(client, OTHER)).is_success


@pytest.mark.parametrize("retry_after", ["", "7", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_429_comes_with_or_without_retry_after(
    sandbox: SandboxServer, client: httpx.AsyncClient, retry_after: str
) -> None:
    sandbox.knobs.set(Kind.RATE_LIMIT, count=2, retry_after=retry_after)

    answers = [await send(client) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers.get("retry-after", "") == retry_after
    assert [kept.accepted for kept in sandbox.record.sends()] == [False, False, True]


@pytest.mark.parametrize(
    ("kind", "accepted"), [(Kind.ERROR_BEFORE, False), (Kind.ERROR_AFTER, True)]
)
async def test_5xx_before_and_after_acceptance(
    sandbox: SandboxServer, client: httpx.AsyncClient, kind: Kind, accepted: bool
) -> None:
    sandbox.knobs.set(kind, count=1)
    answer = await send(client)
    assert answer.status_code == 502
    sandbox.knobs.set(kind, count=1, status=500)
    assert (await send(client)).status_code == 500
    assert [kept.accepted for kept in sandbox.record.sends()] == [accepted] * 2
    assert sandbox.record.sends()[0].answer == "502 HTML"


@pytest.mark.parametrize(
    ("kind", "accepted", "error"),
    [
        (Kind.CLOSE_BEFORE, False, httpx.RemoteProtocolError),
        (Kind.CLOSE_AFTER, True, httpx.RemoteProtocolError),
        (Kind.RESET_BEFORE, False, httpx.ReadError),
        (Kind.RESET_AFTER, True, httpx.ReadError),
        (Kind.HALF_ANSWER, True, httpx.RemoteProtocolError),
        (Kind.HANG_BEFORE, False, httpx.ReadTimeout),
        (Kind.HANG, True, httpx.ReadTimeout),
    ],
)
async def test_the_connection_really_ends_or_hangs(
    sandbox: SandboxServer,
    client: httpx.AsyncClient,
    kind: Kind,
    accepted: bool,
    error: type[Exception],
) -> None:
    sandbox.knobs.set(kind, count=1)
    client.timeout = httpx.Timeout(0.2)

    with pytest.raises(error):
        await send(client)

    assert [kept.accepted for kept in sandbox.record.sends()] == [accepted]
    assert (await send(client)).is_success


async def test_a_delayed_message_is_accepted_at_once(
    sandbox: SandboxServer, client: httpx.AsyncClient
) -> None:
    sandbox.knobs.set(Kind.DELAY, count=2, seconds=0.3)
    client.timeout = httpx.Timeout(0.1)
    with pytest.raises(httpx.ReadTimeout):
        await send(client)
    assert [kept.accepted for kept in sandbox.record.sends()] == [True]

    client.timeout = httpx.Timeout(5)
    started = time.monotonic()
    assert (await send(client)).is_success
    assert time.monotonic() - started >= 0.3


async def test_odd_answers(sandbox: SandboxServer, client: httpx.AsyncClient) -> None:
    async def with_knob(kind: Kind) -> httpx.Response:
        sandbox.knobs.set(kind, count=1)
        return await send(client)

    answer = await with_knob(Kind.SUCCESS_FALSE)
    assert answer.status_code == 200
    assert code_of(answer) == "ApiSandboxRefusedError"
    answer = await with_knob(Kind.HTML_ERROR)
    assert answer.status_code == 403
    assert answer.text.startswith("<!doctype html>")
    answer = await with_knob(Kind.STRING_ERROR)
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)
    answer = await with_knob(Kind.NO_ID)
    assert answer.json() == {"success": True, "data": {}}
    answer = await with_knob(Kind.NOT_JSON)
    assert (answer.status_code, answer.text) == (200, "<html>ok</html>")
    accepted = [kept.accepted for kept in sandbox.record.sends()]
    assert accepted == [False, False, False, True, True]


async def test_licences_can_be_bare_with_ids_as_strings(
    sandbox: SandboxServer, client: httpx.AsyncClient
) -> None:
    sandbox.knobs.set(Kind.BARE_LICENSES)
    sandbox.knobs.set(Kind.STRING_IDS)
    found = (await client.get("/v1/licenses")).json()["data"]
    assert found[0] == {"licenseId": "50001", "messenger": [{"type": "grWhatsApp"}]}


async def test_a_knob_works_on_the_endpoint_it_names(
    sandbox: SandboxServer,
) -> None:
    async with connect(sandbox.url) as client:
        pair = await authorise(client)
        sandbox.knobs.set(Kind.CLOSE_AFTER, on=Endpoint.REFRESH, count=1)
        assert (await send(client)).is_success
        headers = {"Refresh": pair["refreshToken"]}
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/v1/tokens/refresh", headers=headers)
        # The pair was rotated, only its news were lost.
        again = await client.post("/v1/tokens/refresh", headers=headers)
        assert code_of(again) == "ApiInvalidRefreshTokenError"

        sandbox.knobs.set(Kind.ERROR_BEFORE, on="any", count=2)
        assert (await client.get("/v1/licenses")).status_code == 502
        assert (await client.post("/v1/tokens", json={})).status_code == 502


async def test_knobs_are_set_and_cleared_over_http(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/sandbox/knobs", json={"kind": "refuse", "phone": PHONE, "count": 3}
    )
    knob = answer.json()
    assert (knob["kind"], knob["phone"], knob["left"]) == ("refuse", PHONE, 3)
    await client.post("/sandbox/knobs", json={"kind": "delay", "seconds": 0.5})
    state = (await client.get("/sandbox/state")).json()
    assert [one["kind"] for one in state["knobs"]] == ["refuse", "delay"]

    await client.delete("/sandbox/knobs", params={"id": knob["id"]})
    state = (await client.get("/sandbox/state")).json()
    assert [one["kind"] for one in state["knobs"]] == ["delay"]
    await client.delete("/sandbox/knobs")
    assert (await client.get("/sandbox/state")).json()["knobs"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "nonsense"},
        {"kind": "refuse", "count": 0},
        {"kind": "refuse", "count": "many"},
        {"kind": "refuse", "status": 200},
        {"kind": "refuse", "on": "nothing"},
        {"kind": "refuse", "who": "all"},
        {"kind": "refuse", "message": "\ud800"},
        {"kind": "delay", "seconds": -1},
        {"kind": "delay", "seconds": "nan"},
        {"kind": "rate_limit", "retry_after": "1\r\nX: y"},
        [],
    ],
)
async def test_an_absurd_knob_is_refused_with_a_reason(
    sandbox: SandboxServer, client: httpx.AsyncClient, body: object
) -> None:
    answer = await client.post("/sandbox/knobs", content=json.dumps(body))
    assert answer.status_code == 422
    assert answer.json()["error"]
    assert sandbox.knobs.active() == []


async def test_a_page_of_another_site_cannot_turn_knobs(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post(
        "/sandbox/knobs",
        data={"kind": "refuse"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert answer.status_code == 403


def test_a_knob_for_a_phone_goes_before_one_for_everybody() -> None:
    knobs = Knobs()
    knobs.set(Kind.REFUSE, code="all")
    knobs.set(Kind.REFUSE, code="one", phone=PHONE)
    taken = knobs.take((Kind.REFUSE,), Endpoint.SEND, PHONE)
    assert taken and taken.code == "one"
    taken = knobs.take((Kind.REFUSE,), Endpoint.SEND, OTHER)
    assert taken and taken.code == "all"


def test_every_kind_is_explained() -> None:
    assert set(MEANINGS) == set(Kind)
