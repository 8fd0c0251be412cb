from __future__ import annotations

import httpx
import pytest

from .conftest import LINE, Receiver, code_of, register


async def test_a_url_is_probed_listed_replaced_and_removed(
    client: httpx.AsyncClient, receiver: Receiver
) -> None:
    assert (await register(client, receiver.url + "/old")).is_success
    assert (await register(client, receiver.url, "messageStatus")).is_success
    assert receiver.probes == 2

    listed = (await client.get("/v1/callbackUrls")).json()["data"]
    assert listed == [
        {
            "licenseId": 50001,
            "messengerType": "grWhatsApp",
            "events": ["messageStatus"],
            "url": receiver.url,
        }
    ]
    assert (await client.delete(f"{LINE}/callbackUrl")).json()["success"] is True
    assert (await client.get("/v1/callbackUrls")).json()["data"] == []


@pytest.mark.parametrize("status", [201, 302, 404, 500])
async def test_a_url_that_does_not_answer_200_is_refused(
    client: httpx.AsyncClient, receiver: Receiver, status: int
) -> None:
    receiver.status = status
    answer = await register(client, receiver.url)
    assert (answer.status_code, code_of(answer)) == (400, "ApiCallbackUrlError")
    assert (await client.get("/v1/callbackUrls")).json()["data"] == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://8.8.8.8/", "http://[::1", "http://a..b/"]
)
async def test_a_url_that_is_far_or_dead_is_refused(
    client: httpx.AsyncClient, url: str
) -> None:
    answer = await register(client, url)
    assert (answer.status_code, code_of(answer)) == (400, "ApiCallbackUrlError")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": "ftp://x/", "events": ["message"]},
        {"url": "http://127.0.0.1/", "events": []},
        {"url": "http://127.0.0.1/", "events": [5]},
    ],
)
async def test_a_bad_registration_is_422(
    client: httpx.AsyncClient, body: object
) -> None:
    answer = await client.put(f"{LINE}/callbackUrl", json=body)
    assert answer.status_code == 422
