from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django.fixtures import Settings
from redis.asyncio import Redis

from asgi_app.database import in_orm
from asgi_app.valkey import free_port
from chatapp import accounts, renewal, tokens
from chatapp.calls import Calls
from chatapp.errors import NotReached, Refused, TokenUnavailable
from chatapp.models import (
    Account,
    RequestKind,
    RequestOutcome,
    Source,
    TokenRequest,
)
from chatapp.sandbox.knobs import Endpoint, Kind
from chatapp.tokens import TokenStore
from chatapp.types import TokenPair
from tests.chatapp.accounts_rig import ACCOUNT, Rig, rigged


@pytest.fixture
async def rig(redis: Redis, transactional_db: None) -> AsyncIterator[Rig]:
    async with rigged(redis) as rig:
        yield rig


async def unavailable(store: TokenStore, *, stale: str = "") -> TokenUnavailable:
    with pytest.raises(TokenUnavailable) as caught:
        await (store.renew(stale=stale) if stale else store.access())
    return caught.value


# The first log-in


async def test_it_logs_in_by_the_settings_once_for_all(rig: Rig) -> None:
    stores = [rig.store() for _ in range(20)]
    found = await asyncio.gather(*(store.access() for store in stores))
    assert len(set(found)) == 1
    assert (rig.calls.log_ins, rig.calls.refreshes) == (1, 0)
    assert rig.sandbox.app.tokens.issued_today() == 1


async def test_it_keeps_the_tokens_sealed_and_shows_none(rig: Rig) -> None:
    store = await rig.connected()
    access, row = await store.access(), await rig.row()
    assert access not in repr(vars(row))
    assert access not in repr(row) + str(row) + repr(await in_orm(accounts.read))
    assert access not in repr(await store.status())


async def test_without_a_password_there_is_no_token(rig: Rig) -> None:
    problem = await unavailable(rig.store(password=""))
    assert problem.code == "not_connected"
    assert rig.calls.log_ins == 0


async def test_a_wrong_password_is_tried_once_and_after_an_hour_again(
    rig: Rig,
) -> None:
    store = rig.store(password="wrong")
    for _ in range(3):
        problem = await unavailable(store)
        assert problem.code == "log_in_refused"
        assert "Invalid e-mail, password or appId" in problem.text
        assert problem.retry_after is not None
        assert 3590 < problem.retry_after <= 3600
    await store.keep_fresh()
    assert rig.calls.log_ins == 1
    status = await store.status()
    assert status.refusal is not None
    assert status.refusal.code == "ApiInvalidCredentialsError"

    rig.clock.ahead += timedelta(minutes=61)
    await unavailable(store)
    assert rig.calls.log_ins == 2


async def test_another_password_is_tried_at_once(rig: Rig) -> None:
    await unavailable(rig.store(password="wrong"))
    assert await rig.store().access()
    assert (await rig.row()).refused_at is None


# Renewal


async def test_many_at_expiry_make_one_refresh(rig: Rig) -> None:
    old = await (await rig.connected()).access()
    await rig.let_access_end()
    stores = [rig.store() for _ in range(20)]
    found = await asyncio.gather(*(store.access() for store in stores))
    assert len(set(found)) == 1
    assert old not in found
    assert (rig.calls.log_ins, rig.calls.refreshes) == (0, 1)


async def test_many_that_were_refused_make_one_refresh(rig: Rig) -> None:
    stores = [await rig.connected() for _ in range(20)]
    old = await stores[0].access()
    rig.sandbox.app.tokens.expire()
    found = await asyncio.gather(*(store.renew(stale=old) for store in stores))
    assert len(set(found)) == 1
    assert old not in found
    assert (rig.calls.log_ins, rig.calls.refreshes) == (0, 1)


async def test_many_callers_of_one_process_share_a_renewal(rig: Rig) -> None:
    store = await rig.connected()
    old = await store.access()
    found = await asyncio.gather(*(store.renew(stale=old) for _ in range(20)))
    assert len(set(found)) == 1
    assert rig.calls.refreshes == 1


async def test_who_holds_an_old_token_gets_the_new_one_without_a_request(
    rig: Rig,
) -> None:
    first, second = await rig.connected(), await rig.connected()
    old = await first.access()
    new = await first.renew(stale=old)
    assert await second.renew(stale=old) == new
    assert rig.calls.refreshes == 1


