"""How many statuses a second are taken in, durably, and how long an answer takes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks import load, rows
from benchmarks.figures import Figure, at_least, at_most, percentile
from benchmarks.rig import Rig, serving
from campaigns.models import Campaign, Message

CONNECTIONS = 64
BATCH = 50
ROUNDS = 3
SECRET = "benchmarks-callback-secret"
PATH = f"/webhooks/chatapp/{SECRET}/"
PER_S = 500
APPLIED_WITHIN_S = 120.0


def measure(rig: Rig, count: int) -> list[Figure]:
    ours: list[float] = []
    bare: list[float] = []
    with _site(rig) as port, _bare(rig) as bare_port, rig.beside():
        for _ in range(ROUNDS):
            bodies = _bodies(rows.accepted(rows.line_of(), count), 1)
            bare.append(_rate(bare_port, bodies))
            ours.append(_rate(port, bodies))
        latency = asyncio.run(
            load.at_a_rate(
                port,
                PATH,
                _bodies(rows.accepted(rows.line_of(), count), 1),
                per_s=PER_S,
                connections=CONNECTIONS,
            )
        )
        campaign = rows.accepted(rows.line_of(), 10 * count)
        stored, lags = asyncio.run(
            _applied(port, _bodies(campaign, BATCH), campaign.pk)
        )
    return [
        Figure(
            "callbacks",
            median(ours),
            "statuses/s",
            at_least(0.8, of_ratio=True),
            "a view that answers 200",
            median(bare),
        ),
        Figure(
            "callback_latency",
            percentile(latency.took_s, 0.99) * 1000,
            f"ms p99 at {PER_S}/s",
            at_most(25),
        ),
        Figure("callbacks batch", stored * BATCH, "statuses/s", at_least(10_000)),
        Figure("callbacks applied", percentile(lags, 0.99), "s p99", at_most(1)),
    ]


def rate(rig: Rig, count: int) -> float:
    """Statuses a second, one a request."""
    with _site(rig) as port, rig.beside():
        return _rate(port, _bodies(rows.accepted(rows.line_of(), count), 1))


def _rate(port: int, bodies: list[bytes]) -> float:
    return asyncio.run(
        load.as_fast_as_possible(port, PATH, bodies, connections=CONNECTIONS)
    ).per_s


async def _applied(
    port: int, bodies: list[bytes], campaign_id: int
) -> tuple[float, list[float]]:
    """Requests a second, and how long after its answer each status was applied."""
    sending = asyncio.create_task(
        load.as_fast_as_possible(port, PATH, bodies, connections=CONNECTIONS)
    )
    seen: list[tuple[float, int]] = []
    total = await asyncio.to_thread(_delivered, campaign_id, of="total")
    until = time.perf_counter() + APPLIED_WITHIN_S
    while not seen or seen[-1][1] < total:
        count = await asyncio.to_thread(_delivered, campaign_id)
        seen.append((time.perf_counter(), count))
        if time.perf_counter() > until:
            raise RuntimeError(f"only {count} of {total} statuses were applied")
        await asyncio.sleep(0.02)
    answers = await sending
    lags = []
    for number, answered_at in enumerate(sorted(answers.at)):
        applied_at = next(at for at, count in seen if count >= (number + 1) * BATCH)
        lags.append(max(applied_at - answered_at, 0.0))
    return answers.per_s, lags


def _delivered(campaign_id: int, *, of: str = "delivered") -> int:
    found = Campaign.objects.values_list(of, flat=True).get(pk=campaign_id)
    return int(found)


def _bodies(campaign: Campaign, size: int) -> list[bytes]:
    """One *delivered* for each message, so many in a callback."""
    ids = list(
        Message.objects.filter(campaign=campaign)
        .order_by("id")
        .values_list("message_id", "phone")
    )
    return [
        json.dumps(
            {
                "meta": {
                    "type": "messageStatus",
                    "licenseId": "100",
                    "messengerType": "grWhatsApp",
                },
                "data": [
                    {
                        "id": message_id,
                        "type": "delivered",
                        "time": 1_795_600_000,
                        "chat": {"phone": phone.lstrip("+")},
                    }
                    for message_id, phone in ids[start : start + size]
                ],
            }
        ).encode()
        for start in range(0, len(ids), size)
    ]


@contextmanager
def _site(rig: Rig) -> Iterator[int]:
    with serving(
        rig, ["-m", "asgi_app.web", "--port", "{port}"], {"WEBHOOK_SECRET": SECRET}
    ) as port:
        yield port


@contextmanager
def _bare(rig: Rig) -> Iterator[int]:
    argv = ["-m", "uvicorn", "benchmarks.bare_view:application", "--port", "{port}"]
    quiet = ["--log-level", "warning", "--lifespan", "off", "--no-access-log"]
    with serving(rig, [*argv, *quiet], {}) as port:
        yield port
