from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio import Redis

from chatapp.calls import Answer, Calls
from chatapp.client import ChatApp
from chatapp.errors import (
    OutOfTime,
    RetryLater,
)
from chatapp.transport import open_http
from tests.chatapp.bench import (
    ACCEPTS,
    LINE,
    TOKEN_EXPIRED,
    Tokens,
    bench,
)
from tests.chatapp.stubs import (
    answers,
    free_port,
)


async def test_less_than_five_seconds_are_too_little_for_a_send(redis: Redis) -> None:
    async with bench(redis, ACCEPTS) as b:
        with pytest.raises(OutOfTime):
            await b.send(left_s=4.9)
        with pytest.raises(OutOfTime):
            await b.send(left_s=-3_600)
        assert b.server.seen == []
        await b.send(left_s=5)


async def test_time_that_the_token_takes_counts_against_the_deadline(
    redis: Redis,
) -> None:
    async with (
        bench(redis, TOKEN_EXPIRED, ACCEPTS) as b,
        open_http(b.server.url) as http,
    ):

        class SlowTokens(Tokens):
            async def renew(self, *, stale: str) -> str:
                await b.clock.sleep(86)
                return await super().renew(stale=stale)

        app = ChatApp(
            Calls(http, clock=b.clock),
            SlowTokens(),
            b.limiter,
            clock=b.clock,
            sleep=b.clock.sleep,
        )
        with pytest.raises(OutOfTime):
            await app.send_text(
                LINE, phone="+7999", text="x", tracking="", deadline=b.clock.now + 90
            )
        assert len(b.server.seen) == 1


async def test_the_first_try_uses_the_permit_of_the_caller(redis: Redis) -> None:
    async with bench(redis, ACCEPTS, rate=0.04) as b:
        await b.send(permitted=True)
        assert (await b.limiter.take()).granted == 1


async def test_a_send_that_is_not_permitted_takes_its_own_permit(redis: Redis) -> None:
    async with bench(redis, ACCEPTS, rate=0.04) as b:
        await b.send(permitted=False)
        with pytest.raises(RetryLater) as caught:
            await b.send(permitted=False, left_s=20)
        assert caught.value.code == "no_permit"
        assert caught.value.retry_after is not None
        assert 15 < caught.value.retry_after <= 25
        assert len(b.server.seen) == 1


async def test_a_pause_of_the_account_is_not_called_our_own_limit(redis: Redis) -> None:
    async with bench(redis, ACCEPTS) as b:
        await b.limiter.pause(300)
        with pytest.raises(RetryLater) as caught:
            await b.send(permitted=False, left_s=20)
        assert caught.value.code == "account_paused"
        assert b.server.seen == []


async def test_a_repeat_takes_a_permit(redis: Redis) -> None:
    async with bench(redis, TOKEN_EXPIRED, ACCEPTS, rate=0.04) as b:
        await b.send(permitted=True)
        assert (await b.limiter.take()).granted == 0


async def test_without_redis_only_what_was_permitted_leaves(redis: Redis) -> None:
    async with (
        Redis.from_url(f"redis://127.0.0.1:{free_port()}") as nobody,
        bench(nobody, ACCEPTS) as b,
    ):
        with pytest.raises(RetryLater) as caught:
            await b.send(permitted=False)
        assert caught.value.code == "limiter_away"
        assert b.server.seen == []
        assert await b.send(permitted=True) == "3EB0"


async def test_a_429_stays_a_429_while_redis_is_away() -> None:
    async with (
        Redis.from_url(f"redis://127.0.0.1:{free_port()}") as nobody,
        bench(nobody, answers(429, b"", {"Retry-After": "86"})) as b,
    ):
        with pytest.raises(RetryLater) as caught:
            await b.send()
        assert caught.value.status == 429


@pytest.mark.parametrize(("left_s", "total_s"), [(90, 60), (20, 20)])
async def test_a_request_takes_a_minute_at_most_and_ends_before_the_deadline(
    redis: Redis, left_s: float, total_s: float
) -> None:
    totals = []

    class Noting(Calls):
        async def call(self, *args: Any, total_s: float = 0.0, **more: Any) -> Answer:
            totals.append(total_s)
            return await super().call(*args, total_s=total_s, **more)

    async with bench(redis, ACCEPTS) as b, open_http(b.server.url) as http:
        calls = Noting(http, clock=b.clock)
        app = ChatApp(calls, b.tokens, b.limiter, clock=b.clock)
        deadline = b.clock.now + left_s
        await app.send_text(
            LINE, phone="+7999", text="x", tracking="", deadline=deadline
        )
    assert totals == [total_s]


async def test_a_process_that_sleeps_right_before_the_request_does_not_send(
    redis: Redis,
) -> None:
    async with bench(redis, ACCEPTS) as b, open_http(b.server.url) as http:

        class Sleeping(Calls):
            async def call(self, *args: Any, **more: Any) -> Answer:
                await b.clock.sleep(100)
                return await super().call(*args, **more)

        calls = Sleeping(http, clock=b.clock)
        app = ChatApp(calls, b.tokens, b.limiter, clock=b.clock)
        with pytest.raises(OutOfTime):
            await app.send_text(
                LINE, phone="+7999", text="x", tracking="", deadline=b.clock.now + 90
            )
        assert b.server.seen == []
