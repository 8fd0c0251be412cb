from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from chatapp.calls import Calls
from chatapp.client import ChatApp
from chatapp.errors import (
    NotReached,
    Refused,
    RetryLater,
    TokenUnavailable,
    Unsure,
)
from chatapp.limiter import Limiter
from chatapp.repeats import sleep_unless
from chatapp.transport import open_http
from tests.chatapp.bench import (
    ACCEPTS,
    LINE,
    TOKEN_EXPIRED,
    NoTokens,
    Tokens,
    bench,
)
from tests.chatapp.stubs import (
    Behaviour,
    Clock,
    Seen,
    Server,
    answers,
    free_port,
    is_silent,
    refuses,
    resets,
    stop,
    succeeds,
    writes,
)
from tests.eventually import eventually


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(writes(b""), id="hung up"),
        pytest.param(resets, id="reset"),
        pytest.param(is_silent, id="silence"),
        pytest.param(
            writes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), id="half a body"
        ),
        pytest.param(answers(502, b"<html>"), id="502"),
        pytest.param(answers(503, b"", {"Retry-After": "1"}), id="503"),
        pytest.param(answers(200, b"<html>"), id="200 with HTML"),
        pytest.param(succeeds({"chatId": "7999"}), id="no id"),
        pytest.param(succeeds({"id": None}), id="null id"),
        pytest.param(succeeds({"id": ""}), id="empty id"),
        pytest.param(succeeds({"id": True}), id="odd id"),
        pytest.param(succeeds({"id": "x" * 256}), id="endless id"),
        pytest.param(succeeds([]), id="a list"),
    ],
)
async def test_a_send_whose_outcome_is_not_known_is_never_repeated(
    redis: Redis, behaviour: Behaviour
) -> None:
    async with bench(redis, behaviour, ACCEPTS) as b:
        with pytest.raises(Unsure):
            await b.send()
        assert len(b.server.seen) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 408, 409, 422, 200])
async def test_a_refused_send_is_final(redis: Redis, status: int) -> None:
    async with bench(redis, refuses(status, "ApiAny"), ACCEPTS) as b:
        with pytest.raises(Refused) as caught:
            await b.send()
        assert caught.value.code == "ApiAny"
        assert len(b.server.seen) == 1
        assert b.tokens.renewals == 0


async def test_a_port_that_refuses_is_tried_three_times(redis: Redis) -> None:
    async with (
        bench(redis, ACCEPTS) as b,
        open_http(f"http://127.0.0.1:{free_port()}") as nobody,
    ):
        app = ChatApp(
            Calls(nobody, clock=b.clock),
            b.tokens,
            b.limiter,
            clock=b.clock,
            sleep=b.clock.sleep,
        )
        with pytest.raises(NotReached):
            await app.send_text(
                LINE, phone="+7999", text="x", tracking="", deadline=b.clock.now + 90
            )
        assert len(b.clock.slept) == 2


async def test_a_send_goes_through_when_the_server_comes_back(redis: Redis) -> None:
    clock, port, server = Clock(), free_port(), Server([ACCEPTS])
    listeners: list[asyncio.Server] = []

    async def sleep_until_it_is_up(seconds: float) -> None:
        listeners.append(await asyncio.start_server(server.serve, "127.0.0.1", port))

    async with open_http(f"http://127.0.0.1:{port}") as http:
        app = ChatApp(
            Calls(http, clock=clock),
            Tokens(),
            Limiter(redis, rate_per_s=40),
            clock=clock,
            sleep=sleep_until_it_is_up,
        )
        await app.send_text(
            LINE, phone="+7999", text="x", tracking="", deadline=clock.now + 90
        )
    assert len(server.seen) == 1
    for listener in listeners:
        await stop(listener, server.tasks)


async def test_a_429_is_repeated_after_the_time_it_names(redis: Redis) -> None:
    too_many = answers(429, b"", {"Retry-After": "0.05"})
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(seconds)

    async with bench(redis, too_many, too_many, ACCEPTS, sleep=sleep) as b:
        assert await b.send() == "3EB0"
        assert len(b.server.seen) == 3
    assert waits.count(0.05) == 2


async def test_a_wait_between_tries_ends_when_the_process_is_to_stop(
    redis: Redis,
) -> None:
    too_many = answers(429, b"", {"Retry-After": "50"})
    stopping = asyncio.Event()
    sleep = sleep_unless(stopping)
    async with bench(redis, too_many, ACCEPTS, sleep=sleep) as b:
        sending = asyncio.create_task(b.send())
        await eventually(lambda: bool(b.server.seen))
        stopping.set()
        with pytest.raises(RetryLater) as caught:
            await sending
        assert caught.value.code == "stopping"
        assert len(b.server.seen) == 1


