"""The program as it runs, web and worker: lateness, recovery, and what idling costs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import redis

from asgi_app.database import orm_now
from asgi_app.valkey import free_port
from benchmarks import load, rows
from benchmarks.exports import memory_mb
from benchmarks.figures import Figure, at_most, percentile
from benchmarks.rig import Rig, running, wait_for
from campaigns.models import Campaign, Message
from chatapp.models import Line
from chatapp.sandbox.licences import GR_LICENCE_ID

# Just below what ChatApp lets through, so that nothing queues behind the limiter.
PER_S = 38
CALLBACKS_PER_S = 100
SECRET = "benchmarks-callback-secret"
IDLE_S = 20.0
LONGEST_S = 180.0
_WORKER = ["worker.py"]


def measure(rig: Rig, count: int) -> list[Figure]:
    """`pace`, `recovery` and `idle`, with the sandbox as ChatApp."""
    with rig.beside(), _sandbox() as api_url:
        more = {"CHATAPP_BASE_URL": api_url, "WEBHOOK_SECRET": SECRET}
        port = free_port()
        web = ["-m", "asgi_app.web", "--port", str(port)]
        with running(rig, web, more) as site, ExitStack() as stack:
            worker = stack.enter_context(running(rig, _WORKER, more))
            wait_for(port)
            line = _first_line()
            found = _idle(rig, site.pid, worker.pid)
            found += _pace(line, count, port)
            campaign = rows.running(line, 100 * PER_S, spread_ms=100_000)
            _until(lambda: _fresh(campaign).accepted > PER_S)
            worker.kill()
            worker.wait()
            killed_at, began = orm_now(), time.perf_counter()
            stack.enter_context(running(rig, _WORKER, more))
            sent = Message.objects.filter(campaign=campaign, claimed_at__gt=killed_at)
            _until(sent.exists)
            took_s = time.perf_counter() - began
        return [*found, Figure("recovery", took_s, "s", at_most(10))]


def _pace(line: Line, count: int, port: int) -> list[Figure]:
    quiet = _lateness_ms(rows.running(line, count, spread_ms=count * 1000 // PER_S))
    busy = rows.running(line, count, spread_ms=count * 1000 // PER_S)
    bodies = [b'{"meta":{"type":"chatTag"},"data":[{"id":"1"}]}'] * (
        count * CALLBACKS_PER_S // PER_S
    )
    asyncio.run(
        load.at_a_rate(
            port,
            f"/webhooks/chatapp/{SECRET}/",
            bodies,
            per_s=CALLBACKS_PER_S,
            connections=8,
        )
    )
    loaded = _lateness_ms(busy)
    return [
        Figure("pace", percentile(quiet, 0.99), "ms p99 late", at_most(150)),
        Figure("pace loaded", percentile(loaded, 0.99), "ms p99 late", at_most(150)),
        Figure("pace early", -min(*quiet, *loaded, 0.0), "ms", at_most(0)),
    ]


def _lateness_ms(campaign: Campaign) -> list[float]:
    _until(lambda: not (_fresh(campaign).waiting or _fresh(campaign).claimed))
    begun = _fresh(campaign).delays_from
    assert begun is not None
    told = Message.objects.filter(campaign=campaign).values_list(
        "claimed_at", "delay_ms"
    )
    return [_late_ms(at, begun + timedelta(milliseconds=ms)) for at, ms in told]


def _late_ms(at: datetime | None, due: datetime) -> float:
    assert at is not None
    # Delays are drawn in whole milliseconds.
    return round((at - due).total_seconds() * 1000)


def _idle(rig: Rig, *pids: int) -> list[Figure]:
    # What a start takes, and the connection to ChatApp, is not idling.
    time.sleep(IDLE_S / 2)
    client = redis.Redis.from_url(rig.redis_url)
    cpu, calls, began = _cpu_s(pids), _calls(client), time.perf_counter()
    time.sleep(IDLE_S)
    took_s = time.perf_counter() - began
    used = (_cpu_s(pids) - cpu) / took_s * 100
    asked = (_calls(client) - calls) / took_s
    client.close()
    most = max(memory_mb(pid, "VmRSS") for pid in pids)
    return [
        Figure("idle", used, "% of a core", at_most(1)),
        Figure("idle redis", asked, "calls/s", at_most(20)),
        Figure("idle memory", most, "MB each at most", at_most(110)),
    ]


def _cpu_s(pids: tuple[int, ...]) -> float:
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _calls(client: redis.Redis) -> int:
    stats = client.info("stats")
    assert isinstance(stats, dict)
    return int(stats["total_commands_processed"])


def _first_line() -> Line:
    found: list[Line] = []

    def is_there() -> bool:
        # The sandbox's own, not one of the other measurements.
        listed = Line.objects.filter(licence_id=GR_LICENCE_ID, messenger="grWhatsApp")
        found.extend(listed[:1])
        return bool(found)

    _until(is_there)
    return found[0]


def _fresh(campaign: Campaign) -> Campaign:
    return Campaign.objects.get(pk=campaign.pk)


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + LONGEST_S
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError("it took too long")
        time.sleep(0.05)


@contextmanager
def _sandbox() -> Iterator[str]:
    port = free_port()
    argv = [sys.executable, "-m", "chatapp.sandbox", "--port", str(port)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
