from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from chatapp import types
from chatapp.calls import Calls, boottime, read_retry_after
from chatapp.errors import (
    ChatAppError,
    NotReached,
    OutOfTime,
    Refused,
    RetryLater,
    TokenRefused,
    Unsure,
)
from chatapp.transport import BODY_LIMIT, open_http
from tests.chatapp.bench import calling
from tests.chatapp.stubs import (
    Behaviour,
    Clock,
    answers,
    free_port,
    is_silent,
    refuses,
    resets,
    serving,
    succeeds,
    writes,
)

HTML = b"<html><h1>Bad gateway</h1></html>"


async def failure_of(behaviour: Behaviour) -> ChatAppError:
    async with calling(behaviour) as (calls, server):
        with pytest.raises(ChatAppError) as caught:
            await calls.call("POST", "/v1/some", json={"text": "hello"})
        assert len(server.seen) == 1
        return caught.value


async def test_a_success_gives_the_data_of_the_envelope() -> None:
    async with calling(succeeds({"id": "3EB0"})) as (calls, server):
        answer = await calls.call(
            "POST", "/v1/some", json={"text": "Привет 👋"}, headers={"X-One": "1"}
        )
        assert answer.data == {"id": "3EB0"}
        assert answer.status == 200
        assert answer.raw == '{"success": true, "data": {"id": "3EB0"}}'
        assert answer.took_ms >= 0
        seen = server.seen[0]
        assert (seen.method, seen.target) == ("POST", "/v1/some")
        assert seen.json == {"text": "Привет 👋"}
        assert seen.headers["lang"] == "en"
        assert seen.headers["x-one"] == "1"
        assert seen.headers["content-type"] == "application/json"


async def test_half_an_emoji_in_a_text_is_no_error_of_ours() -> None:
    async with calling(succeeds(None)) as (calls, server):
        await calls.call("POST", "/", json={"text": "\ud83d"})
        assert server.seen[0].json == {"text": "\ud83d"}


async def test_an_empty_204_is_a_success() -> None:
    async with calling(answers(204, b"")) as (calls, _):
        assert (await calls.call("DELETE", "/")).data is None


@pytest.mark.parametrize(
    ("behaviour", "kind", "code", "status"),
    [
        pytest.param(
            refuses(403, "ApiInvalidTokenError"),
            TokenRefused,
            "ApiInvalidTokenError",
            403,
            id="token",
        ),
        pytest.param(
            answers(401, HTML), TokenRefused, "http_401", 401, id="401 with HTML"
        ),
        pytest.param(
            refuses(403, "ApiInvalidRefreshTokenError"),
            Refused,
            "ApiInvalidRefreshTokenError",
            403,
            id="refresh token",
        ),
        pytest.param(refuses(400, "ApiAny"), Refused, "ApiAny", 400, id="400"),
        pytest.param(
            answers(422, {"message": "Bad", "errors": {"text": ["no"]}}),
            Refused,
            "http_422",
            422,
            id="422 without envelope",
        ),
        pytest.param(
            answers(400, {"success": False, "error": "just a text"}),
            Refused,
            "http_400",
            400,
            id="error as a text",
        ),
        pytest.param(
            answers(404, {"success": False, "error": {"code": 17, "message": None}}),
            Refused,
            "17",
            404,
            id="code as a number",
        ),
        pytest.param(answers(403, HTML), Refused, "http_403", 403, id="403 with HTML"),
        pytest.param(answers(404, []), Refused, "http_404", 404, id="404 with a list"),
        pytest.param(
            refuses(200, "ApiOdd"), Refused, "ApiOdd", 200, id="200 success false"
        ),
        pytest.param(
            answers(200, {"success": False}), Refused, "refused", 200, id="200 bare"
        ),
        pytest.param(
            answers(429, HTML), RetryLater, "rate_limited", 429, id="429 with HTML"
        ),
        pytest.param(refuses(429, "ApiMany"), RetryLater, "ApiMany", 429, id="429"),
        pytest.param(answers(502, HTML), Unsure, "http_502", 502, id="502 with HTML"),
        pytest.param(refuses(500, "ApiDown"), Unsure, "ApiDown", 500, id="500"),
        pytest.param(
            refuses(500, "ApiInvalidTokenError"),
            Unsure,
            "ApiInvalidTokenError",
            500,
            id="500 with the token's code",
        ),
        pytest.param(
            answers(302, b"", {"Location": "/"}), Unsure, "http_302", 302, id="redirect"
        ),
        pytest.param(answers(200, HTML), Unsure, "not_json", 200, id="200 with HTML"),
        pytest.param(answers(200, b""), Unsure, "not_json", 200, id="200 empty"),
        pytest.param(
            answers(200, b"[" * 100_000), Unsure, "not_json", 200, id="200 too deep"
        ),
        pytest.param(answers(200, []), Unsure, "odd_answer", 200, id="200 list"),
        pytest.param(answers(200, {}), Unsure, "odd_answer", 200, id="200 nothing"),
        pytest.param(
            answers(200, b" " * (BODY_LIMIT + 1)),
            Unsure,
            "body_too_big",
            None,
            id="oversize",
        ),
        pytest.param(writes(b""), Unsure, "hung_up", None, id="hung up"),
        pytest.param(resets, Unsure, "hung_up", None, id="reset"),
        pytest.param(
            writes(b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"success":'),
            Unsure,
            "hung_up",
            None,
            id="half a body",
        ),
        pytest.param(
            writes(b"HELLO\r\n\r\n"), Unsure, "not_http", None, id="bad status line"
        ),
        pytest.param(is_silent, Unsure, "read_timeout", None, id="silence"),
    ],
)
async def test_each_bad_end_has_its_error(
    behaviour: Behaviour, kind: type[ChatAppError], code: str, status: int | None
) -> None:
    error = await failure_of(behaviour)
    assert (type(error), error.code, error.status) == (kind, code, status)
    assert error.left is (kind is Unsure)


async def test_a_port_that_refuses_is_not_reached() -> None:
    async with open_http(f"http://127.0.0.1:{free_port()}") as http:
        with pytest.raises(NotReached) as caught:
            await Calls(http).call("POST", "/")
    assert caught.value.code == "not_reached"
    assert caught.value.safe_to_repeat


async def test_a_refusal_keeps_the_words_and_the_start_of_the_body() -> None:
    error = await failure_of(refuses(400, "ApiAny", "x" * 3_000))
    assert error.text == "x" * 500
    assert len(error.raw) == 2_000
    assert error.raw.startswith('{"success": false')


async def test_a_refusal_without_envelope_keeps_its_message() -> None:
    error = await failure_of(answers(422, {"message": "The text is too long."}))
    assert error.text == "The text is too long."


async def test_an_error_that_echoes_our_secrets_hides_them() -> None:
    token, password = "$2y$10$abc/def", "p4ss-word"
    echo = {
        "success": False,
        "error": {"code": "ApiAny", "message": f"Bad {token} {password}"},
    }
    body = str(echo).replace("'", '"').replace("False", "false").replace("/", "\\/")
    async with calling(answers(400, body.encode())) as (calls, _):
        with pytest.raises(Refused) as caught:
            await calls.call(
                "POST",
                "/",
                json={"password": password},
                headers={"Authorization": token},
            )
    shown = f"{caught.value} {caught.value.raw} {caught.value.text}"
    assert caught.value.text == "Bad … …"
    assert "abc" not in shown
    assert password not in shown


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": ""}, None),
        ({}, None),
        (
            {
                "Retry-After": "Wed, 21 Oct 2015 07:28:30 GMT",
                "Date": "Wed, 21 Oct 2015 07:28:00 GMT",
            },
            30.0,
        ),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"Retry-After": "Wed, 99 Oct 2015 07:28:00 GMT"}, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(
    headers: dict[str, str], expected: float | None
) -> None:
    assert read_retry_after(headers) == expected


