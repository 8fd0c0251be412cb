"""Reading ahead: the next item is made while the last one is dealt with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from django.db import connection, connections

T = TypeVar("T")

_END = object()


def read_ahead(make: Callable[[], Iterator[T]]) -> Iterator[T]:
    """What `make` yields, each item made in a thread while the one before is used.

    The thread has a connection of its own to the database, for as long as this is read.
    What is raised there is raised here, in its turn. Within a transaction nothing is
    read ahead: another connection does not see what it has written.
    """
    if connection.in_atomic_block:
        yield from make()
        return
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
        items = thread.submit(make).result()

        def ask() -> Future[T | object]:
            return thread.submit(next, items, _END)

        try:
            asked = ask()
            while (item := asked.result()) is not _END:
                asked = ask()
                yield item  # type: ignore[misc]  # not the end, so one of the items
        finally:
            thread.submit(connections.close_all)
