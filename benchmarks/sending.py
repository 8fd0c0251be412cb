"""How fast a line sends, beside a bare loop of the same client that stores nothing."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from statistics import median

import httpx
import uvloop

from asgi_app.database import in_orm, open_door
from benchmarks.figures import Figure, at_least, at_most
from benchmarks.rig import Rig
from campaigns.courier import Courier
from campaigns.ledger import Ledger
from campaigns.models import Campaign
from campaigns.pacing import Delays
from campaigns.sending import Sending
from campaigns.states import Pacing
from chatapp.calls import Calls
from chatapp.client import ChatApp
from chatapp.limiter import Limiter, Permits
from chatapp.models import Line
from chatapp.transport import ChatAppTransport, open_http
from chatapp.types import LineKey
from tests.campaigns import lists

LINE = LineKey("100", "grWhatsApp")
IN_FLIGHT = 100
ROUNDS = 3
# At this pace the CPU of a message is told.
STEADY_PER_S = 40


class OneToken:
    async def access(self) -> str:
        return "token"

    async def renew(self, *, stale: str) -> str:
        return "token"


class NoLimit(Limiter):
    """Grants whatever is asked for: the limit is not what is measured."""

    def __init__(self) -> None:
        """Needs no Redis."""

    async def take(self, count: int = 1) -> Permits:
        return Permits(count, 0.0)

    async def give_back(self, count: int) -> None:
        return None

    async def hold(self, seconds: float) -> None:
        return None


@dataclass(frozen=True)
class Pace:
    per_s: float
    cpu_ms: float


def measure(rig: Rig, count: int) -> list[Figure]:
    """`send` and `send_cpu`: ours and the bare loop, one after the other."""
    ours, bare = [], []
    for number in range(ROUNDS):
        bare.append(uvloop.run(_bare(rig, count)))
        ours.append(uvloop.run(send_all(rig, count, start=number * count)))
    steady = uvloop.run(_steady(rig, count // 20, start=ROUNDS * count))
    bare_steady = uvloop.run(_bare_steady(rig, count // 20))
    return [
        Figure(
            "send",
            median([pace.per_s for pace in ours]),
            "messages/s",
            at_least(0.70, of_ratio=True),
            "bare loop",
            median([pace.per_s for pace in bare]),
        ),
        Figure(
            "send_cpu",
            steady.cpu_ms,
            "ms/message",
            at_most(1.0),
            f"bare loop at {STEADY_PER_S}/s",
            bare_steady.cpu_ms,
            usual=(0.5, 1.6),
        ),
    ]


async def _bare(rig: Rig, count: int) -> Pace:
    """What one would write oneself: httpx on the same transport, and nothing more."""
    async with _plain_http(rig) as http:
        left = iter(range(count))

        async def go_on() -> None:
            for number in left:
                await _post(http, number)

        watch = _Watch()
        await asyncio.gather(*(go_on() for _ in range(IN_FLIGHT)))
        return watch.read(count)


async def _bare_steady(rig: Rig, count: int) -> Pace:
    """The same at the pace of `_steady`: a process that mostly waits costs more."""
    async with _plain_http(rig) as http:
        await _post(http, 0)
        tasks = []
        watch = _Watch()
        for number in range(count):
            await asyncio.sleep(1 / STEADY_PER_S)
            tasks.append(asyncio.create_task(_post(http, number)))
        await asyncio.gather(*tasks)
        return watch.read(count)


def _plain_http(rig: Rig) -> httpx.AsyncClient:
    transport = ChatAppTransport(limits=httpx.Limits(max_connections=200))
    return httpx.AsyncClient(transport=transport, base_url=rig.api_url)


async def _post(http: httpx.AsyncClient, number: int) -> None:
    answer = await http.post(
        f"/v1/licenses/100/messengers/grWhatsApp/chats/7999{number:07d}/messages/text",
        json={"text": "Hello", "tracking": f"{number:024x}"},
        headers={"Authorization": "token"},
    )
    assert answer.json()["data"]["id"]


async def send_all(rig: Rig, count: int, *, start: int) -> Pace:
    """The pace of a campaign whose messages are all due at once."""
    line = await in_orm(_line)
    campaign = await in_orm(
        lists.running,
        line,
        count,
        start=start,
        pacing=Pacing.EACH_ON_ITS_OWN,
        delays=Delays(0, 0, random.Random(1)),
    )
    async with open_http(rig.api_url) as http:
        sending = _sending(http, Delays(0, 0, random.Random(1)))
        watch = _Watch()
        while await sending.serve(line.pk) is not None:
            pass
        pace = watch.read(count)
        await sending.ledger._door.close()
    done = await in_orm(Campaign.objects.get, pk=campaign.pk)
    assert done.accepted == count, "not everything was sent"
    return pace


async def _steady(rig: Rig, count: int, *, start: int) -> Pace:
    """As many a second as ChatApp allows, each with a moment of its own."""
    line = await in_orm(_line)
    spread = count / STEADY_PER_S
    delays = Delays(0, spread, random.Random(1))
    await in_orm(
        lists.running,
        line,
        count,
        start=start,
        pacing=Pacing.EACH_ON_ITS_OWN,
        delays=delays,
    )
    async with open_http(rig.api_url) as http:
        sending = _sending(http, delays)
        watch = _Watch()
        while (again_at := await sending.serve(line.pk)) is not None:
            now = await sending.ledger.now()
            await asyncio.sleep(max((again_at - now).total_seconds(), 0))
        pace = watch.read(count)
        await sending.ledger._door.close()
    return pace


def _sending(http: httpx.AsyncClient, delays: Delays) -> Sending:
    ledger = Ledger(open_door(), worker="bench")
    limiter = NoLimit()
    chatapp = ChatApp(Calls(http), OneToken(), limiter)
    courier = Courier(ledger, chatapp, random.Random(1))
    return Sending(ledger, courier, OneToken(), limiter, delays)


def _line() -> Line:
    line, _ = Line.objects.get_or_create(
        licence_id=LINE.licence_id, messenger=LINE.messenger
    )
    return line


class _Watch:
    """Time and this process's CPU since it was made."""

    def __init__(self) -> None:
        self._at, self._cpu = time.perf_counter(), time.process_time()

    def read(self, count: int) -> Pace:
        took = time.perf_counter() - self._at
        return Pace(count / took, (time.process_time() - self._cpu) * 1000 / count)
