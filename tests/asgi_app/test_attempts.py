from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from asgi_app import attempts as module
from asgi_app.attempts import Attempts, Limits
from asgi_app.valkey import PrivateValkey

LIMITS = Limits(an_address=3, a_name=5, window_s=300, known_s=1000)
HOME, AWAY = "10.0.0.1", "10.0.0.2"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["redis", "here"])
def store(request: pytest.FixtureRequest) -> Redis | None:
    """The same rules hold in Redis and in the process."""
    if request.param == "here":
        return None
    redis: Redis = request.getfixturevalue("redis")
    return redis


async def _wrong(
    attempts: Attempts, store: Redis | None, address: str, name: str, times: int = 1
) -> list[int]:
    return [
        await attempts.judge(store, address=address, name=name, right=False)
        for _ in range(times)
    ]


async def _right(
    attempts: Attempts, store: Redis | None, address: str, name: str
) -> int:
    return await attempts.judge(store, address=address, name=name, right=True)


async def test_an_address_may_be_wrong_a_few_times(
    store: Redis | None, clock: Clock
) -> None:
    attempts = Attempts(LIMITS, clock)
    assert await _wrong(attempts, store, HOME, "anna", 3) == [0, 0, 0]
    (wait_s,) = await _wrong(attempts, store, HOME, "boris")
    assert 290 < wait_s <= 300
    assert 290 < await _right(attempts, store, HOME, "anna") <= 300
    assert await _right(attempts, store, AWAY, "anna") == 0


async def test_a_name_is_held_for_addresses_where_it_was_never_right(
    store: Redis | None, clock: Clock
) -> None:
    attempts = Attempts(LIMITS, clock)
    assert await _right(attempts, store, HOME, "anna") == 0
    for address in range(5):
        await _wrong(attempts, store, f"10.1.0.{address}", "anna")
    assert 290 < await _right(attempts, store, AWAY, "anna") <= 300
    clock.now += module.RIGHT_FOR_S + 1  # nothing but the exemption lets it in now
    assert await _right(attempts, store, HOME, "anna") == 0
    assert await _right(attempts, store, AWAY, "boris") == 0


async def test_an_exempt_address_is_still_held_for_its_own_mistakes(
    store: Redis | None, clock: Clock
) -> None:
    attempts = Attempts(LIMITS, clock)
    await _right(attempts, store, HOME, "anna")
    await _wrong(attempts, store, HOME, "anna", 3)
    clock.now += module.RIGHT_FOR_S + 1
    assert await _right(attempts, store, HOME, "anna") > 0


async def test_many_guesses_at_once_are_not_more_than_the_limit(
    store: Redis | None, clock: Clock
) -> None:
    attempts = Attempts(LIMITS, clock)
    waits = await asyncio.gather(
        *(
            attempts.judge(store, address=HOME, name=f"n{n}", right=False)
            for n in range(40)
        )
    )
    assert waits.count(0) == 3


async def test_waiting_is_not_made_longer_by_trying(
    store: Redis | None, clock: Clock
) -> None:
    attempts = Attempts(LIMITS, clock)
    await _wrong(attempts, store, HOME, "anna", 3)
    if store is not None:
        await store.expire(f"signin:wrong:address:{HOME}", 100)
    else:
        clock.now += 200
    assert 90 < (await _wrong(attempts, store, HOME, "anna", 5))[-1] <= 100


async def test_the_hold_begins_with_the_last_mistake_and_ends(
    store: Redis | None, clock: Clock
) -> None:
    attempts = Attempts(LIMITS, clock)
    await _wrong(attempts, store, HOME, "anna", 2)
    if store is not None:
        await store.expire(f"signin:wrong:address:{HOME}", 1)
    else:
        clock.now += 299
    await _wrong(attempts, store, HOME, "anna")
    assert await _right(attempts, store, HOME, "anna") > 290
    if store is not None:
        await store.delete(f"signin:wrong:address:{HOME}")
    else:
        clock.now += 301
    assert await _right(attempts, store, HOME, "anna") == 0


