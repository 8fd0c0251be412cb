from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chatapp.errors import (
    Refused,
    Unsure,
)
from tests.chatapp.bench import calling
from tests.chatapp.stubs import (
    answers,
    refuses,
    succeeds,
)

PAIR = {
    "cabinetUserId": 77,
    "accessToken": "$2y$10$abc/def.ghi",
    "accessTokenEndTime": 1_900_000_000,
    "refreshToken": "f" * 64,
    "refreshTokenEndTime": 1_901_000_000,
}


async def test_make_token_logs_in_and_gives_the_pair() -> None:
    async with calling(succeeds(PAIR)) as (calls, server):
        pair = await calls.make_token(email="a@b.c", password="secret", app_id="app_1")
    assert pair.access == PAIR["accessToken"]
    assert pair.refresh == PAIR["refreshToken"]
    assert pair.access_ends_at == datetime.fromtimestamp(1_900_000_000, UTC)
    assert pair.refresh_ends_at == datetime.fromtimestamp(1_901_000_000, UTC)
    assert pair.cabinet_user_id == "77"
    assert "abc" not in repr(pair)
    assert "fffff" not in repr(pair)
    seen = server.seen[0]
    assert (seen.method, seen.target) == ("POST", "/v1/tokens")
    assert seen.json == {"email": "a@b.c", "password": "secret", "appId": "app_1"}


async def test_refresh_token_sends_the_token_in_its_header_and_no_body() -> None:
    async with calling(succeeds(PAIR)) as (calls, server):
        await calls.refresh_token("r3fr3sh")
    seen = server.seen[0]
    assert (seen.method, seen.target) == ("POST", "/v1/tokens/refresh")
    assert seen.headers["refresh"] == "r3fr3sh"
    assert "authorization" not in seen.headers
    assert seen.body == b""


@pytest.mark.parametrize(
    "pair",
    [
        {},
        [],
        None,
        PAIR | {"accessToken": None},
        PAIR | {"accessToken": "line\nbreak"},
        PAIR | {"refreshTokenEndTime": "soon"},
    ],
)
async def test_an_incomplete_pair_is_unsure_and_shows_no_token(pair: object) -> None:
    async with calling(succeeds(pair)) as (calls, _):
        with pytest.raises(Unsure) as caught:
            await calls.refresh_token("r3fr3sh")
    assert caught.value.code == "odd_answer"
    assert caught.value.raw == ""


async def test_half_a_token_answer_shows_no_token() -> None:
    half = b'{"success":true,"data":{"accessToken":"s3cret"'
    async with calling(answers(200, half)) as (calls, _):
        with pytest.raises(Unsure) as caught:
            await calls.refresh_token("r3fr3sh")
    assert "s3cret" not in f"{caught.value} {caught.value.raw}"


async def test_a_password_of_one_letter_does_not_spoil_the_reading() -> None:
    async with calling(refuses(400, "ApiAny")) as (calls, _):
        with pytest.raises(Refused) as caught:
            await calls.make_token(email="a@b.c", password="e", app_id="app")
    assert caught.value.code == "ApiAny"
