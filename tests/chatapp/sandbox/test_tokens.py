from __future__ import annotations

import time
from dataclasses import replace

import httpx
import pytest

from chatapp.sandbox.errors import ApiError
from chatapp.sandbox.options import DAY_S, Credentials, SandboxOptions
from chatapp.sandbox.store import Store
from chatapp.sandbox.testing import QUICK, SandboxServer
from chatapp.sandbox.tokens import Tokens

from .conftest import ACCOUNT, authorise, code_of, connect


async def test_a_log_in_gives_a_pair_with_its_ends_in_seconds(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/v1/tokens", json=ACCOUNT)

    assert answer.status_code == 200
    pair = answer.json()["data"]
    assert answer.json()["success"] is True
    assert pair["accessToken"] != pair["refreshToken"]
    assert isinstance(pair["cabinetUserId"], int)
    assert abs(pair["accessTokenEndTime"] - time.time() - 24 * 3600) < 5
    assert abs(pair["refreshTokenEndTime"] - time.time() - 14 * 24 * 3600) < 5


async def test_the_token_is_sent_raw(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/tokens/check")).json()["success"] is True

    token = client.headers["Authorization"]
    for wrong in (f"Bearer {token}", "", "x"):
        answer = await client.get("/v1/tokens/check", headers={"Authorization": wrong})
        assert (answer.status_code, code_of(answer)) == (403, "ApiInvalidTokenError")
        assert answer.json()["error"]["message"] == "Invalid Token"


async def test_the_language_changes_the_text_and_not_the_code(
    client: httpx.AsyncClient,
) -> None:
    headers = {"Authorization": "x", "Lang": "ru"}
    answer = await client.get("/v1/licenses", headers=headers)
    assert code_of(answer) == "ApiInvalidTokenError"
    assert answer.json()["error"]["message"] == "Неверный токен"


async def test_a_refresh_gives_a_fresh_pair_and_kills_the_old_one(
    sandbox: SandboxServer,
) -> None:
    async with connect(sandbox.url) as client:
        old = await authorise(client)
        headers = {"Refresh": old["refreshToken"]}
        del client.headers["Authorization"]
        answer = await client.post("/v1/tokens/refresh", headers=headers)
        fresh = answer.json()["data"]

        async def check(token: str) -> int:
            answer = await client.get(
                "/v1/tokens/check", headers={"Authorization": token}
            )
            return answer.status_code

        assert await check(fresh["accessToken"]) == 200
        assert await check(old["accessToken"]) == 403
        again = await client.post("/v1/tokens/refresh", headers=headers)
        assert again.status_code == 403
        assert code_of(again) == "ApiInvalidRefreshTokenError"


async def test_tokens_end_when_they_said_they_would() -> None:
    now = 1000.0
    tokens = Tokens(Store(), SandboxOptions(), None, clock=lambda: now)
    pair = tokens.log_in("a", "b", "c")

    now += DAY_S - 1
    tokens.check(pair["accessToken"])
    now += 1
    with pytest.raises(ApiError, match="ApiInvalidTokenError"):
        tokens.check(pair["accessToken"])
    now += 12 * DAY_S
    fresh = tokens.refresh(pair["refreshToken"])
    now += 14 * DAY_S
    with pytest.raises(ApiError, match="ApiInvalidRefreshTokenError"):
        tokens.refresh(fresh["refreshToken"])


async def test_log_ins_and_refreshes_count_for_a_day() -> None:
    now = 1000.0
    options = replace(SandboxOptions(), tokens_a_day=2)
    tokens = Tokens(Store(), options, None, clock=lambda: now)
    pair = tokens.log_in("a", "b", "c")
    pair = tokens.refresh(pair["refreshToken"])

    with pytest.raises(ApiError, match="ApiTokenQuotaError"):
        tokens.log_in("a", "b", "c")
    with pytest.raises(ApiError, match="ApiTokenQuotaError"):
        tokens.refresh(pair["refreshToken"])
    tokens.check(pair["accessToken"])
    tokens.log_in("somebody else", "b", "c")
    now += DAY_S
    tokens.refresh(pair["refreshToken"])


async def test_the_hundred_and_first_log_in_is_refused(sandbox: SandboxServer) -> None:
    async with connect(sandbox.url) as client:
        for _ in range(100):
            assert (await client.post("/v1/tokens", json=ACCOUNT)).is_success
        answer = await client.post("/v1/tokens", json=ACCOUNT)
    assert (answer.status_code, code_of(answer)) == (403, "ApiTokenQuotaError")


@pytest.mark.parametrize("field", ["email", "password", "appId"])
async def test_wrong_credentials_are_refused(field: str) -> None:
    right = Credentials(ACCOUNT["email"], ACCOUNT["password"], ACCOUNT["appId"])
    async with (
        SandboxServer(credentials=right, options=QUICK) as sandbox,
        connect(sandbox.url) as client,
    ):
        answer = await client.post("/v1/tokens", json={**ACCOUNT, field: "wrong"})
        assert answer.status_code == 403
        assert code_of(answer) == "ApiInvalidCredentialsError"
        assert (await client.post("/v1/tokens", json=ACCOUNT)).is_success


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"email":"a"}'])
async def test_a_bad_log_in_is_422(sandbox: SandboxServer, body: bytes) -> None:
    async with connect(sandbox.url) as client:
        answer = await client.post("/v1/tokens", content=body)
    assert (answer.status_code, code_of(answer)) == (422, "ApiInvalidParameterError")


async def test_tokens_can_be_expired_and_the_quota_set(
    client: httpx.AsyncClient,
) -> None:
    pair = await authorise(client)
    refresh = {"Refresh": pair["refreshToken"]}
    await client.post("/sandbox/expire", json={"which": "access"})
    assert (await client.get("/v1/tokens/check")).status_code == 403
    answer = await client.post("/v1/tokens/refresh", headers=refresh)
    assert answer.is_success

    await client.post("/sandbox/expire", json={"which": "both"})
    refresh = {"Refresh": answer.json()["data"]["refreshToken"]}
    assert (await client.post("/v1/tokens/refresh", headers=refresh)).is_error

    await client.post("/sandbox/quota", json={"left": 1})
    assert (await client.post("/v1/tokens", json=ACCOUNT)).is_success
    answer = await client.post("/v1/tokens", json=ACCOUNT)
    assert code_of(answer) == "ApiTokenQuotaError"
    await client.post("/sandbox/quota", json={"left": None})
    assert (await client.post("/v1/tokens", json=ACCOUNT)).is_success
