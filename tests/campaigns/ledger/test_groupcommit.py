from __future__ import annotations

import asyncio
from itertools import chain

from asgi_app.database import DatabaseAway, DatabaseError, Deadlocked
from campaigns.ledger.groupcommit import GroupCommit


class Table:
    """Takes batches; refuses some items, and fails when told to."""

    def __init__(self, *, bad: set[int] | None = None) -> None:
        self.batches: list[list[int]] = []
        self.bad = bad or set()
        self.failures: list[Exception] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, items: list[int]) -> None:
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if self.bad.intersection(items):
            raise DatabaseError("a bad row")
        self.batches.append(items)


async def test_it_gathers_while_a_flush_is_under_way() -> None:
    table = Table()
    table.gate.clear()
    group = GroupCommit(table.write)
    callers = [asyncio.create_task(group.submit(n)) for n in range(10)]
    for _ in range(3):
        await asyncio.sleep(0)
    callers += [asyncio.create_task(group.submit(n)) for n in range(10, 20)]
    await asyncio.sleep(0)
    assert not any(caller.done() for caller in callers)
    table.gate.set()
    await asyncio.gather(*callers)
    assert len(table.batches) == 2
    assert sorted(chain(*table.batches)) == list(range(20))


async def test_a_bad_item_fails_alone() -> None:
    table = Table(bad={3})
    group = GroupCommit(table.write)
    heard = await asyncio.gather(
        *(group.submit(n) for n in range(6)), return_exceptions=True
    )
    assert [n for n, h in enumerate(heard) if h is not None] == [3]
    assert sorted(chain(*table.batches)) == [0, 1, 2, 4, 5]


async def test_a_flush_that_gave_way_is_repeated_whole() -> None:
    table = Table()
    table.failures = [Deadlocked("1213"), Deadlocked("1205")]
    group = GroupCommit(table.write)
    await asyncio.gather(*(group.submit(n) for n in range(3)))
    assert table.batches == [[0, 1, 2]]


async def test_every_caller_hears_of_a_lost_flush_and_the_next_one_goes_on() -> None:
    table = Table()
    error = DatabaseAway("gone")
    table.failures = [error]
    group = GroupCommit(table.write)
    heard = await asyncio.gather(
        *(group.submit(n) for n in range(4)), return_exceptions=True
    )
    assert heard == [error] * 4
    await group.submit(9)
    assert table.batches == [[9]]


async def test_what_nobody_foresaw_fails_alone_too() -> None:
    table = Table()
    # The batch, then its first row.
    table.failures = [UnicodeError("half a letter"), UnicodeError("half a letter")]
    group = GroupCommit(table.write)
    heard = await asyncio.gather(
        *(group.submit(n) for n in range(4)), return_exceptions=True
    )
    assert [type(h) for h in heard] == [UnicodeError] + [type(None)] * 3
    assert table.batches == [[1], [2], [3]]


async def test_a_caller_that_left_does_not_hold_up_the_others() -> None:
    table = Table()
    table.gate.clear()
    group = GroupCommit(table.write)
    gone = asyncio.create_task(group.submit(1))
    stays = asyncio.create_task(group.submit(2))
    await asyncio.sleep(0)
    gone.cancel()
    table.gate.set()
    await stays
    assert table.batches == [[1, 2]]


async def test_what_is_no_hurry_lets_others_join() -> None:
    table = Table()
    group = GroupCommit(table.write, linger_s=0.05)
    first = asyncio.create_task(group.submit(1, is_urgent=False))
    for _ in range(5):
        await asyncio.sleep(0)
    await asyncio.gather(group.submit(2), first)
    assert table.batches == [[1, 2]]


async def test_what_is_urgent_waits_for_nobody() -> None:
    table = Table()
    group = GroupCommit(table.write, linger_s=3600)
    await group.submit(1)
    assert table.batches == [[1]]
