from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.db import OperationalError

from asgi_app.database import Door, in_orm, orm_now
from campaigns import heartbeat
from campaigns.heartbeat import Heartbeat
from campaigns.history import EventKind
from campaigns.ledger import Ledger
from campaigns.ledger.entries import LostClaim
from campaigns.models import Event, LineClock
from campaigns.pacing import Delays
from campaigns.states import Pacing
from campaigns.timings import BOUNDS, Histogram, Timed, Timings, read_histograms
from chatapp.calls import Calls
from chatapp.errors import ChatAppError
from chatapp.models import Line
from chatapp.sandbox.testing import SandboxServer
from chatapp.transport import open_http
from tests.campaigns import lists
from tests.campaigns.browser import change

pytestmark = pytest.mark.usefixtures("transactional_db")


async def histograms() -> dict[tuple[str, str], Histogram]:
    return {(one.kind, one.label): one for one in await in_orm(read_histograms)}


async def count(kind: Timed, label: str) -> int:
    found = (await histograms()).get((kind, label))
    return found.upto["+Inf"] if found else 0


async def test_what_workers_count_is_one_sum_that_outlives_them() -> None:
    one, two = Timings(), Timings()
    first, second = Heartbeat("one", one), Heartbeat("two", two)
    for timings in (one, two):
        timings.add(Timed.ANSWER, "200", 0.05)
        timings.add(Timed.ANSWER, "200", 0.051)
    await first.beat()
    await second.beat()
    await first.beat()
    two.add(Timed.ANSWER, "200", 3600)
    await second.stop()
    found = (await histograms())["answer", "200"]
    assert found.upto["0.025"] == 0
    assert found.upto["0.05"] == 2
    assert found.upto["0.1"] == found.upto["60.0"] == 4
    assert found.upto["+Inf"] == 5
    assert found.total_s == pytest.approx(3600.202, abs=0.001)


async def test_a_time_lies_in_the_first_bucket_that_holds_it() -> None:
    timings = Timings()
    for kind, bounds in BOUNDS.items():
        for upto_ms in bounds:
            timings.add(Timed(kind), "", upto_ms / 1000)
    timings.add(Timed.PAUSE, "", -1)
    taken = {
        (bucket.kind, bucket.upto_ms): its for bucket, its in timings.take().items()
    }
    for kind, bounds in BOUNDS.items():
        for upto_ms in bounds:
            is_first = kind == Timed.PAUSE and upto_ms == bounds[0]
            assert taken[kind, upto_ms].count == 1 + is_first


async def test_a_beat_that_was_lost_loses_no_count_and_doubles_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timings = Timings()
    beat = Heartbeat("one", timings)
    timings.add(Timed.ANSWER, "200", 1)
    with monkeypatch.context() as patch:

        def away() -> None:
            raise OperationalError("gone away")

        # After the counts were written, so that they must be rolled back.
        patch.setattr(heartbeat, "orm_now", away)
        with pytest.raises(OperationalError):
            await beat.beat()
    assert await count(Timed.ANSWER, "200") == 0
    timings.add(Timed.ANSWER, "200", 1)
    await beat.beat()
    await beat.beat()
    assert await count(Timed.ANSWER, "200") == 2


async def test_workers_that_beat_at_once_do_not_overwrite_each_other() -> None:
    beats = []
    for number in range(8):
        timings = Timings()
        beats.append(Heartbeat(f"worker:{number}", timings))
        for code in range(200, 210):
            timings.add(Timed.ANSWER, str(code), 1)
    # A beat that gives way to another keeps its counts for the next.
    await asyncio.gather(*(beat.beat() for beat in beats), return_exceptions=True)
    for beat in beats:
        await beat.beat()
    for code in range(200, 210):
        assert await count(Timed.ANSWER, str(code)) == 8


async def claimed(ledger: Ledger, line: Line) -> None:
    state = await ledger.look(line.pk)
    assert state is not None and state.head is not None
    if state.head.pacing == Pacing.EACH_ON_ITS_OWN:
        await ledger.begin_delays(state.head)
        state = await ledger.look(line.pk)
        assert state is not None
    await ledger.claim(state, await ledger.find_due(state, 1))


async def test_a_claim_tells_its_pause_and_how_late_it_is(
    door: Door, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    now = await in_orm(orm_now)
    late = now - timedelta(seconds=40)
    await change(campaign, woken_at=late - timedelta(hours=1))
    await in_orm(LineClock.objects.update, next_at=late, pause_ms=12_345)
    timings = Timings()
    await claimed(Ledger(door, timings=timings), line)
    taken = timings.take()
    buckets = {(b.kind, b.label, b.upto_ms): its.total_ms for b, its in taken.items()}
    pacing = Pacing.ONE_AFTER_ANOTHER
    assert buckets[Timed.PAUSE, pacing, 15_000] == 12_345
    assert 40_000 <= buckets[Timed.LATENESS, pacing, 60_000] < 60_000


async def test_who_starts_on_an_idle_line_was_not_late_before(
    door: Door, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    now = await in_orm(orm_now)
    await change(campaign, woken_at=now)
    await in_orm(LineClock.objects.update, next_at=now - timedelta(days=3))
    timings = Timings()
    await claimed(Ledger(door, timings=timings), line)
    (late,) = [b for b in timings.take() if b.kind == Timed.LATENESS]
    assert late.upto_ms < 60_000
    event = await in_orm(Event.objects.get, kind=EventKind.CLAIMED)
    assert event.detail["planned_at"] == now.isoformat()


async def test_each_on_its_own_tells_the_delay_that_was_drawn_for_the_message(
    door: Door, line: Line, delays: Delays
) -> None:
    pacing = Pacing.EACH_ON_ITS_OWN
    none = Delays(0, 0, delays.source)
    await in_orm(lists.running, line, 2, pacing=pacing, delays=none)
    timings = Timings()
    await claimed(Ledger(door, timings=timings), line)
    found = {(b.kind, b.label): b.upto_ms for b in timings.take()}
    assert found[Timed.PAUSE, pacing] == 1_000
    assert (Timed.LATENESS, pacing) in found


async def test_a_claim_that_was_lost_is_not_timed(door: Door, line: Line) -> None:
    await in_orm(lists.running, line, 2)
    timings = Timings()
    ours, theirs = Ledger(door, timings=timings), Ledger(door)
    state = await ours.look(line.pk)
    assert state is not None
    due = await ours.find_due(state, 1)
    await claimed(theirs, line)
    with pytest.raises(LostClaim):
        await ours.claim(state, due)
    assert not timings.take()


async def test_answers_are_told_by_their_status_and_what_is_none_by_its_reason(
    sandbox: SandboxServer,
) -> None:
    told: list[str] = []

    def timed(code: str, seconds: float) -> None:
        assert 0 <= seconds < 10
        told.append(code)

    async with open_http(sandbox.url) as http:
        calls = Calls(http, timed=timed)
        await calls.make_token(email="a@b.c", password="p", app_id="app")
        for knob in ("error_before", "close_before"):
            sandbox.knobs.set(knob, on="tokens", count=1)
            with pytest.raises(ChatAppError):
                await calls.make_token(email="a@b.c", password="p", app_id="app")
    async with open_http("http://127.0.0.1:9") as http:
        with pytest.raises(ChatAppError):
            await Calls(http, timed=timed).call("GET", "/v1/licenses")
    assert told == ["200", "502", "hung_up", "not_reached"]
