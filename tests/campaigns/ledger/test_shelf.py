"""No order of commits loses a status: the races between a callback and a record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from asgi_app.database import Door, Params, Row, Tx, in_orm, open_door
from campaigns.ledger import Ledger
from campaigns.ledger.entries import Claimed, HeardStatus, Outcome
from campaigns.ledger.shelf import Heard
from campaigns.models import Campaign, Event, ShelvedStatus
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def told(kind: str, message_id: str = "id", tracking: str = "") -> Heard:
    status = HeardStatus(
        digest=f"{kind}{message_id}{tracking}",
        kind=kind,
        type=kind,
        message_id=message_id,
        tracking=tracking,
        attempt=1,
        at=AT,
    )
    return Heard([status], {"status": 1})


async def claimed(ledger: Ledger, line: Line) -> tuple[Campaign, Claimed]:
    campaign = await in_orm(lists.running, line, 1)
    state = await ledger.look(line.pk)
    assert state is not None
    (due,) = await ledger.find_due(state, 1)
    await ledger.claim(state, [due])
    return campaign, due


async def record(ledger: Ledger, due: Claimed) -> None:
    at = await ledger.now()
    await ledger.record(Outcome(due, MessageStatus.ACCEPTED, at, message_id="id"))


class Gated:
    """A door whose transactions wait before they commit."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.for_update, self.insert_new = door.for_update, door.insert_new
        self.by_index, self.by_key = door.by_index, door.by_key
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self.door.transaction() as tx:
            yield tx
            self.reached.set()
            await self.gate.wait()

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        return await self.door.fetch(sql, params)

    async def now(self) -> datetime:
        return await self.door.now()

    async def close(self) -> None:
        await self.door.close()


async def test_a_status_told_twice_in_one_batch_is_shelved_once(
    ledger: Ledger, line: Line
) -> None:
    (status,) = told("sent").statuses
    for _ in range(2):
        await ledger.shelve(Heard([status, status], {"status": 2}))
    assert await in_orm(ShelvedStatus.objects.count) == 1


async def test_the_callback_may_come_first(ledger: Ledger, line: Line) -> None:
    campaign, due = await claimed(ledger, line)
    heard = told("delivered")
    await ledger.shelve(heard)
    await ledger.apply(heard)
    assert await in_orm(lists.counts, campaign) == {"claimed": 1}
    await record(ledger, due)
    assert await in_orm(lists.counts, campaign) == {"delivered": 1}


async def test_the_record_may_come_first(ledger: Ledger, line: Line) -> None:
    campaign, due = await claimed(ledger, line)
    await record(ledger, due)
    heard = told("delivered")
    await ledger.shelve(heard)
    await ledger.apply(heard)
    assert await in_orm(lists.counts, campaign) == {"delivered": 1}


async def test_a_callback_between_the_record_s_look_and_its_commit_is_not_lost(
    ledger: Ledger, line: Line
) -> None:
    campaign, due = await claimed(ledger, line)
    gated = Gated(open_door())
    recording = asyncio.create_task(record(Ledger(gated), due))
    await gated.reached.wait()
    heard = told("delivered")
    shelving = asyncio.create_task(ledger.shelve(heard))
    if gated.for_update:  # on SQLite nobody else writes meanwhile
        await shelving
        applying = asyncio.create_task(ledger.apply(heard))
        await asyncio.sleep(0.05)
        gated.gate.set()
        await asyncio.gather(recording, applying)
    else:
        gated.gate.set()
        await asyncio.gather(recording, shelving)
    await ledger.apply_matching()
    assert await in_orm(lists.counts, campaign) == {"delivered": 1}
    assert await in_orm(ShelvedStatus.objects.count) == 0
    await gated.close()


@pytest.mark.parametrize("times", [2, 5])
async def test_two_who_apply_the_same_status_at_once_apply_it_once(
    ledger: Ledger, line: Line, times: int
) -> None:
    campaign, due = await claimed(ledger, line)
    await record(ledger, due)
    heard = told("delivered")
    await ledger.shelve(heard)
    doors = [open_door() for _ in range(times)]
    await asyncio.gather(*(Ledger(door).apply_matching() for door in doors))
    events = Event.objects.filter(kind="delivered")
    assert await in_orm(lambda: [e.copies for e in events]) == [1]
    assert await in_orm(lists.counts, campaign) == {"delivered": 1}
    for door in doors:
        await door.close()


async def test_a_status_by_tracking_comes_before_the_answer(
    ledger: Ledger, line: Line
) -> None:
    campaign, due = await claimed(ledger, line)
    heard = told("sent", message_id="id", tracking=due.tracking)
    await ledger.shelve(heard)
    await ledger.apply(heard)
    assert await in_orm(lists.counts, campaign) == {"sent": 1}
    await record(ledger, due)
    assert await in_orm(lists.counts, campaign) == {"sent": 1}


async def test_what_matches_nothing_stays_beside_what_does(
    ledger: Ledger, line: Line
) -> None:
    campaign, due = await claimed(ledger, line)
    await record(ledger, due)
    statuses = [*told("delivered").statuses, *told("read", "nobody knows").statuses]
    heard = Heard(statuses, {"status": 2})
    await ledger.shelve(heard)
    await ledger.apply(heard)
    assert await in_orm(lists.counts, campaign) == {"delivered": 1}
    left = await in_orm(ShelvedStatus.objects.get)
    assert left.message_id == "nobody knows"


async def test_a_status_of_an_attempt_that_was_never_made_is_nobody_s(
    ledger: Ledger, line: Line
) -> None:
    campaign, due = await claimed(ledger, line)
    await record(ledger, due)
    (status,) = told("read", message_id="", tracking=due.tracking).statuses
    heard = Heard([replace(status, attempt=7)], {"status": 1})
    await ledger.shelve(heard)
    await ledger.apply(heard)
    assert await in_orm(lists.counts, campaign) == {"accepted": 1}
    assert await in_orm(ShelvedStatus.objects.count) == 1


@pytest.mark.parametrize(("hours", "filed"), [(23, 0), (25, 1)])
async def test_what_matches_nothing_is_filed_after_a_day(
    ledger: Ledger, line: Line, hours: int, filed: int
) -> None:
    await ledger.shelve(told("sent"))
    arrived_at = await ledger.now() - timedelta(hours=hours)
    await in_orm(ShelvedStatus.objects.update, arrived_at=arrived_at)
    assert await ledger.file_away() == filed
    assert (await in_orm(ShelvedStatus.objects.get)).is_not_ours == bool(filed)
