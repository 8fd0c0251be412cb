"""The limit of requests a second for each address."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

MAX_ADDRESSES = 1000


class RateLimit:
    """At most ``limit`` requests in any second; a refused one does not count."""

    def __init__(
        self, limit: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = limit
        self._clock = clock
        self._passed: dict[str, deque[float]] = {}

    def allows(self, address: str) -> bool:
        """Whether one more request from an address may pass now."""
        if self._limit is None:
            return True
        now = self._clock()
        passed = self._passed.get(address)
        if passed is None:
            if len(self._passed) >= MAX_ADDRESSES:
                self._passed.clear()
            passed = self._passed[address] = deque(maxlen=self._limit)
        if len(passed) == self._limit and (not passed or now - passed[0] < 1):
            return False
        passed.append(now)
        return True
