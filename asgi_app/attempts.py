"""Counts wrong passwords, so that guessing stops.

Counts are kept in Redis for all processes together, and in the process while Redis
is away.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from redis.exceptions import RedisError

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger = logging.getLogger(__name__)
V = TypeVar("V")

REDIS_LIMIT_S = 1.0
REDIS_REST_S = 5.0  # between questions to a Redis that did not answer
RIGHT_FOR_S = 5.0  # between questions about a password that was right
ENTRIES = 10_000

# One step, so that of many guesses at the same moment no more than the limit are
# judged: once a key has its limit, right and wrong are answered alike.
_JUDGE = """
local function held(key, limit)
  if tonumber(redis.call('GET', key) or '0') < limit then return 0 end
  return math.max(redis.call('TTL', key), 1)
end
local function count(key, limit)
  local wrong = redis.call('INCR', key)
  if wrong == 1 or wrong == limit then redis.call('EXPIRE', key, ARGV[4]) end
end
local wait = held(KEYS[1], tonumber(ARGV[2]))
if redis.call('EXISTS', KEYS[3]) == 0 then
  wait = math.max(wait, held(KEYS[2], tonumber(ARGV[3])))
end
if wait > 0 then return wait end
if ARGV[1] == '1' then
  redis.call('SET', KEYS[3], '1', 'EX', ARGV[5])
else
  count(KEYS[1], tonumber(ARGV[2]))
  count(KEYS[2], tonumber(ARGV[3]))
end
return 0
"""


@dataclass(frozen=True)
class Limits:
    """How many wrong passwords are borne within `window_s`, and how long it rests."""

    an_address: int = 10
    a_name: int = 20
    window_s: int = 300
    # An address where the name was right within this time is not held by the name's
    # count, or anybody could keep its owner out.
    known_s: int = 7 * 86_400


class Attempts:
    """Judges attempts to sign in; one a process."""

    def __init__(
        self,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits or Limits()
        self._clock = clock
        self._here = _Here(self._limits, clock)
        self._right_until: dict[tuple[str, str], float] = {}
        self._rests_until = -math.inf

    async def judge(
        self, redis: Redis | None, *, address: str, name: str, right: bool
    ) -> int:
        """Seconds that this address must wait, or 0 if the attempt counts.

        A wrong one is counted then. Never raises for a Redis that is away, and holds
        the caller for a second at most.
        """
        # A name may be anything up to the size of a header.
        user = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:32]
        if right and self._right_until.get((address, user), -1) > self._clock():
            return 0
        wait_s = None
        if redis is not None and self._clock() >= self._rests_until:
            wait_s = await self._ask(redis, address, user, right)
        if wait_s is None:
            wait_s = self._here.judge(address, user, right)
        if right and not wait_s:
            self._here.remember(address, user)
            _put(self._right_until, (address, user), self._clock() + RIGHT_FOR_S)
        return wait_s

    async def _ask(
        self, redis: Redis, address: str, user: str, right: bool
    ) -> int | None:
        limits = self._limits
        try:
            async with asyncio.timeout(REDIS_LIMIT_S):
                answer = await cast(
                    Awaitable[int],
                    redis.eval(
                        _JUDGE,
                        3,
                        f"signin:wrong:address:{address}",
                        f"signin:wrong:name:{user}",
                        f"signin:known:{user}:{address}",
                        str(int(right)),
                        str(limits.an_address),
                        str(limits.a_name),
                        str(limits.window_s),
                        str(limits.known_s),
                    ),
                )
        except (RedisError, OSError) as error:
            self._rests_until = self._clock() + REDIS_REST_S
            logger.warning("wrong passwords are counted per process: %r", error)
            return None
        return int(answer)


class _Here:
    """The same rules as the script's, within this process."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._wrong: dict[tuple[str, str], tuple[int, float]] = {}
        self._known: dict[tuple[str, str], float] = {}

    def judge(self, address: str, user: str, right: bool) -> int:
        by_address = ("address", address), self._limits.an_address
        by_name = ("name", user), self._limits.a_name
        wait_s = self._held_s(*by_address)
        if self._known.get((address, user), -1) < self._clock():
            wait_s = max(wait_s, self._held_s(*by_name))
        if not (wait_s or right):
            self._count(*by_address)
            self._count(*by_name)
        return wait_s

    def remember(self, address: str, user: str) -> None:
        _put(self._known, (address, user), self._clock() + self._limits.known_s)

    def _count(self, key: tuple[str, str], limit: int) -> None:
        wrong, until = self._counted(key)
        if wrong + 1 in {1, limit}:
            until = self._clock() + self._limits.window_s
        _put(self._wrong, key, (wrong + 1, until))

    def _held_s(self, key: tuple[str, str], limit: int) -> int:
        wrong, until = self._counted(key)
        return math.ceil(until - self._clock()) if wrong >= limit else 0

    def _counted(self, key: tuple[str, str]) -> tuple[int, float]:
        wrong, until = self._wrong.get(key, (0, 0.0))
        return (wrong, until) if until > self._clock() else (0, 0.0)


def _put(table: dict[tuple[str, str], V], key: tuple[str, str], value: V) -> None:
    """Stores the newest at the end, and drops the oldest when there are too many."""
    table.pop(key, None)
    if len(table) >= ENTRIES:
        del table[next(iter(table))]
    table[key] = value
