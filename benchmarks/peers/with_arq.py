"""arq with a job a message: `python -m benchmarks.peers.with_arq`."""

from __future__ import annotations

from typing import Any

import uvloop
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import Worker

from benchmarks.peers.mailer import open_mailer
from benchmarks.peers.work import IN_FLIGHT, Work

# At its default, half a second, a worker starts 100 jobs and waits out the rest of it.
POLL_S = 0.01


async def send(ctx: dict[str, Any], message_id: int, phone: str) -> None:
    await ctx["mailer"].send(message_id, phone)


async def main() -> None:
    told = Work.told()
    redis = await create_pool(RedisSettings.from_dsn(told.redis_url))
    for message_id, phone in told.messages():
        await redis.enqueue_job("send", message_id, phone)
    async with open_mailer(told) as mailer:
        worker = Worker(
            [send],
            redis_pool=redis,
            ctx={"mailer": mailer},
            max_jobs=IN_FLIGHT,
            poll_delay=POLL_S,
            keep_result=0,
            log_results=False,
        )
        await worker.async_run()


if __name__ == "__main__":
    uvloop.run(main())
