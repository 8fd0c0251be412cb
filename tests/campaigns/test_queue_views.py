from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings
from redis.asyncio import Redis

from asgi_app.database import in_orm, orm_now
from campaigns import queue_selectors
from campaigns.ledger import Ledger
from campaigns.models import Campaign, FailedJob, LineClock, ShelvedStatus, WorkerBeat
from campaigns.queue_selectors import read_facts
from campaigns.spool import Spool
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, words

PAGE = "/queue/"


async def seen(ago_s: float = 0, name: str = "host:1", **columns: Any) -> WorkerBeat:
    now = await in_orm(orm_now)
    return await in_orm(
        WorkerBeat.objects.create,
        name=name,
        started_at=now - timedelta(hours=1),
        beat_at=now - timedelta(seconds=ago_s),
        **columns,
    )


async def line_due(line: Line, late_s: float) -> None:
    at = await in_orm(orm_now) - timedelta(seconds=late_s)
    await in_orm(lists.due, line, at)


async def ring(redis: Redis, line_id: int, after_s: float, name: str = "1") -> str:
    job = f"deliver:{line_id}:{name}"
    await redis.zadd("arq:queue", {job: (time.time() + after_s) * 1000})
    await redis.set(f"arq:job:{job}", json.dumps({"f": "deliver", "a": [line_id]}))
    return job


async def test_an_outsider_is_asked_who_he_is(site: Site) -> None:
    answer = await site.http.get(PAGE, auth=("anna", "wrong"))
    assert answer.status_code == 401


async def test_with_a_worker_and_nothing_to_do_it_says_so(site: Site) -> None:
    await seen()
    answer = await site.get(PAGE)
    said = words(answer)
    assert "Nothing waits. The worker is there." in said
    assert "The queue is empty." in said
    assert "No line has anything to send." in said
    assert "No job has failed." in said
    assert answer.headers["Refresh"] == "5"
    assert "Refresh" not in (await site.get(f"{PAGE}?reload=off")).headers


async def test_a_sweep_to_come_is_nothing_that_waits(site: Site, redis: Redis) -> None:
    await seen()
    await redis.zadd("arq:queue", {"cron:sweep:1": (time.time() + 4) * 1000})
    await redis.set("arq:job:cron:sweep:1", json.dumps({"f": "cron:sweep", "a": []}))
    said = words(await site.get(PAGE))
    assert "Nothing waits. The worker is there." in said
    assert "sweep: rings late lines" in said


async def test_without_any_worker_it_says_that_nothing_leaves(site: Site) -> None:
    assert "No worker is there: nothing leaves" in words(await site.get(PAGE))


async def test_a_silent_worker_is_not_alive(site: Site) -> None:
    await seen(ago_s=40)
    said = words(await site.get(PAGE))
    assert "No worker has been seen for 40 s" in said
    assert "silent" in said
    assert "0 workers alive" in said


async def test_a_worker_tells_how_many_jobs_it_did_and_when(site: Site) -> None:
    at = (await in_orm(orm_now) - timedelta(minutes=5)).isoformat()
    tally = {"ended": 1200, "failed": 2, "last_at": at}
    await seen(jobs={"sweep": tally})
    said = words(await site.get(PAGE))
    assert "1,200 ended" in said and "2 with an error" in said
    assert "5 min ago, late" in said


async def test_a_doorbell_is_told_in_words_with_a_link(
    site: Site, redis: Redis, line: Line
) -> None:
    await seen()
    campaign = await in_orm(lists.running, line, 2)
    await line_due(line, -30)
    await ring(redis, line.pk, 30)
    answer = await site.get(PAGE)
    said = words(answer)
    assert f"look at line {line.pk} – Shop" in said
    assert "Everything is on time. The worker is there." in said
    assert "1 job deferred" in said
    assert answer.text.count(f'href="/campaigns/{campaign.pk}/"') == 2


async def test_a_doorbell_of_a_line_that_is_gone(site: Site, redis: Redis) -> None:
    await ring(redis, 999, 30)
    await ring(redis, 10**30, 30)
    assert "look at line 999" in words(await site.get(PAGE))


