"""The worker process: arq's worker, run again whenever Redis was lost."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from typing import ClassVar

import django
import uvloop
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")
try:
    django.setup()
except ImproperlyConfigured as error:
    sys.exit(f"error: {error}")

from arq.cron import CronJob, cron
from arq.typing import WorkerCoroutine
from arq.worker import Worker, create_worker
from redis.exceptions import RedisError

from asgi_app.error_reports import report_errors
from asgi_app.redis import close_redis, open_redis
from asgi_app.resources import Resources, open_resources
from campaigns.heartbeat import Heartbeat
from campaigns.jobs import (
    count_books,
    deliver,
    deserialize,
    import_list,
    keep_connected,
    keep_diary,
    look_after_imports,
    look_through,
    remove_deleted,
    serialize,
    settle,
    sweep,
)

logger = logging.getLogger("worker")

BACKOFF_LEAST_S = 0.5
BACKOFF_MOST_S = 10.0


class WorkerSettings:
    """Read by arq from this very class: what it inherits would be ignored."""

    functions: ClassVar[list[WorkerCoroutine]] = [deliver, import_list]
    cron_jobs: ClassVar[list[CronJob]] = [
        cron(sweep, second=set(range(0, 60, 5)), run_at_startup=True),
        cron(look_after_imports, second={7, 22, 37, 52}),
        cron(settle, second={2, 17, 32, 47}),
        cron(look_through, second={4, 19, 34, 49}),
        cron(count_books, second={40}),
        cron(keep_diary, second={50}, run_at_startup=True),
        cron(remove_deleted, second={8, 23, 38, 53}),
        cron(keep_connected, second={20}, run_at_startup=True),
    ]
    max_jobs = 20
    poll_delay = 0.1
    # Longer than any job: a request (60 s) and the patience of its record (180 s).
    job_timeout = 300
    # A request that is under way is seen through when the worker is told to stop.
    job_completion_wait = 65
    keep_result = 0
    # A signal sets `stopping`, which ends long jobs too.
    handle_signals = False
    health_check_interval = 15
    log_results = False
    job_serializer = serialize
    job_deserializer = deserialize


async def main() -> None:
    """Works until a signal says stop."""
    report_errors()
    # What is there by now stays: the collector need not look through it again.
    gc.collect()
    gc.freeze()
    async with open_resources(has_pages=False) as resources:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(
                number, resources.stopping.set
            )
        await serve(resources)


async def serve(resources: Resources) -> None:
    """Works until told to stop, and says that it is there."""
    resources.lifelines.hold(resources.worker_name)
    heartbeat = Heartbeat(resources.worker_name, resources.timings)
    beating = asyncio.create_task(heartbeat.keep_beating())
    try:
        await _keep_working(resources, heartbeat)
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await heartbeat.stop()


async def _keep_working(resources: Resources, heartbeat: Heartbeat) -> None:
    """Comes back by itself when Redis does."""
    backoff_s = BACKOFF_LEAST_S
    while not resources.stopping.is_set():
        try:
            await resources.redis.ping()
            backoff_s = BACKOFF_LEAST_S
            await _work(resources, heartbeat)
        except (RedisError, OSError) as error:
            logger.warning("Redis is away (%s), looking again", error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(backoff_s):
                await resources.stopping.wait()
        backoff_s = min(backoff_s * 2, BACKOFF_MOST_S)


async def _work(resources: Resources, heartbeat: Heartbeat) -> None:
    """Runs one worker of arq's until it is told to stop or loses Redis."""
    worker: Worker = create_worker(
        WorkerSettings,  # type: ignore[arg-type]
        redis_pool=open_redis(),
        ctx={"resources": resources, "heartbeat": heartbeat},
    )
    stopper = asyncio.create_task(_stop(worker, resources.stopping))
    try:
        await worker.async_run()
    except asyncio.CancelledError:
        if not resources.stopping.is_set():
            raise
    finally:
        stopper.cancel()
        await _close(worker)


async def _stop(worker: Worker, stopping: asyncio.Event) -> None:
    """Once told to stop, picks no more jobs and waits for those under way."""
    await stopping.wait()
    worker.handle_sig_wait_for_completion(signal.SIGTERM)


async def _close(worker: Worker) -> None:
    """Sees through what is under way, whether Redis is there or not."""
    await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
    with contextlib.suppress(RedisError, OSError):
        await worker.pool.delete(worker.health_check_key)
    await close_redis(worker.pool)


if __name__ == "__main__":
    try:
        uvloop.run(main())
    except ImproperlyConfigured as error:
        sys.exit(f"error: {error}")
