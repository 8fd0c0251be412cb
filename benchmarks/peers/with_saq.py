"""SAQ with a job a message: `python -m benchmarks.peers.with_saq`."""

from __future__ import annotations

from typing import Any

import uvloop
from saq import Queue, Worker

from benchmarks.peers.mailer import open_mailer
from benchmarks.peers.work import IN_FLIGHT, Work


async def send(ctx: dict[str, Any], *, message_id: int, phone: str) -> None:
    await ctx["mailer"].send(message_id, phone)


async def main() -> None:
    told = Work.told()
    queue = Queue.from_url(told.redis_url)
    for message_id, phone in told.messages():
        # A ttl of -1 keeps no result.
        await queue.enqueue("send", message_id=message_id, phone=phone, ttl=-1)
    async with open_mailer(told) as mailer:
        worker = Worker(queue, [send], concurrency=IN_FLIGHT)
        worker.context["mailer"] = mailer
        await worker.start()


if __name__ == "__main__":
    uvloop.run(main())