def test_a_date_without_the_answers_own_is_measured_from_now() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    seconds = read_retry_after({"Retry-After": later})
    assert seconds is not None
    assert 50 < seconds <= 60


async def test_a_429_carries_retry_after() -> None:
    error = await failure_of(answers(429, b"", {"Retry-After": "12"}))
    assert isinstance(error, RetryLater)
    assert error.retry_after == 12.0


async def test_nothing_is_sent_past_the_deadline() -> None:
    clock = Clock()
    async with serving(succeeds(None)) as server, open_http(server.url) as http:
        calls = Calls(http, clock=clock)
        deadline = clock.now + 1
        await calls.call("POST", "/in-time", deadline=deadline)
        clock.now = deadline
        with pytest.raises(OutOfTime):
            await calls.call("POST", "/late", deadline=deadline)
        assert [seen.target for seen in server.seen] == ["/in-time"]


async def test_the_time_taken_is_measured_on_the_clock() -> None:
    ticks = iter([10.0, 10.25])
    async with serving(succeeds(None)) as server, open_http(server.url) as http:
        answer = await Calls(http, clock=lambda: next(ticks)).call("GET", "/")
    assert answer.took_ms == 250


def test_boottime_goes_forward_and_counts_suspends_where_it_can() -> None:
    first = boottime()
    assert boottime() >= first
    if hasattr(time, "CLOCK_BOOTTIME"):
        assert boottime() == pytest.approx(
            time.clock_gettime(time.CLOCK_BOOTTIME), abs=5
        )


@pytest.mark.parametrize("half", ["\ud83d", "a\udc00b"])
def test_half_a_letter_in_an_answer_is_no_text_for_the_database(half: str) -> None:
    assert types.as_text(half) is not None
    for read in (types.as_text(half), types.as_id(half)):
        assert read is not None
        read.encode()


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="needs Linux")
def test_the_time_asleep_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may never have slept: then both clocks tell the same."""
    asleep = {time.CLOCK_BOOTTIME: 5_000.0, time.CLOCK_MONOTONIC: 1_000.0}
    monkeypatch.setattr(time, "clock_gettime", asleep.__getitem__)
    assert boottime() == 5_000
