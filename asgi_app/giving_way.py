"""Transactions that had to give way to others are done again, whole.

Of two that wait for each other InnoDB ends one, of which then nothing has happened.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)

TRIES = 5
DEADLOCK, LOCK_WAIT = 1213, 1205


def repeated(transaction: Callable[P, T]) -> Callable[P, T]:
    """Has a function that had to give way do its work again, from the beginning.

    All that it changes must be one transaction. Where that is a part of another's, the
    other has been undone as well, and it is for the other to begin anew.
    """

    @wraps(transaction)
    def patiently(*args: P.args, **kwargs: P.kwargs) -> T:
        for _ in range(TRIES - 1):
            if connection.in_atomic_block:
                break
            try:
                return transaction(*args, **kwargs)
            except OperationalError as error:
                if error.args[:1] != (DEADLOCK,):
                    raise
                logger.info("%s had to give way, and is done again", transaction)
        return transaction(*args, **kwargs)

    return patiently


def is_busy(error: OperationalError) -> bool:
    """Whether the database is there, and others had for too long what was needed."""
    if isinstance(error.__cause__, sqlite3.OperationalError):
        # An extended code has the plain one in its last byte.
        code = getattr(error.__cause__, "sqlite_errorcode", 0)
        return code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
    return error.args[:1] in {(DEADLOCK,), (LOCK_WAIT,)}
