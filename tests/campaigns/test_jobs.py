from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from arq.connections import ArqRedis
from arq.constants import default_queue_name
from redis.asyncio import ConnectionPool

from asgi_app.database import DatabaseAway, in_orm
from asgi_app.valkey import PrivateValkey
from campaigns.jobs import (
    Doorbell,
    deliver,
    deserialize,
    keep_connected,
    serialize,
    sweep,
)
from campaigns.ledger import Ledger
from campaigns.ledger.entries import Outcome
from campaigns.lifelines import Lifelines
from campaigns.models import LineClock
from campaigns.pacing import Delays
from campaigns.states import MessageStatus
from chatapp.errors import TokenUnavailable
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.test_audit import heard


@pytest.fixture
async def queue(valkey: PrivateValkey) -> AsyncIterator[ArqRedis]:
    queue = ArqRedis(
        ConnectionPool.from_url(valkey.url),
        job_serializer=serialize,
        job_deserializer=deserialize,
    )
    await queue.flushall()
    yield queue
    await queue.aclose(close_connection_pool=True)


async def rung(queue: ArqRedis) -> dict[str, float]:
    """Seconds from now to each ring, by its id."""
    (seconds, micros), jobs = (
        await queue.time(),
        await queue.zrange(default_queue_name, 0, -1, withscores=True),
    )
    now = seconds + micros / 1e6
    return {job.decode(): score / 1000 - now for job, score in jobs}


@dataclass
class StandIn:
    """A line's loop that only says when to look again, or that the database is away."""

    again_at: datetime | None = None
    error: Exception | None = None
    served: list[int] = field(default_factory=list)

    async def serve(self, line_id: int) -> datetime | None:
        self.served.append(line_id)
        if self.error:
            raise self.error
        return self.again_at


@dataclass
class Resources:
    ledger: Ledger
    sending: StandIn
    doorbell: Doorbell
    lifelines: Lifelines
    delays: Delays

    async def keep_connected(self) -> None:
        raise TokenUnavailable("log_in_refused", "Wrong password")


@pytest.fixture
def resources(
    ledger: Ledger, queue: ArqRedis, delays: Delays, tmp_path: Path
) -> Resources:
    lifelines = Lifelines(tmp_path / "workers")
    return Resources(ledger, StandIn(), Doorbell(queue), lifelines, delays)


async def test_a_ring_is_a_plain_json_job(queue: ArqRedis) -> None:
    assert await Doorbell(queue).ring(7, timedelta(), name="start")
    body = await queue.get("arq:job:deliver:7:start")
    assert body is not None and deserialize(body)["a"] == [7]


async def test_the_same_moment_rings_once(queue: ArqRedis, ledger: Ledger) -> None:
    now = await ledger.now()
    doorbell = Doorbell(queue)
    for _ in range(3):
        await doorbell.ring_at(7, now + timedelta(seconds=30), now)
    ((_, wait_s),) = (await rung(queue)).items()
    assert 28 < wait_s < 31


async def test_ringing_without_redis_is_no_error() -> None:
    async with ArqRedis(host="127.0.0.1", port=9) as nowhere:
        assert not await Doorbell(nowhere).ring(7, timedelta(), name="start")


async def test_a_delivery_rings_for_what_comes_next(
    resources: Resources, queue: ArqRedis
) -> None:
    resources.sending.again_at = await resources.ledger.now() + timedelta(seconds=20)
    await deliver({"resources": resources}, 7)
    await deliver({"resources": resources}, 7)
    ((name, wait_s),) = (await rung(queue)).items()
    assert name.startswith("deliver:7:")
    assert 18 < wait_s < 21


async def test_a_delivery_with_nothing_left_rings_nobody(
    resources: Resources, queue: ArqRedis
) -> None:
    await deliver({"resources": resources}, 7)
    assert await rung(queue) == {}


async def test_while_the_database_is_away_jobs_end_quietly(
    resources: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    resources.sending.error = DatabaseAway("gone")
    await deliver({"resources": resources}, 7)
    assert "the database is away" in caplog.text
    assert "Traceback" not in caplog.text


async def test_the_sweep_rings_an_overdue_line_under_a_new_name(
    resources: Resources, queue: ArqRedis, line: Line
) -> None:
    await in_orm(lists.running, line, 2)
    long_ago = await resources.ledger.now() - timedelta(seconds=30)
    await in_orm(lambda: LineClock.objects.update(next_at=long_ago))
    # The old ring's id is taken, as after the kill of a worker.
    name = f"{long_ago.timestamp() * 1000:.0f}"
    await queue.set(f"arq:job:deliver:{line.pk}:{name}", b"held")
    await sweep({"resources": resources})
    assert next(iter(await rung(queue))).startswith(f"deliver:{line.pk}:sweep:")


async def test_the_sweep_leaves_a_line_alone_whose_pause_is_not_over(
    resources: Resources, queue: ArqRedis, line: Line
) -> None:
    await in_orm(lists.running, line, 2)
    await sweep({"resources": resources})
    assert await rung(queue) == {}


async def test_the_sweep_gives_up_claims_past_their_deadline(
    resources: Resources, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    state = await resources.ledger.look(line.pk)
    assert state is not None
    due = await resources.ledger.find_due(state, 1)
    await resources.ledger.claim(state, due, for_s=-1)
    await sweep({"resources": resources})
    assert await in_orm(lists.counts, campaign) == {"waiting": 1, "unsure": 1}


async def test_a_refused_log_in_is_one_line_in_the_log(
    resources: Resources, caplog: pytest.LogCaptureFixture
) -> None:
    await keep_connected({"resources": resources})
    assert "log_in_refused" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_job_that_came_too_early_rings_for_the_same_moment_again(
    queue: ArqRedis, ledger: Ledger
) -> None:
    now = await ledger.now()
    at, doorbell = now + timedelta(seconds=30), Doorbell(queue)
    own = f"deliver:7:{at.timestamp() * 1000:.0f}"
    for _ in range(2):
        # A job's own id is taken for as long as it runs.
        await queue.set(f"arq:job:{own}", b"running")
        await doorbell.ring_at(7, at, now, own=own)
        ((name, wait_s),) = (await rung(queue)).items()
        assert 28 < wait_s < 31
        await queue.zrem(default_queue_name, name)
        own = name


async def test_the_sweep_applies_what_found_its_message_on_the_shelf(
    resources: Resources, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    ledger = resources.ledger
    state = await ledger.look(line.pk)
    assert state is not None
    due = await ledger.find_due(state, 1)
    (claimed,) = (await ledger.claim(state, due)).messages
    at = await ledger.now()
    accepted = Outcome(claimed, MessageStatus.ACCEPTED, at, message_id="id")
    await ledger.record(accepted)
    # Its process was killed between the shelf and the message.
    await ledger.shelve(heard("id", "delivered"))
    await sweep({"resources": resources})
    assert await in_orm(lists.counts, campaign) == {"delivered": 1}
