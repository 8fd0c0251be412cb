"""The connection to Redis: arq's queue, the token lock, the limiter, the attempts."""

from __future__ import annotations

from arq.connections import ArqRedis
from django.conf import settings
from redis.asyncio import ConnectionPool, Redis
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
        asking = {"password": settings.REDIS_SENTINEL_PASSWORD or None, **TIMEOUTS_S}
        sentinel = Sentinel(  # type: ignore[no-untyped-call]
            hosts,
            sentinel_kwargs=asking,
            password=settings.REDIS_PASSWORD or None,
            **TIMEOUTS_S,
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


async def close_redis(queue: Redis) -> None:
    """Closes what `open_redis` has opened, the connections to the sentinels too."""
    await queue.aclose(close_connection_pool=True)
    watch: Sentinel | None = getattr(queue.connection_pool, "sentinel_manager", None)
    for sentinel in watch.sentinels if watch else ():
        await sentinel.aclose(close_connection_pool=True)
