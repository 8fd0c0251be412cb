from __future__ import annotations

import asyncio
import time
from ipaddress import ip_network

import pytest
from pytest_django.fixtures import Settings
from redis.asyncio import Redis

from asgi_app import middleware
from asgi_app.valkey import free_port
from tests.asgi_app.door import RIGHT, WRONG, Browser, basic


async def test_a_request_without_a_password_is_no_attempt(
    browser: Browser, redis: Redis
) -> None:
    async with browser() as client:
        for _ in range(30):
            await client.get("/")
            await client.get("/", headers={"Authorization": "Basic !!!"})
        assert (await client.get("/", headers=RIGHT)).status_code == 200
        assert await redis.keys("signin:wrong:*") == []


async def test_a_wrong_password_waits_without_holding_others_up(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "WRONG_PASSWORD_WAIT_S", 0.5)
    async with browser() as client:

        async def timed(headers: dict[str, str]) -> float:
            began = time.monotonic()
            await client.get("/", headers=headers)
            return time.monotonic() - began

        await timed(RIGHT)
        known, unknown, right = await asyncio.gather(
            timed(WRONG), timed(basic("nobody", "wrong")), timed(RIGHT)
        )
        assert known > 0.45
        assert unknown > 0.45
        assert right < 0.4


async def test_an_unknown_user_is_answered_as_a_known_one(browser: Browser) -> None:
    async with browser() as client:
        known = await client.get("/", headers=WRONG)
        unknown = await client.get("/", headers=basic("nobody", "wrong"))
        assert known.status_code == unknown.status_code == 401
        assert known.content == unknown.content
        assert known.headers == unknown.headers


async def test_too_many_wrong_passwords_from_an_address(browser: Browser) -> None:
    async with browser() as client:
        answers = await asyncio.gather(
            *(client.get("/", headers=basic("anna", f"guess {n}")) for n in range(30))
        )
        codes = [answer.status_code for answer in answers]
        assert (codes.count(401), codes.count(429)) == (10, 20)
        # The right one is not told from a wrong one now.
        right, wrong = [await client.get("/", headers=h) for h in (RIGHT, WRONG)]
        assert right.status_code == wrong.status_code == 429
        assert right.content == wrong.content
        assert 290 < int(right.headers["Retry-After"]) <= 300
        assert right.headers["Retry-After"] in right.text
        assert (await client.get("/healthz")).status_code == 200
    async with browser("203.0.113.6") as client:
        assert (await client.get("/", headers=RIGHT)).status_code == 200


async def test_guessing_a_name_from_everywhere_does_not_lock_its_owner_out(
    browser: Browser,
) -> None:
    async with browser("198.51.100.1") as owner:
        assert (await owner.get("/", headers=RIGHT)).status_code == 200
    for n in range(1, 4):
        async with browser(f"203.0.113.{n}") as client:
            await asyncio.gather(*(client.get("/", headers=WRONG) for _ in range(8)))
    async with browser("203.0.113.99") as client:
        assert (await client.get("/", headers=RIGHT)).status_code == 429
        other = basic("борис", "pässword")
        assert (await client.get("/", headers=other)).status_code == 200
    async with browser("198.51.100.1") as owner:
        assert (await owner.get("/", headers=RIGHT)).status_code == 200


async def test_the_addresses_of_one_ipv6_customer_count_as_one(
    browser: Browser,
) -> None:
    for n in range(10):
        async with browser(f"2001:db8:1:2::{n}") as client:
            await client.get("/", headers=basic(f"user{n}", "wrong"))
    async with browser("2001:db8:1:2:ffff::1") as client:
        assert (await client.get("/", headers=RIGHT)).status_code == 429
    async with browser("2001:db8:1:3::1") as client:
        assert (await client.get("/", headers=RIGHT)).status_code == 200


async def test_a_made_up_forwarded_address_gains_nothing(
    browser: Browser, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.0/8")]
    for address, seen in (("203.0.113.5", ""), ("10.0.0.2", ", 203.0.113.7")):
        async with browser(address) as client:
            answers = [
                await client.get(
                    "/",
                    # Another name each time, so that only the address counts.
                    headers=basic(f"user{n}", "wrong")
                    | {"X-Forwarded-For": f"198.51.100.{n}{seen}"},
                )
                for n in range(11)
            ]
            assert answers[-1].status_code == 429


async def test_people_behind_a_trusted_proxy_are_told_apart(
    browser: Browser, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = [ip_network("10.0.0.2")]
    async with browser("10.0.0.2") as client:
        for _ in range(11):
            await client.get("/", headers=WRONG | {"X-Forwarded-For": "203.0.113.7"})
        neighbour = RIGHT | {"X-Forwarded-For": "203.0.113.8"}
        assert (await client.get("/", headers=neighbour)).status_code == 200


async def test_while_redis_is_away_the_process_counts(browser: Browser) -> None:
    away = Redis(port=free_port())
    async with browser(redis=away) as client:
        assert (await client.get("/", headers=RIGHT)).status_code == 200
        answers = await asyncio.gather(
            *(client.get("/", headers=WRONG) for _ in range(15))
        )
        codes = [answer.status_code for answer in answers]
        assert (codes.count(401), codes.count(429)) == (10, 5)
    await away.aclose()


async def test_only_so_many_wait_at_once(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "MOST_WAITING", 2)
    monkeypatch.setattr(middleware, "WRONG_PASSWORD_WAIT_S", 0.3)
    async with browser() as client:
        answers = await asyncio.gather(
            *(client.get("/", headers=WRONG) for _ in range(5))
        )
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [401, 401, 429, 429, 429]
        assert (await client.get("/", headers=WRONG)).status_code == 401
        assert (await client.get("/", headers=RIGHT)).status_code == 200


async def test_a_name_and_a_password_are_not_logged(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    async with browser() as client:
        await client.get("/", headers=basic("hush-name", "hush-password"))
    assert "wrong user or password from 203.0.113.5" in caplog.text
    assert "hush" not in caplog.text