async def test_a_lost_answer_is_asked_for_once_more_with_the_same_pair(
    rig: Rig,
) -> None:
    store = await rig.connected()
    rig.sandbox.knobs.set(Kind.ERROR_BEFORE, on=Endpoint.REFRESH, count=1)
    assert await store.renew(stale=await store.access())
    assert (rig.calls.log_ins, rig.calls.refreshes) == (0, 2)


async def test_two_lost_answers_give_up_and_then_pause(rig: Rig) -> None:
    store = await rig.connected()
    old = await store.access()
    rig.clock.ahead += timedelta(minutes=2)
    rig.sandbox.knobs.set(Kind.ERROR_BEFORE, on=Endpoint.REFRESH)
    for _ in range(5):
        problem = await unavailable(store, stale=old)
        assert problem.code == "refresh_unsure"
        assert problem.retry_after
    assert rig.calls.refreshes == 2
    # The pause over, one request at a time.
    rig.clock.ahead += timedelta(seconds=6)
    await unavailable(store, stale=old)
    assert rig.calls.refreshes == 3


async def test_failures_of_a_whole_day_stay_under_the_quota(rig: Rig) -> None:
    store = await rig.connected()
    old = await store.access()
    rig.sandbox.knobs.set(Kind.ERROR_BEFORE, on=Endpoint.REFRESH)
    started = rig.clock.ahead
    while rig.clock.ahead - started < timedelta(hours=23):
        problem = await unavailable(store, stale=old)
        assert problem.code == "refresh_unsure"
        rig.clock.ahead += timedelta(seconds=problem.retry_after or 5)
    assert rig.calls.refreshes < 70


async def test_a_lost_pair_costs_one_log_in(rig: Rig) -> None:
    """The API has changed the pair, and its answer never came."""
    store = await rig.connected()
    rig.sandbox.knobs.set(Kind.CLOSE_AFTER, on=Endpoint.REFRESH, count=1)
    assert await store.renew(stale=await store.access())
    assert (rig.calls.log_ins, rig.calls.refreshes) == (1, 2)


async def test_with_both_tokens_dead_it_logs_in_once(rig: Rig) -> None:
    await rig.connected()
    await rig.let_access_end()
    rig.sandbox.app.tokens.expire(refresh=True)
    stores = [rig.store() for _ in range(10)]
    found = await asyncio.gather(*(store.access() for store in stores))
    assert len(set(found)) == 1
    assert (rig.calls.log_ins, rig.calls.refreshes) == (1, 1)


async def test_with_both_dead_and_no_password_it_says_so_until_connect(
    rig: Rig,
) -> None:
    await rig.connected()
    await rig.let_access_end()
    rig.sandbox.app.tokens.expire(refresh=True)
    store = rig.store(password="")
    problem = await unavailable(store)
    assert problem.code == "refresh_refused"
    assert "ApiInvalidRefreshTokenError" in problem.text
    status = await store.status()
    assert status.refusal is not None
    assert not rig.calls.log_ins

    await store.connect(
        email="anna@example.com", password="right", app_id="app_1", by="anna"
    )
    assert await store.access()
    assert (await store.status()).refusal is None


async def test_an_api_out_of_reach_is_no_refusal(rig: Rig) -> None:
    store = await rig.connected()
    old = await store.access()
    await rig.sandbox.__aexit__(None, None, None)
    problem = await unavailable(store, stale=old)
    assert problem.code == "refresh_not_reached"
    assert problem.retry_after
    status = await store.status()
    assert status.left == 99


async def test_a_pause_that_the_api_asks_for_is_passed_on(rig: Rig) -> None:
    store = await rig.connected()
    rig.sandbox.knobs.set(Kind.RATE_LIMIT, on=Endpoint.REFRESH, retry_after="17")
    problem = await unavailable(store, stale=await store.access())
    assert (problem.code, problem.retry_after) == ("refresh_put_off", 17)


async def test_tokens_that_are_refused_at_once_do_not_burn_the_quota(
    rig: Rig,
) -> None:
    store = await rig.connected()
    problem = None
    for _ in range(10):
        try:
            await store.renew(stale=await store.access())
        except TokenUnavailable as exc:
            problem = exc
    assert problem is not None
    assert problem.code == "refresh_short_lived"
    assert rig.calls.refreshes <= 3


