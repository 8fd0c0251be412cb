"""Made-up phones, each given out once."""

from __future__ import annotations

import itertools

_next = itertools.count(1)


def made_up(count: int) -> list[str]:
    """Phones that no other campaign of this run has: +7999…"""
    return [f"+7999{next(_next):07d}" for _ in range(count)]