async def test_nothing_to_stop_for_and_a_sleep_lasts_its_time() -> None:
    await sleep_unless(asyncio.Event())(0.01)


async def test_three_429_are_given_back(redis: Redis) -> None:
    too_many = answers(429, b"", {"Retry-After": "0"})
    async with bench(redis, too_many) as b:
        with pytest.raises(RetryLater) as caught:
            await b.send()
        assert caught.value.status == 429
        assert len(b.server.seen) == 3


async def test_a_429_that_does_not_fit_the_deadline_is_given_back_at_once(
    redis: Redis,
) -> None:
    async with bench(redis, answers(429, b"", {"Retry-After": "86"})) as b:
        with pytest.raises(RetryLater) as caught:
            await b.send(left_s=90)
        assert caught.value.retry_after == 86.0
        assert len(b.server.seen) == 1
        assert b.clock.slept == []


async def test_a_429_holds_everybody_back(redis: Redis) -> None:
    async with bench(redis, answers(429, b"", {"Retry-After": "86"})) as b:
        with pytest.raises(RetryLater):
            await b.send()
        others = await Limiter(redis, rate_per_s=40).take()
    assert others.granted == 0
    assert 60 < others.wait_s <= 86


async def test_a_429_that_names_no_time_backs_off_from_five_seconds(
    redis: Redis,
) -> None:
    async with bench(redis, answers(429, b"")) as b:
        with pytest.raises(RetryLater):
            await b.send(left_s=9.9)
        assert b.clock.slept == []
        assert 1 < (await b.limiter.take()).wait_s <= 5


async def test_an_expired_token_is_renewed_and_the_send_repeated(redis: Redis) -> None:
    async with bench(redis, TOKEN_EXPIRED, ACCEPTS) as b:
        assert await b.send() == "3EB0"
        used = [seen.headers["authorization"] for seen in b.server.seen]
    assert used == ["token-1", "token-2"]
    assert b.tokens.asked == ["token-1"]


async def test_a_401_is_renewed_too(redis: Redis) -> None:
    async with bench(redis, answers(401, b""), ACCEPTS) as b:
        assert await b.send() == "3EB0"


async def test_a_token_refused_twice_is_not_the_messages_fault(redis: Redis) -> None:
    async with bench(redis, TOKEN_EXPIRED) as b:
        with pytest.raises(TokenUnavailable) as caught:
            await b.send()
        assert caught.value.code == "token_refused"
        assert len(b.server.seen) == 2
        assert b.tokens.renewals == 1


async def test_twenty_sends_with_an_expired_token_renew_once(redis: Redis) -> None:
    async def behave(seen: Seen, writer: asyncio.StreamWriter) -> None:
        good = seen.headers["authorization"] == "token-2"
        await (ACCEPTS if good else TOKEN_EXPIRED)(seen, writer)

    async with bench(redis, behave) as b:
        ids = await asyncio.gather(*(b.send() for _ in range(20)))
        assert ids == ["3EB0"] * 20
        assert b.tokens.renewals == 1
        assert len(b.server.seen) == 40


async def test_a_send_without_a_token_does_not_leave(redis: Redis) -> None:
    async with bench(redis, ACCEPTS) as b, open_http(b.server.url) as http:
        app = ChatApp(Calls(http, clock=b.clock), NoTokens(), b.limiter, clock=b.clock)
        with pytest.raises(TokenUnavailable):
            await app.licences()
        assert b.server.seen == []


async def test_cancelling_a_send_cancels_it_and_repeats_nothing(redis: Redis) -> None:
    async with bench(redis, is_silent) as b:
        task = asyncio.create_task(b.send())
        await b.server.saw(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(b.server.seen) == 1


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda app: app.licences(), id="GET"),
        pytest.param(lambda app: app.put_callback(LINE, "https://a.b"), id="PUT"),
        pytest.param(lambda app: app.delete_callback(LINE), id="DELETE"),
    ],
)
async def test_what_does_no_harm_twice_is_repeated_when_unsure(
    redis: Redis, call: Callable[[ChatApp], Awaitable[object]]
) -> None:
    async with bench(redis, answers(502, b""), is_silent, succeeds([])) as b:
        await call(b.app)
        assert len(b.server.seen) == 3
    async with bench(redis, answers(500, b"")) as b:
        with pytest.raises(Unsure):
            await call(b.app)
        assert len(b.server.seen) == 3