async def test_running_and_waiting_jobs_are_told_apart(
    site: Site, redis: Redis, line: Line
) -> None:
    await seen()
    job = await ring(redis, line.pk, -5, "a")
    await redis.set(f"arq:in-progress:{job}", b"1")
    await ring(redis, line.pk, -45, "b")
    said = words(await site.get(PAGE))
    assert "1 job running" in said and "1 job waiting" in said
    assert "The clock runs 45 s late" in said or "The clock runs 46 s late" in said


async def test_an_overdue_line_is_named_with_how_late_it_is(
    site: Site, line: Line
) -> None:
    await seen()
    await in_orm(lists.running, line, 2)
    await line_due(line, 180)
    said = words(await site.get(PAGE))
    assert "The clock runs 3 min late" in said
    assert "3 min late" in said.partition("Lines with something to send")[2]


@pytest.mark.parametrize("holds", ["slice", "use_until"])
async def test_what_waits_for_a_click_or_to_expire_is_not_late(
    site: Site, line: Line, holds: str
) -> None:
    await seen()
    campaign = await in_orm(lists.running, line, 2)
    await line_due(line, 86400)
    past = await in_orm(orm_now) - timedelta(seconds=1)
    told = {"slice_is_open": True} if holds == "slice" else {"use_until": past}
    await in_orm(Campaign.objects.filter(pk=campaign.pk).update, **told)
    said = words(await site.get(PAGE))
    assert "Nothing waits. The worker is there." in said
    assert "No line has anything to send." in said


async def test_a_stopped_line_does_not_make_the_clock_late(
    site: Site, line: Line
) -> None:
    await seen()
    await in_orm(lists.running, line, 2)
    await line_due(line, 180)
    now = await in_orm(orm_now)
    await in_orm(LineClock.objects.filter(line=line).update, stopped_at=now)
    said = words(await site.get(PAGE))
    assert "Everything is on time" in said
    assert "1 with something to send (see above)" in said


async def test_claims_past_their_deadline_are_counted(
    site: Site, ledger: Ledger, line: Line
) -> None:
    await seen()
    await in_orm(lists.running, line, 3)
    state = await ledger.look(line.pk)
    assert state is not None
    await ledger.claim(state, await ledger.find_due(state, 1), for_s=-1)
    facts = await in_orm(read_facts, [])
    assert (facts.claims, facts.overdue_claims) == (1, 1)
    assert "1 of them past its deadline" in words(await site.get(PAGE))


async def test_the_shelf_is_counted_up_to_a_bound(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_selectors, "COUNTED", 2)
    now = await in_orm(orm_now)
    for number in range(4):
        await in_orm(
            ShelvedStatus.objects.create,
            digest=str(number),
            message_id="m",
            tracking="t",
            kind="sent",
            arrived_at=now,
        )
    assert "more than 2, the oldest since" in words(await site.get(PAGE))


async def test_spooled_callbacks_are_counted(site: Site, settings: Settings) -> None:
    spool = Spool(settings.SPOOL_DIR)
    spool.append(b"{}")
    said = words(await site.get(PAGE))
    spool.close()
    assert "1 callback waits on this computer's disk" in said


async def test_a_failed_job_is_shown_with_its_error(site: Site) -> None:
    now = await in_orm(orm_now)
    error = "ValueError: <b>wrong</b>\nTraceback …"
    await in_orm(
        FailedJob.objects.create, at=now, job="deliver(7)", worker="w", error=error
    )
    page = (await site.get(PAGE)).text
    assert "ValueError: &lt;b&gt;wrong&lt;/b&gt;" in page
    assert "1 job failed" in words(await site.get(PAGE))


async def test_a_page_of_a_huge_queue_is_short(site: Site, redis: Redis) -> None:
    now_ms = time.time() * 1000
    jobs = {f"deliver:{n}:1": now_ms + 60_000 + n for n in range(5000)}
    await redis.zadd("arq:queue", jobs)
    answer = await site.get(PAGE)
    assert "5,000 jobs deferred" in words(answer)
    assert "The first 50 of 5,000." in words(answer)
    assert len(answer.content) < 100_000
