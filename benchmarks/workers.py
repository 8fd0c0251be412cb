"""Whether two workers send nearly twice what one does, on four lines.

`python -m benchmarks.workers API_URL SLOTS LINE…` is such a worker: it serves its lines
until nothing waits on them, with so many in flight on each.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from statistics import median

import uvloop

from benchmarks.figures import Figure, at_least
from benchmarks.rig import Rig, stand_in

API_S = 0.2
IN_FLIGHT = 100
LINES = 4
ROUNDS = 3


def measure(rig: Rig, count: int) -> list[Figure]:
    one, two = [], []
    with rig.beside(), stand_in(API_S) as api_url:
        for _ in range(ROUNDS):
            one.append(_rate(rig, api_url, count, workers=1))
            two.append(_rate(rig, api_url, count, workers=2))
    return [
        Figure(
            "workers",
            median(two),
            "messages/s",
            at_least(1.8, of_ratio=True),
            "one worker",
            median(one),
        )
    ]


def _rate(rig: Rig, api_url: str, count: int, *, workers: int) -> float:
    """Messages a second of so many workers, each with IN_FLIGHT of them."""
    from benchmarks import rows
    from campaigns.models import Campaign

    lines = [rows.line_of(200 + number) for number in range(LINES)]
    campaigns = [rows.running(line, count // LINES) for line in lines]
    share = LINES // workers
    processes = []
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {rig.measured})
    for first in range(0, LINES, share):
        argv = [sys.executable, "-m", "benchmarks.workers", api_url]
        argv += [str(IN_FLIGHT // share)]
        argv += [str(line.pk) for line in lines[first : first + share]]
        env = {**os.environ, **rig.settings}
        processes.append(
            subprocess.Popen(
                argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        )
    os.sched_setaffinity(0, before)
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    began = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
    for process in processes:
        if process.wait() != 0:
            raise RuntimeError("a worker failed")
    took_s = time.perf_counter() - began
    for campaign in campaigns:
        done = Campaign.objects.get(pk=campaign.pk)
        assert done.accepted == done.total, "not everything was sent"
    return count / took_s


async def _work(api_url: str, slots: int, line_ids: list[int]) -> None:
    from asgi_app.database import open_door
    from benchmarks.sending import NoLimit, OneToken
    from campaigns.courier import Courier
    from campaigns.each_on_its_own import EachOnItsOwn
    from campaigns.ledger import Ledger
    from campaigns.pacing import Delays
    from chatapp.calls import Calls
    from chatapp.client import ChatApp
    from chatapp.transport import open_http

    limiter, delays = NoLimit(), Delays(0, 0, random.Random(1))
    ledger = Ledger(open_door())
    async with open_http(api_url) as http:
        chatapp = ChatApp(Calls(http), OneToken(), limiter)
        courier = Courier(ledger, chatapp, random.Random(1))

        async def serve(line_id: int) -> None:
            while (state := await ledger.look(line_id)) and state.head:
                await EachOnItsOwn(
                    ledger=ledger,
                    courier=courier,
                    limiter=limiter,
                    delays=delays,
                    is_stopping=lambda: False,
                    slots=slots,
                ).serve(state)

        await ledger.now()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await asyncio.gather(*(serve(line_id) for line_id in line_ids))


if __name__ == "__main__":
    import django

    django.setup()
    uvloop.run(_work(sys.argv[1], int(sys.argv[2]), [int(a) for a in sys.argv[3:]]))
