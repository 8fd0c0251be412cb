from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
from arq.constants import (
    default_queue_name,
    health_check_key_suffix,
    in_progress_key_prefix,
    job_key_prefix,
    retry_key_prefix,
)
from redis.asyncio import Redis

from campaigns import queue_keys
from campaigns.queue_keys import SHOWN, read_queue


async def put(redis: Redis, name: str, after_s: float, **body: object) -> None:
    due_ms = (time.time() + after_s) * 1000
    await redis.zadd(queue_keys.QUEUE, {name: due_ms})
    if body:
        await redis.set(queue_keys.JOB + name, json.dumps(body))


def test_the_keys_are_those_of_arq() -> None:
    assert default_queue_name == queue_keys.QUEUE
    assert job_key_prefix == queue_keys.JOB
    assert in_progress_key_prefix == queue_keys.IN_PROGRESS
    assert retry_key_prefix == queue_keys.RETRY
    assert default_queue_name + health_check_key_suffix == queue_keys.HEALTH


async def test_an_empty_queue(redis: Redis) -> None:
    queue = await read_queue(redis)
    assert (queue.running, queue.waiting, queue.deferred) == (0, 0, 0)
    assert queue.late == timedelta()
    assert queue.report is None


async def test_it_tells_what_runs_waits_and_is_deferred(redis: Redis) -> None:
    await put(redis, "deliver:7:1", -30, f="deliver", a=[7])
    await put(redis, "deliver:8:1", -20, f="deliver", a=[8])
    await put(redis, "deliver:9:1", 40, f="deliver", a=[9])
    await redis.set("arq:in-progress:deliver:7:1", b"1")
    await redis.set("arq:retry:deliver:7:1", b"2")
    queue = await read_queue(redis)
    assert (queue.running, queue.waiting, queue.deferred) == (1, 1, 1)
    (running,), (waiting,), (deferred,) = (
        queue.running_jobs,
        queue.waiting_jobs,
        queue.deferred_jobs,
    )
    assert (running.function, list(running.args), running.tries) == ("deliver", [7], 2)
    assert list(waiting.args) == [8]
    assert timedelta(seconds=35) < deferred.due_at - queue.now < timedelta(seconds=41)
    # What runs is not late, however long ago it was due.
    assert timedelta(seconds=19) < queue.late < timedelta(seconds=29)


async def test_a_huge_queue_costs_no_more_than_a_small_one(redis: Redis) -> None:
    now_ms = time.time() * 1000
    jobs = {f"deliver:{n}:1": now_ms - 1000 for n in range(3000)}
    later = {f"deliver:{n}:2": now_ms + 60_000 for n in range(3000)}
    await redis.zadd(queue_keys.QUEUE, {**jobs, **later})
    before = (await redis.info("stats"))["total_commands_processed"]
    queue = await read_queue(redis)
    after = (await redis.info("stats"))["total_commands_processed"]
    assert (queue.waiting, queue.deferred) == (3000, 3000)
    assert len(queue.waiting_jobs) == len(queue.deferred_jobs) == SHOWN
    assert after - before < 3 * SHOWN + 20


async def test_of_a_huge_body_little_is_read(redis: Redis) -> None:
    await put(redis, "deliver:7:12", -1)
    await redis.set("arq:job:deliver:7:12", b'{"f": "x' + b"y" * 5_000_000)
    before = (await redis.info("stats"))["total_net_output_bytes"]
    (job,) = (await read_queue(redis)).waiting_jobs
    after = (await redis.info("stats"))["total_net_output_bytes"]
    assert job.function == "deliver:7"
    assert after - before < 50_000


@pytest.mark.parametrize("body", [b"\xff\x00", b"[1]", b'{"f": 1, "a": "x"}', b"null"])
async def test_a_body_that_is_none_of_ours_is_told_by_its_id(
    redis: Redis, body: bytes
) -> None:
    await put(redis, "odd", float("inf"))
    await redis.set("arq:job:odd", body)
    (job,) = (await read_queue(redis)).deferred_jobs
    assert (job.function, list(job.args)) == ("odd", [])


async def test_the_report_of_arq_is_read(redis: Redis) -> None:
    said = b"Mar-01 17:41:22 j_complete=12 j_failed=3 j_retried=1 j_ongoing=0 queued=1"
    await redis.set("arq:queue:health-check", said)
    report = (await read_queue(redis)).report
    assert report is not None
    assert (report.done, report.failed, report.again) == (12, 3, 1)
