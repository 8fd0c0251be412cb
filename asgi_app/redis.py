"""The connection to Redis: arq's queue, the token lock, the limiter, the attempts."""

from __future__ import annotations

from arq.connections import ArqRedis
from django.conf import settings
from redis.asyncio import ConnectionPool
from redis.asyncio.sentinel import Sentinel

from asgi_app.env import SettingError
from asgi_app.valkey import kept_address
from asgi_app.values import read_sentinel
from campaigns.jobs import deserialize, serialize

TIMEOUTS_S = {"socket_timeout": 5.0, "socket_connect_timeout": 2.0}


def open_redis() -> ArqRedis:
    """Opens the Redis of the settings; nothing is connected before the first use.

    Without any it is the private one of `make run`; raises SettingError where none was
    ever started.
    """
    if settings.REDIS_SENTINEL:
        hosts, master = read_sentinel(settings.REDIS_SENTINEL)
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            hosts, sentinel_kwargs=TIMEOUTS_S, **TIMEOUTS_S
        )
        queue: ArqRedis = sentinel.master_for(master, redis_class=ArqRedis)
    else:
        address = settings.REDIS_URL or kept_address(settings.VAR_DIR / "valkey")
        if not address:
            raise SettingError("REDIS_URL", "not set, and `make run` has started none")
        queue = ArqRedis(ConnectionPool.from_url(address, **TIMEOUTS_S))
    queue.job_serializer = serialize
    queue.job_deserializer = deserialize
    return queue
