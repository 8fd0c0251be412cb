from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import connection, connections

from campaigns.models import Campaign
from campaigns.readahead import read_ahead
from chatapp.models import Line
from tests.campaigns import lists


def test_it_yields_all_in_their_order_and_ends() -> None:
    assert list(read_ahead(lambda: iter(range(50)))) == list(range(50))
    assert list(read_ahead(lambda: iter(()))) == []


def test_the_next_is_made_while_the_last_is_used() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    reading = read_ahead(items)
    assert next(reading) == 1
    assert made.wait(10)
    assert list(reading) == [2]


def test_an_error_comes_in_its_turn() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    reading = read_ahead(items)
    assert next(reading) == 1
    with pytest.raises(ValueError, match="broken"):
        next(reading)


def test_its_connection_is_its_own_and_ends_with_it(line: Line) -> None:
    campaign = lists.draft(line, 1)
    seen = []

    def items() -> Iterator[int]:
        for _ in range(3):
            yield Campaign.objects.get(pk=campaign.pk).pk
            seen.append(connections["default"])

    reading = read_ahead(items)
    assert next(reading) == campaign.pk
    reading.close()  # type: ignore[attr-defined]  # a generator
    assert seen and all(
        own is not connection and own.connection is None for own in seen
    )