async def test_every_count_ends_by_itself(redis: Redis, clock: Clock) -> None:
    attempts = Attempts(LIMITS, clock)
    await _wrong(attempts, redis, HOME, "anna", 2)
    await _right(attempts, redis, HOME, "борис\0" * 1000)
    keys = await redis.keys("*")
    assert len(keys) == 3
    for key in keys:
        assert len(key) < 80
        assert await redis.ttl(key) > 0


async def test_processes_count_together(redis: Redis, clock: Clock) -> None:
    one, other = Attempts(LIMITS, clock), Attempts(LIMITS, clock)
    await _wrong(one, redis, HOME, "anna", 2)
    await _wrong(other, redis, HOME, "anna", 1)
    assert await _right(one, redis, HOME, "anna") > 0


async def test_a_password_that_was_right_costs_redis_nothing_for_a_while(
    redis: Redis, clock: Clock
) -> None:
    attempts = Attempts(LIMITS, clock)
    await _right(attempts, redis, HOME, "anna")
    before = (await redis.info("commandstats"))["cmdstat_eval"]["calls"]
    for _ in range(100):
        assert await _right(attempts, redis, HOME, "anna") == 0
    assert (await redis.info("commandstats"))["cmdstat_eval"]["calls"] == before
    clock.now += module.RIGHT_FOR_S + 1
    await _right(attempts, redis, HOME, "anna")
    assert (await redis.info("commandstats"))["cmdstat_eval"]["calls"] == before + 1


@pytest.fixture
async def silent() -> AsyncIterator[Redis]:
    """A Redis that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = Redis(port=listener.getsockname()[1], socket_timeout=30)
        yield client
        await client.aclose()


async def test_a_redis_that_hangs_holds_nobody_for_long(
    silent: Redis, clock: Clock
) -> None:
    attempts = Attempts(LIMITS, clock)
    began = time.monotonic()
    assert await _wrong(attempts, silent, HOME, "anna", 3) == [0, 0, 0]
    assert await _right(attempts, silent, HOME, "anna") > 0
    assert await _right(attempts, silent, AWAY, "anna") == 0
    # One question, not five.
    assert time.monotonic() - began < 2 * module.REDIS_LIMIT_S


async def test_it_goes_back_to_redis_when_that_is_back(
    valkey: PrivateValkey, redis: Redis, clock: Clock
) -> None:
    attempts = Attempts(LIMITS, clock)
    valkey.kill()
    try:
        assert await _wrong(attempts, redis, HOME, "anna", 3) == [0, 0, 0]
        assert (await _wrong(attempts, redis, HOME, "anna"))[0] > 0
    finally:
        valkey.restart()
    clock.now += module.REDIS_REST_S + 1
    await _wrong(attempts, redis, AWAY, "anna")
    assert await redis.get(f"signin:wrong:address:{AWAY}") == b"1"


async def test_an_exemption_outlives_the_loss_of_redis(
    redis: Redis, clock: Clock
) -> None:
    attempts = Attempts(LIMITS, clock)
    await _right(attempts, redis, HOME, "anna")
    for address in range(5):
        await _wrong(attempts, None, f"10.1.0.{address}", "anna")
    clock.now += module.RIGHT_FOR_S + 1
    assert await _right(attempts, None, HOME, "anna") == 0
    assert await _right(attempts, None, AWAY, "anna") > 0


async def test_the_tables_of_the_process_do_not_grow_for_ever(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(module, "ENTRIES", 50)
    attempts = Attempts(LIMITS, clock)
    for n in range(200):
        await _wrong(attempts, None, f"10.1.0.{n}", f"n{n}")
        await _right(attempts, None, f"10.2.0.{n}", f"n{n}")
    tables = (
        attempts._right_until,
        attempts._here._wrong,
        attempts._here._known,
    )
    assert [len(table) for table in tables] == [50, 50, 50]
