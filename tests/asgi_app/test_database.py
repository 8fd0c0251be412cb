from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from asgi_app.database import (
    DatabaseError,
    Door,
    SqliteDoor,
    as_time,
    in_orm,
    orm_now,
)
from campaigns.models import Action, Campaign
from chatapp.models import Line
from tests.campaigns import lists

RENAME = "UPDATE campaigns_campaign SET name = %s"


async def name_of(campaign: Campaign) -> str:
    await in_orm(campaign.refresh_from_db)
    return campaign.name


@pytest.fixture
async def campaign(line: Line) -> Campaign:
    return await in_orm(lists.draft, line, 1)


async def test_a_transaction_is_stored_whole_or_not_at_all(
    door: Door, campaign: Campaign
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with door.transaction() as tx:
            await tx.execute(RENAME, ("lost",))
            raise ZeroDivisionError
    assert await name_of(campaign) == "Sale"
    async with door.transaction() as tx:
        assert await tx.execute(RENAME, ("kept",)) == 1
        # Matched, though nothing changes: compare-and-set counts matches.
        assert await tx.execute(RENAME, ("kept",)) == 1
    assert await name_of(campaign) == "kept"


async def test_the_door_bears_to_be_cancelled_at_any_moment(
    door: Door, campaign: Campaign
) -> None:
    async def rename(number: int) -> None:
        async with door.transaction() as tx:
            await tx.execute(RENAME, (f"name {number}",))
            await tx.fetch("SELECT name FROM campaigns_campaign")

    for number in range(60):
        task = asyncio.create_task(rename(number))
        for _ in range(number % 12):
            await asyncio.sleep(0)
        if number % 3:
            await asyncio.sleep(number / 20_000)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with asyncio.timeout(10):
        await rename(1_000)
    assert await name_of(campaign) == "name 1000"


async def test_a_cancelled_begin_leaves_no_transaction_open(
    campaign: Campaign,
) -> None:
    if connection.vendor != "sqlite":
        return  # MySQL's connection is dropped, which the test above covers
    door, other = SqliteDoor(), SqliteDoor()
    async with other.transaction():
        waiting = asyncio.create_task(_touch(door))
        await asyncio.sleep(0.05)
        waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(5):
        await _touch(other)
        await _touch(door)
    await door.close()
    await other.close()


async def _touch(door: Door) -> None:
    async with door.transaction() as tx:
        await tx.execute(RENAME, ("touched",))


async def test_a_wrong_statement_is_an_error_and_harms_nothing(
    door: Door, campaign: Campaign
) -> None:
    with pytest.raises(DatabaseError):
        await door.fetch("SELECT nothing FROM nowhere")
    with pytest.raises(DatabaseError):
        async with door.transaction() as tx:
            await tx.execute(RENAME, ("half",))
            await tx.execute("UPDATE nowhere SET a = 1")
    assert await name_of(campaign) == "Sale"


async def test_both_doors_tell_and_keep_the_same_time(
    door: Door, campaign: Campaign
) -> None:
    now = await door.now()
    assert abs(now - await in_orm(orm_now)) < timedelta(seconds=2)
    exact = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)
    async with door.transaction() as tx:
        await tx.execute("UPDATE campaigns_campaign SET started_at = %s", (exact,))
    await in_orm(campaign.refresh_from_db)
    assert campaign.started_at == exact
    ((read,),) = await door.fetch("SELECT started_at FROM campaigns_campaign")
    assert as_time(read) == exact


async def test_the_orm_is_used_in_a_thread_whose_connection_is_closed(
    campaign: Campaign,
) -> None:
    def count() -> int:
        return Action.objects.count()

    assert await asyncio.gather(*(in_orm(count) for _ in range(20))) == [1] * 20
