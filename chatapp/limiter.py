"""A rate limit that all processes share, kept in Redis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_noop as noop
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chatapp.errors import RetryLater

MAX_HOLD_S = 3600.0
MICROSECONDS = 1_000_000
# The code of what waits because ChatApp has asked for a pause.
ACCOUNT_PAUSED = "account_paused"

# GCRA: `tat` is the moment at which the bucket is full again, in Redis' own
# microseconds. It never honestly lies further ahead than a whole burst (nor `hold`
# further than the longest hold): if it does, the server's clock went back.
# Numbers are written with "%.0f", because Lua's own tostring keeps 14 digits.
SCRIPT = """
local interval, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local hold_us, longest = tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local kept = redis.call('HMGET', KEYS[1], 'tat', 'hold')
local full = now + burst * interval
local tat = math.min(math.max(tonumber(kept[1]) or 0, now), full)
local hold = math.min(tonumber(kept[2]) or 0, now + longest)

hold = math.max(hold, now + hold_us)
local granted, wait, held = 0, 0, 0
if wanted < 0 then
    tat = math.max(tat + wanted * interval, now)
elseif wanted > 0 and hold > now then
    wait, held = hold - now, 1
elseif wanted > 0 then
    granted = math.min(wanted, math.floor((full - tat) / interval))
    tat = tat + granted * interval
    if granted < wanted then wait = tat + interval - full end
end

redis.call('HSET', KEYS[1], 'tat', string.format('%.0f', tat),
           'hold', string.format('%.0f', hold))
local ends = math.max(tat, hold) - now
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(ends / 1000) + 1000))
return {granted, math.ceil(wait), held}
"""


@dataclass(frozen=True)
class Permits:
    """How many requests may leave now, and in how many seconds the next one may.

    `is_paused` while nobody may, because ChatApp has asked for a pause.
    """

    granted: int
    wait_s: float
    is_paused: bool = False

    def why_paused(self) -> RetryLater:
        text = noop("ChatApp has asked for a pause.")
        return RetryLater(ACCOUNT_PAUSED, text, retry_after=self.wait_s)


class Limiter:
    """Grants permits for requests, together with all who use the same key.

    A quarter of the rate may leave at once, so that no second sees more than 1.25 times
    the rate. Raises RetryLater with the code "limiter_away" while Redis does not
    answer; give the Redis client a socket timeout, here is none.
    """

    def __init__(
        self, redis: Redis, *, rate_per_s: float, key: str = "chatapp:rate"
    ) -> None:
        if not rate_per_s > 0:
            raise ValueError("rate_per_s must be above zero")
        self._script = redis.register_script(SCRIPT)
        self._key = key
        self._interval_us = math.ceil(MICROSECONDS / rate_per_s)
        self._burst = max(1, int(rate_per_s // 4))

    async def take(self, wanted: int = 1) -> Permits:
        """Takes up to `wanted` permits; one that is not used may be given back."""
        if wanted <= 0:
            return Permits(0, 0.0)
        granted, wait_us, is_paused = await self._run(wanted=wanted)
        return Permits(granted, wait_us / MICROSECONDS, bool(is_paused))

    async def give_back(self, n: int) -> None:
        """Returns permits for requests that did not leave."""
        if n > 0:
            await self._run(wanted=-n)

    async def pause(self, seconds: float) -> None:
        """Grants nobody anything for so long, an hour at most; pauses only grow."""
        if seconds > 0:
            await self._run(hold_s=min(seconds, MAX_HOLD_S))

    async def _run(self, *, wanted: int = 0, hold_s: float = 0.0) -> Sequence[int]:
        args = [
            self._interval_us,
            self._burst,
            wanted,
            math.ceil(hold_s * MICROSECONDS),
            int(MAX_HOLD_S * MICROSECONDS),
        ]
        try:
            found: Sequence[int] = await self._script(keys=[self._key], args=args)
        except (RedisError, OSError) as exc:
            raise RetryLater("limiter_away", noop("Redis does not answer.")) from exc
        return found
