"""Sending that is interrupted: by the database, by a sleep, by an order to stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from redis.asyncio import Redis

from asgi_app.database import DatabaseAway, in_orm
from campaigns.ledger.entries import Claim, Claimed, Outcome
from campaigns.services import pause_campaign
from campaigns.states import Pacing
from chatapp.calls import boottime
from chatapp.client import ChatApp
from chatapp.limiter import Limiter
from tests.campaigns import lists
from tests.campaigns.desk import Desk


async def test_an_answer_is_stored_once_the_database_is_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    ledger = desk.sending.ledger
    claim, record, now = ledger.claim, ledger.record, ledger.now
    failures = iter(range(2))

    async def away() -> datetime:
        raise DatabaseAway("restarting")

    async def then_away(*args: Any) -> Claim:
        claimed = await claim(*args)
        monkeypatch.setattr(ledger, "now", away)
        return claimed

    async def back_at_last(outcome: Outcome) -> None:
        if next(failures, None) is not None:
            raise DatabaseAway("restarting")
        monkeypatch.setattr(ledger, "now", now)
        await record(outcome)

    monkeypatch.setattr(ledger, "claim", then_away)
    monkeypatch.setattr(ledger, "record", back_at_last)
    assert await desk.serve() is not None
    assert await in_orm(lists.counts, campaign) == {"accepted": 1}
    assert len(desk.phones_sent()) == 1


@pytest.mark.parametrize("pacing", Pacing)
async def test_a_worker_stopped_right_after_its_claim_sends_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, pacing: Pacing
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1, pacing=pacing)
    ledger, slept_s = desk.sending.ledger, [0.0]
    claim = ledger.claim

    def clock() -> float:
        return boottime() + slept_s[0]

    async def then_sleep(*args: Any) -> Claim:
        claimed = await claim(*args)
        slept_s[0] = 1_000
        return claimed

    monkeypatch.setattr(ledger, "claim", then_sleep)
    chatapp = ChatApp(desk.tokens.calls, desk.tokens, desk.sending.limiter, clock=clock)
    courier = replace(desk.sending.courier, chatapp=chatapp, clock=clock)
    await replace(desk.sending, courier=courier).serve(desk.line.pk)
    assert slept_s == [1_000]
    assert desk.phones_sent() == []
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}


@pytest.mark.parametrize("pacing", Pacing)
async def test_a_permit_that_a_lost_claim_did_not_use_is_there_again(
    desk: Desk, redis: Redis, monkeypatch: pytest.MonkeyPatch, pacing: Pacing
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1, pacing=pacing)
    ledger = desk.sending.ledger
    find_due = ledger.find_due

    async def then_pause(*asked: Any) -> list[Claimed]:
        due = await find_due(*asked)
        await in_orm(pause_campaign, campaign_id=campaign.pk, operator="anna")
        return due

    monkeypatch.setattr(ledger, "find_due", then_pause)
    limiter = Limiter(redis, rate_per_s=0.01, key="slow")
    await replace(desk.sending, limiter=limiter).serve(desk.line.pk)
    assert desk.phones_sent() == []
    assert (await limiter.take(1)).granted == 1


async def test_a_worker_that_is_told_to_stop_claims_nothing(desk: Desk) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    stopping = replace(desk.sending, is_stopping=lambda: True)
    assert await stopping.serve(desk.line.pk) is None
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}
    assert desk.phones_sent() == []
