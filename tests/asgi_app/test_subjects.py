from __future__ import annotations

import asyncio

from asgi_app.database import in_orm
from asgi_app.subjects import about, begin_anew, subjects


def test_a_block_adds_to_what_is_bound_and_takes_it_back() -> None:
    with about(line=3, campaign=7):
        with about(campaign=8, message=9):
            assert subjects() == {"line": 3, "campaign": 8, "message": 9}
        assert subjects() == {"line": 3, "campaign": 7}
    assert subjects() == {}


async def test_tasks_and_threads_inherit_and_keep_apart() -> None:
    async def work(message: int) -> list[object]:
        with about(message=message):
            await asyncio.sleep(0)
            in_thread = await in_orm(subjects)
            return [dict(subjects()), dict(in_thread)]

    with about(line=3):
        told = await asyncio.gather(*map(work, range(5)))
    assert told == [[{"line": 3, "message": number}] * 2 for number in range(5)]


async def test_what_begins_anew_is_about_nothing_else() -> None:
    async def flush() -> object:
        begin_anew(campaign=7)
        return dict(subjects())

    with about(line=3):
        assert await asyncio.create_task(flush()) == {"campaign": 7}
        assert subjects() == {"line": 3}
