from __future__ import annotations

import sqlite3

import pytest
from django.db import OperationalError, transaction

from asgi_app.giving_way import TRIES, repeated

DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock")


class Work:
    """Fails with each of these errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0

    def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_what_gave_way_is_done_again(transactional_db: None) -> None:
    work = Work(DEADLOCK, DEADLOCK)
    assert repeated(work.__call__)() == "done"
    assert work.tries == 3


def test_it_is_not_tried_for_ever(transactional_db: None) -> None:
    work = Work(*[DEADLOCK] * 9)
    with pytest.raises(OperationalError):
        repeated(work.__call__)()
    assert work.tries == TRIES


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(1205, "Lock wait timeout exceeded"),
        OperationalError(2013, "Lost connection"),
        OperationalError("database is locked"),
        sqlite3.OperationalError("database is locked"),
    ],
    ids=str,
)
def test_nothing_else_is_done_again(transactional_db: None, error: Exception) -> None:
    work = Work(error)
    with pytest.raises(type(error)):
        repeated(work.__call__)()
    assert work.tries == 1


def test_a_part_of_a_transaction_leaves_it_to_the_whole(transactional_db: None) -> None:
    work = Work(DEADLOCK)
    with pytest.raises(OperationalError), transaction.atomic():
        repeated(work.__call__)()
    assert work.tries == 1
