from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import cast

import pytest
from redis.asyncio import Redis

from asgi_app.valkey import PrivateValkey
from chatapp.errors import RetryLater
from chatapp.limiter import MAX_HOLD_S, Limiter, Permits
from tests.chatapp.stubs import free_port

KEY = "chatapp:rate"


async def redis_time(redis: Redis) -> float:
    seconds, microseconds = await redis.time()
    return float(seconds) + float(microseconds) / 1_000_000


async def test_a_quarter_of_the_rate_leaves_at_once(redis: Redis) -> None:
    # A rate so low that no permit ripens while the test runs.
    limiter = Limiter(redis, rate_per_s=0.04)
    assert await limiter.take() == Permits(1, 0.0)
    refused = await limiter.take()
    assert refused.granted == 0 and not refused.is_paused
    assert 20 < refused.wait_s <= 25
    fast = Limiter(redis, rate_per_s=40, key="fast")
    assert (await fast.take(10)).granted == 10


async def test_a_part_is_granted_when_not_all_can_be(redis: Redis) -> None:
    limiter = Limiter(redis, rate_per_s=40)
    permits = await limiter.take(1_000)
    assert 10 <= permits.granted < 1_000
    assert 0 < permits.wait_s <= 0.025


async def test_two_limiters_together_stay_under_the_rate(valkey: PrivateValkey) -> None:
    rate, burst = 200.0, 50
    async with Redis.from_url(valkey.url) as one, Redis.from_url(valkey.url) as two:
        await one.flushall()
        started = await redis_time(one)

        async def take_all(redis: Redis) -> int:
            limiter = Limiter(redis, rate_per_s=rate)
            granted = 0
            while granted < 100:
                permits = await limiter.take(7)
                granted += permits.granted
                await asyncio.sleep(permits.wait_s)
            return granted

        granted = sum(await asyncio.gather(take_all(one), take_all(two)))
        took = await redis_time(one) - started
    # By Redis' own clock, so a slow machine only makes the bound looser.
    assert granted <= burst + rate * took


async def test_every_second_sees_at_most_a_quarter_more(redis: Redis) -> None:
    limiter = Limiter(redis, rate_per_s=40)
    stamps: list[tuple[float, float]] = []
    while len(stamps) < 70:
        before = await redis_time(redis)
        permits = await limiter.take(3)
        after = await redis_time(redis)
        stamps += [(before, after)] * permits.granted
        await asyncio.sleep(permits.wait_s)
    for first, _ in stamps:
        # Only those that were surely granted within this second.
        inside = [
            1 for before, after in stamps if before >= first and after < first + 1
        ]
        assert len(inside) <= 50


async def test_permits_given_back_are_there_again_but_never_more(redis: Redis) -> None:
    limiter = Limiter(redis, rate_per_s=0.04)
    await limiter.take()
    await limiter.give_back(5)
    assert (await limiter.take()).granted == 1
    assert (await limiter.take()).granted == 0


async def test_a_pause_holds_back_everybody_who_shares_the_key(redis: Redis) -> None:
    mine, theirs = Limiter(redis, rate_per_s=40), Limiter(redis, rate_per_s=40)
    await mine.pause(30)
    await mine.pause(1)
    permits = await theirs.take(5)
    assert permits.granted == 0 and permits.is_paused
    assert 20 < permits.wait_s <= 30
    assert permits.why_paused().retry_after == permits.wait_s


async def test_a_pause_ends(redis: Redis) -> None:
    limiter = Limiter(redis, rate_per_s=40)
    await limiter.pause(0.05)
    permits = await limiter.take()
    await asyncio.sleep(permits.wait_s)
    assert (await limiter.take()).granted == 1


async def test_a_pause_is_an_hour_at_most(redis: Redis) -> None:
    limiter = Limiter(redis, rate_per_s=40)
    await limiter.pause(10**9)
    assert (await limiter.take()).wait_s <= MAX_HOLD_S


async def test_asking_for_nothing_grants_nothing(redis: Redis) -> None:
    limiter = Limiter(redis, rate_per_s=40)
    assert await limiter.take(0) == Permits(0, 0.0)
    assert await redis.exists(KEY) == 0


async def test_the_key_goes_away_by_itself(redis: Redis) -> None:
    await Limiter(redis, rate_per_s=40).take(5)
    assert 0 < await redis.pttl(KEY) <= 2_000


async def test_a_clock_that_went_back_does_not_block_for_long(redis: Redis) -> None:
    far_ahead = int((await redis_time(redis) + 86_400) * 1_000_000)
    fields = {"tat": far_ahead, "hold": 0}
    await cast("Awaitable[int]", redis.hset(KEY, mapping=fields))
    permits = await Limiter(redis, rate_per_s=40).take()
    assert permits.granted == 0
    assert permits.wait_s <= 0.025


async def test_it_works_on_after_redis_was_emptied(redis: Redis) -> None:
    limiter = Limiter(redis, rate_per_s=40)
    await limiter.take()
    await redis.flushall()
    await redis.script_flush()
    assert (await limiter.take()).granted == 1


async def test_redis_away_means_later() -> None:
    async with Redis.from_url(f"redis://127.0.0.1:{free_port()}") as nobody:
        limiter = Limiter(nobody, rate_per_s=40)
        with pytest.raises(RetryLater) as caught:
            await limiter.take()
    assert caught.value.code == "limiter_away"


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
async def test_a_rate_that_is_none_is_refused(redis: Redis, rate: float) -> None:
    with pytest.raises(ValueError, match="rate_per_s"):
        Limiter(redis, rate_per_s=rate)
