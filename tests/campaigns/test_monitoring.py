from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from django.db import OperationalError
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings
from redis.asyncio import Redis

from asgi_app.database import Door, in_orm
from asgi_app.logs import AllButProbes
from asgi_app.valkey import PrivateValkey
from campaigns import monitoring_views
from campaigns.heartbeat import Heartbeat
from campaigns.ledger import Ledger
from campaigns.lifelines import FOLDER
from campaigns.models import LineClock
from campaigns.timings import Timed, Timings
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, open_site
from tests.campaigns.test_lifelines import other

DOCS = Path(__file__).parent.parent.parent / "docs" / "monitoring"


def samples(text: str) -> dict[tuple[str, ...], float]:
    """The values by name and labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def claim(ledger: Ledger, line: Line, count: int) -> None:
    state = await ledger.look(line.pk)
    assert state is not None
    await ledger.claim(state, await ledger.find_due(state, count))


async def timed(door: Door, line: Line) -> Timings:
    """A worker that has sent something and told of it; returns its counts to come."""
    await in_orm(lists.running, line, 2)
    await in_orm(LineClock.objects.update, pause_ms=7_500)
    timings = Timings()
    await claim(Ledger(door, timings=timings), line, 1)
    timings.add(Timed.ANSWER, "200", 0.07)
    await Heartbeat("one", timings).beat()
    return timings


async def test_the_numbers_are_those_of_the_database_and_the_queue(
    site: Site, ledger: Ledger, line: Line
) -> None:
    await in_orm(lists.running, line, 5)
    await claim(ledger, line, 2)
    await Heartbeat("one").beat()
    answer = await site.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    assert found["campaigns_messages", "waiting"] == 3
    assert found["campaigns_messages", "claimed"] == 2
    assert found["campaigns_campaigns", "running"] == 1
    assert found["campaigns_workers_alive",] == 1
    assert found["campaigns_claims",] == 2
    assert found["campaigns_up", "database"] == found["campaigns_up", "redis"] == 1
    assert found["campaigns_migrations_pending",] == 0
    assert found["campaigns_token_requests_left",] == 100
    assert "7999" not in answer.text, "no phone is told"


async def test_times_are_told_as_histograms(site: Site, door: Door, line: Line) -> None:
    timings = await timed(door, line)
    timings.add(Timed.ANSWER, "429", 0.3)
    await Heartbeat("two", timings).beat()
    found = samples((await site.get("/metrics")).text)
    pacing, name = "one_after_another", "campaigns_answer_seconds"
    assert found[f"{name}_bucket", "200", "0.05"] == 0
    assert found[f"{name}_bucket", "200", "0.1"] == 1
    assert found[f"{name}_bucket", "200", "+Inf"] == found[f"{name}_count", "200"] == 1
    assert found[f"{name}_sum", "200"] == 0.07
    assert found[f"{name}_count", "429"] == 1
    assert found["campaigns_pause_seconds_bucket", "10.0", pacing] == 1
    assert found["campaigns_pause_seconds_sum", pacing] == 7.5
    assert found["campaigns_message_lateness_seconds_count", pacing] == 1


async def test_a_killed_worker_is_told_at_once(
    site: Site, settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    with other(tmp_path / FOLDER):
        await Heartbeat("other").beat()
        found = samples((await site.get("/metrics")).text)
        assert found["campaigns_workers_alive",] == 1
        assert found["campaigns_workers_died",] == 0
    found = samples((await site.get("/metrics")).text)
    assert found["campaigns_workers_alive",] == 0
    assert found["campaigns_workers_died",] == 1
    assert (await site.get("/readyz")).json()["worker"] == "it died"


async def test_every_name_of_the_dashboard_and_the_alerts_is_told(
    site: Site, door: Door, line: Line
) -> None:
    await timed(door, line)
    told = {name for name, *_ in samples((await site.get("/metrics")).text)}
    # Told only once there are tokens, and callbacks.
    told |= {"campaigns_token_left_seconds", "campaigns_callbacks_total"}
    for path in DOCS.iterdir():
        text = path.read_text(encoding="utf-8")
        named = set(re.findall(r"\bcampaigns_[a-z_]+\b", text))
        assert named and named <= told, path.name
    assert json.loads((DOCS / "grafana.json").read_text())["panels"]


async def test_it_is_ready_only_when_messages_can_leave(site: Site, line: Line) -> None:
    answer = await site.get("/readyz")
    assert answer.status_code == 503
    said = answer.json()
    assert said["database"] == said["redis"] == "answers"
    assert said["worker"] == "none was seen for 30 s"
    assert said["token"] == "there is none: see Connect"
    assert said["migrations"] == "applied"
    await Heartbeat("one").beat()
    assert (await site.get("/readyz")).json()["worker"] == "1 alive"


async def test_without_redis_it_says_so_and_tells_the_rest(
    line: Line, settings: Settings, valkey: PrivateValkey, redis: Redis
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    async with open_site() as site:
        answer = await site.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["redis"] == "does not answer"
        found = samples((await site.get("/metrics")).text)
    assert found["campaigns_up", "redis"] == 0
    assert found["campaigns_up", "database"] == 1
    assert ("campaigns_queue_jobs", "waiting") not in found


async def test_without_the_database_it_says_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(monitoring_views, "read_numbers", away)
    answer = await site.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "does not answer"
    assert "campaigns_messages" not in (await site.get("/metrics")).text


async def test_a_probe_logs_a_line_when_its_answer_changes(
    site: Site,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitoring_views, "_changes", monitoring_views._Changes())
    logger = logging.getLogger("django.request")
    monkeypatch.setattr(logger, "filters", [AllButProbes()])
    assert settings.LOGGING["loggers"]["django.request"]["filters"] == ["no_probes"]
    for _ in range(3):
        assert (await site.get("/readyz")).status_code == 503
    logged = [r for r in caplog.records if r.levelno >= logging.WARNING]
    (said,) = [r.getMessage() for r in logged]
    assert said.startswith("not ready: token: there is none")
    assert "worker: none was seen for 30 s" in said


@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
async def test_it_is_behind_the_door(site: Site, path: str) -> None:
    assert (await site.http.get(path, auth=("anna", "wrong"))).status_code == 401