# The quota


async def note(count: int, kind: RequestKind, hours_ago: float, rig: Rig) -> None:
    key = accounts.AccountKey("", ACCOUNT.email, ACCOUNT.app_id)
    at = rig.clock() - timedelta(hours=hours_ago)
    await in_orm(
        TokenRequest.objects.bulk_create,
        [
            TokenRequest(
                account=key.digest, kind=kind, at=at, outcome=RequestOutcome.MADE
            )
            for _ in range(count)
        ],
    )


async def test_the_last_of_the_quota_is_left_to_the_operator(rig: Rig) -> None:
    await note(50, RequestKind.LOG_IN, 20, rig)
    await note(40, RequestKind.REFRESH, 10, rig)
    store = rig.store()
    problem = await unavailable(store)
    assert problem.code == "quota_reached"
    assert problem.retry_after is not None
    assert abs(problem.retry_after - 4 * 3600) < 60

    typed = {"email": ACCOUNT.email, "password": "right", "app_id": ACCOUNT.app_id}
    for _ in range(9):
        await store.connect(**typed, by="anna")
    with pytest.raises(TokenUnavailable) as caught:
        await store.connect(**typed, by="anna")
    assert caught.value.code == "quota_reached"
    assert rig.calls.log_ins == 9
    status = await store.status()
    assert (status.log_ins, status.refreshes, status.left) == (59, 40, 1)


async def test_what_is_older_than_a_day_no_longer_counts(rig: Rig) -> None:
    await note(90, RequestKind.LOG_IN, 24.1, rig)
    assert await rig.store().access()


# What is away


@pytest.fixture
async def dead_redis() -> AsyncIterator[Redis]:
    client = Redis(port=free_port())
    yield client
    await client.aclose()


async def test_without_redis_a_valid_token_is_used_and_none_refreshed(
    rig: Rig, dead_redis: Redis
) -> None:
    old = await (await rig.connected()).access()
    store = rig.store(redis=dead_redis)
    assert await store.access() == old
    problem = await unavailable(store, stale=old)
    assert problem.code == "redis_away"
    assert rig.calls.refreshes == 0


