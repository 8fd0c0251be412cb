from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from asgi_app.database import in_orm
from asgi_app.middleware import RequestSubjects
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


async def test_a_request_is_bound_to_the_end_of_its_answer_and_no_longer() -> None:
    async def plain(request: HttpRequest) -> HttpResponse:
        await middleware.process_view(request, plain, (), {"campaign_id": 7})
        return HttpResponse(str(dict(subjects())))

    async def streamed(request: HttpRequest) -> StreamingHttpResponse:
        await middleware.process_view(request, streamed, (), {"line_id": 3, "day": "x"})

        async def body() -> AsyncIterator[str]:
            yield str(dict(subjects()))

        return StreamingHttpResponse(body())

    middleware = RequestSubjects(plain)
    request = HttpRequest()
    whole = await middleware(request)
    assert isinstance(whole, HttpResponse) and whole.content == b"{'campaign': 7}"
    assert subjects() == {}
    middleware = RequestSubjects(streamed)
    answer = await middleware(request)
    assert isinstance(answer, StreamingHttpResponse)
    assert b"".join([part async for part in answer]) == b"{'line': 3}"