async def test_without_the_database_a_valid_token_is_used(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await rig.connected()
    old = await store.access()

    def is_away() -> None:
        raise OperationalError(2002, "no such server")

    monkeypatch.setattr(accounts, "read", is_away)
    monkeypatch.setattr(tokens, "COPY_S", -1.0)
    assert await store.access() == old
    problem = await unavailable(store, stale=old)
    assert problem.code == "database_away"


async def test_a_pair_that_could_not_be_stored_is_stored_later_and_not_lost(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await rig.connected()
    old = await store.access()

    def is_away(*_: Any) -> bool:
        raise OperationalError(2002, "no such server")

    with monkeypatch.context() as patch:
        patch.setattr(accounts, "store", is_away)
        problem = await unavailable(store, stale=old)
        assert problem.code == "database_away"
        assert await store.access() == old
    new = await store.renew(stale=old)
    assert new != old
    assert (rig.calls.log_ins, rig.calls.refreshes) == (0, 1)
    assert await rig.store().access() == new


async def test_when_redis_is_flushed_the_claim_in_the_row_still_holds(
    rig: Rig,
) -> None:
    first, second = await rig.connected(), await rig.connected()
    old = await first.access()
    rig.sandbox.knobs.set(Kind.DELAY, on=Endpoint.REFRESH, seconds=0.5)
    renewing = asyncio.create_task(first.renew(stale=old))
    await rig.calls.refresh_left.wait()
    await rig.redis.flushall()
    other = await second.renew(stale=old)
    assert await renewing == other
    assert rig.calls.refreshes == 1


async def test_a_claim_of_a_dead_process_is_over_after_a_while(rig: Rig) -> None:
    store = await rig.connected()
    await in_orm(
        Account.objects.update,
        renewal_by="gone",
        renewal_until=rig.clock() + timedelta(seconds=0.3),
    )
    assert await store.renew(stale=await store.access())
    assert rig.calls.refreshes == 1


async def test_a_process_that_slept_past_its_claim_sends_nothing(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await rig.connected()
    old = await store.access()
    monkeypatch.setattr(renewal, "CLAIM", timedelta(seconds=-1))
    assert (await unavailable(store, stale=old)).code == "refresh_not_reached"
    assert rig.calls.refreshes == 0


async def test_a_pair_that_comes_after_its_claim_was_lost_is_not_stored(
    rig: Rig,
) -> None:
    first, second = await rig.connected(), await rig.connected()
    old = await first.access()
    rig.clock.ahead += timedelta(minutes=2)

    row = await in_orm(accounts.read)
    claim = await in_orm(
        accounts.claim,
        row.key,
        RequestKind.REFRESH,
        version=row.version,
        by="slow",
        now=rig.clock() - timedelta(minutes=1),
        lasts=timedelta(seconds=30),
        ceiling=90,
        backs_off=False,
    )
    new = await second.renew(stale=old)
    late = accounts.NewPair(
        row.key, row.pair or pytest.fail(), Source.TYPED, rig.clock()
    )
    assert not await in_orm(accounts.store, claim, late)
    assert await first.renew(stale=old) == new


async def test_after_a_refusal_another_s_new_pair_is_used_before_any_log_in(
    rig: Rig,
) -> None:
    """The claim ran out while the request was slow, and another process renewed."""
    first, second = await rig.connected(), rig.store()
    old = await first.access()
    rig.clock.ahead += timedelta(minutes=2)
    found: list[str] = []

    class Slow(Calls):
        async def refresh_token(self, refresh: str) -> TokenPair:
            await rig.redis.flushall()
            await in_orm(partial(Account.objects.update, renewal_until=None))
            found.append(await second.renew(stale=old))
            return await rig.calls.refresh_token(refresh)

    slow = rig.store(calls=Slow(rig.http))
    assert await slow.renew(stale=old) == found[0]
    assert rig.calls.log_ins == 0


async def test_of_two_that_saw_the_same_row_one_may_ask(rig: Rig) -> None:
    await rig.connected()
    row = await in_orm(accounts.read)

    def claim(by: str) -> accounts.Claim:
        return accounts.claim(
            row.key,
            RequestKind.REFRESH,
            version=row.version,
            by=by,
            now=rig.clock(),
            lasts=timedelta(seconds=30),
            ceiling=90,
            backs_off=False,
        )

    done = await asyncio.gather(
        *(in_orm(claim, str(number)) for number in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, accounts.Claim) for one in done) == 1
    assert sum(isinstance(one, accounts.Overtaken) for one in done) == 4


async def test_who_read_the_row_before_or_during_a_claim_may_not_ask(rig: Rig) -> None:
    await rig.connected()
    before = await in_orm(accounts.read)
    assert before.pair is not None

    async def claim(by: str, row: accounts.Stored) -> accounts.Claim:
        return await in_orm(
            accounts.claim,
            row.key,
            RequestKind.REFRESH,
            version=row.version,
            by=by,
            now=rig.clock(),
            lasts=timedelta(seconds=30),
            ceiling=90,
            backs_off=False,
        )

    held = await claim("one", before)
    during = await in_orm(accounts.read)
    with pytest.raises(accounts.Overtaken):
        await claim("other", during)
    new = accounts.NewPair(before.key, before.pair, Source.ENVIRONMENT, rig.clock())
    assert await in_orm(accounts.store, held, new)
    # By now nobody holds it, but what the other would refresh with is old.
    with pytest.raises(accounts.Overtaken):
        await claim("other", before)
    await claim("other", await in_orm(accounts.read))


async def test_a_cancelled_caller_harms_nothing(rig: Rig) -> None:
    store = await rig.connected()
    old = await store.access()
    rig.sandbox.knobs.set(Kind.DELAY, on=Endpoint.REFRESH, seconds=0.3)
    caller = asyncio.create_task(store.renew(stale=old))
    await rig.calls.refresh_left.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await store.close()
    assert await rig.store().access() != old
    assert (rig.calls.log_ins, rig.calls.refreshes) == (0, 1)


# Keys, places and accounts that change


async def test_tokens_that_cannot_be_read_are_made_anew_and_told_once(
    rig: Rig, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.connected()
    settings.SECRET_KEY = "another key"
    store = rig.store(password="")
    with caplog.at_level(logging.ERROR):
        await unavailable(store)
        await unavailable(store)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert (await store.status()).is_sealed_shut
    assert await rig.store().access()
    assert rig.calls.log_ins == 1


async def test_tokens_of_the_sandbox_are_never_sent_to_another_api(rig: Rig) -> None:
    old = await (await rig.connected()).access()
    elsewhere = rig.store(place="https://api.example.com", password="")
    assert (await unavailable(elsewhere)).code == "not_connected"
    assert not (await elsewhere.status()).is_connected
    assert await rig.store(place="https://api.example.com").access() != old
    assert (rig.calls.log_ins, rig.calls.refreshes) == (1, 0)


async def test_another_account_in_the_settings_goes_before_the_stored_one(
    rig: Rig,
) -> None:
    await rig.connected()
    assert (await unavailable(rig.store(app_id="app_2"))).code == "log_in_refused"
    without_password = rig.store(password="", app_id="app_2")
    assert (await unavailable(without_password)).code == "not_connected"


async def test_a_typed_account_stays_whatever_the_settings_say(rig: Rig) -> None:
    store = rig.store(email="old@example.com")
    await store.connect(
        email=ACCOUNT.email, password="right", app_id=ACCOUNT.app_id, by="anna"
    )
    token = await store.access()
    assert await rig.store(email="old@example.com").access() == token
    await rig.let_access_end()
    rig.sandbox.app.tokens.expire(refresh=True)
    again = await unavailable(rig.store(email="old@example.com"))
    assert again.code == "refresh_refused"
    assert rig.calls.log_ins == 1


# Connect


async def test_connect_replaces_the_account_for_every_process(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, web = await rig.connected(), rig.store()
    old = await worker.access()
    await web.connect(
        email=ACCOUNT.email, password="right", app_id=ACCOUNT.app_id, by="anna"
    )
    new = await web.access()
    assert new != old
    assert await worker.access() == old
    monkeypatch.setattr(tokens, "COPY_S", -1.0)
    assert await worker.access() == new
    status = await web.status()
    assert (status.connected_by, status.source) == ("anna", "typed")


async def test_a_refused_connect_leaves_the_account_as_it_was(rig: Rig) -> None:
    store = await rig.connected()
    token, before = await store.access(), await rig.row()
    with pytest.raises(Refused) as caught:
        await store.connect(
            email="x@example.com", password="wrong", app_id="app", by="anna"
        )
    assert caught.value.code == "ApiInvalidCredentialsError"
    after = await rig.row()
    assert await rig.store().access() == token
    assert (after.email, after.sealed_access) == (before.email, before.sealed_access)
    assert after.refused_at is None


async def test_connect_while_the_api_is_away_raises_what_it_is(rig: Rig) -> None:
    await rig.sandbox.__aexit__(None, None, None)
    with pytest.raises(NotReached):
        await rig.store().connect(
            email="x@example.com", password="right", app_id="app", by="anna"
        )


async def test_no_password_is_kept_anywhere(rig: Rig) -> None:
    store = rig.store(password="")
    await store.connect(
        email=ACCOUNT.email, password="right", app_id=ACCOUNT.app_id, by="anna"
    )
    assert "right" not in repr(vars(await rig.row()))
    assert "right" not in repr(vars(store))


# Ahead of time


async def test_it_renews_when_most_of_the_token_s_life_is_over(rig: Rig) -> None:
    store = await rig.connected()
    old = await store.access()
    rig.clock.ahead += timedelta(hours=19)
    await store.keep_fresh()
    assert rig.calls.refreshes == 0
    rig.clock.ahead += timedelta(minutes=15)
    await store.keep_fresh()
    assert rig.calls.refreshes == 1
    assert await store.access() != old


async def test_a_failure_ahead_of_time_leaves_the_valid_token_in_use(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    store = await rig.connected()
    old = await store.access()
    rig.clock.ahead += timedelta(hours=20)
    rig.sandbox.knobs.set(Kind.ERROR_BEFORE, on=Endpoint.REFRESH)
    await store.keep_fresh()
    assert rig.calls.refreshes == 2
    assert await store.access() == old
    assert "refresh_unsure" in caplog.text


async def test_it_makes_the_first_connection_by_itself(rig: Rig) -> None:
    await rig.store(password="").keep_fresh()
    assert rig.calls.log_ins == 0
    await rig.store().keep_fresh()
    assert (await rig.store().status()).is_connected
    assert [kind for kind, _, _ in await rig.requests()] == ["log_in"]
