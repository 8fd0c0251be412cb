from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django import Settings

from asgi_app.database import in_orm, orm_now
from asgi_app.valkey import PrivateValkey
from campaigns.models import FailedJob, LineClock, WorkerBeat
from chatapp.models import Line
from tests.campaigns import lists

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture(autouse=True)
def at_the_redis_of_the_tests(
    valkey: PrivateValkey, redis: object, settings: Settings
) -> None:
    settings.REDIS_URL = valkey.url


def told(*arguments: str) -> tuple[int, str]:
    output = StringIO()
    try:
        call_command("queue", *arguments, stdout=output)
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code, output.getvalue()
    return 0, output.getvalue()


def beat(ago_s: float = 0) -> None:
    at = orm_now() - timedelta(seconds=ago_s)
    WorkerBeat.objects.create(name="host:1", started_at=at, beat_at=at)


async def test_with_a_worker_and_nothing_to_do_all_is_well() -> None:
    await in_orm(beat)
    code, said = await in_orm(told)
    assert code == 0
    assert said.startswith("Nothing waits. The worker is there.\n")
    assert "worker host:1: alive" in said


async def test_without_a_worker_it_fails() -> None:
    assert (await in_orm(told))[0] == 1
    await in_orm(beat, 31)
    assert (await in_orm(told))[0] == 1


async def test_a_worker_that_was_killed_is_not_called_silent() -> None:
    await in_orm(beat, 11)
    await in_orm(WorkerBeat.objects.update, died_at=await in_orm(orm_now))
    code, said = await in_orm(told)
    assert code == 1 and "worker host:1: died, seen 11 s ago" in said


@pytest.mark.parametrize(("late_s", "code"), [(30, 0), (90, 1)])
async def test_a_clock_that_is_far_too_late_fails(
    line: Line, late_s: float, code: int
) -> None:
    await in_orm(beat)
    await in_orm(lists.running, line, 2)
    at = await in_orm(orm_now) - timedelta(seconds=late_s)
    await in_orm(lists.due, line, at)
    ended, said = await in_orm(told)
    assert ended == code
    assert f"line {line.pk} – Shop" in said


async def test_what_starts_on_an_idle_line_is_on_time(line: Line) -> None:
    await in_orm(beat)
    await in_orm(lists.running, line, 2)
    before = await in_orm(orm_now) - timedelta(minutes=5)
    await in_orm(LineClock.objects.update, next_at=before)
    code, said = await in_orm(told, "--json")
    facts = json.loads(said)
    assert (code, facts["standing"]) == (0, "on_time")
    assert facts["late_s"] < 60 and facts["database"]["lines"][0]["late_s"] < 60


async def test_a_pause_of_the_account_is_no_lateness(line: Line) -> None:
    await in_orm(beat)
    await in_orm(lists.running, line, 2)
    now = await in_orm(orm_now)
    await in_orm(lists.due, line, now - timedelta(seconds=90))
    other = await in_orm(Line.objects.create, licence_id="77", messenger="telegram")
    until = now + timedelta(minutes=2)
    code = "account_paused"
    await in_orm(LineClock.objects.create, line=other, next_at=until, held_code=code)
    ended, said = await in_orm(told, "--json")
    facts = json.loads(said)
    assert (ended, facts["standing"], facts["late_s"]) == (0, "on_time", 0)
    assert facts["database"]["lines"][0]["held"] == code
    assert "0 s late, held back: account_paused" in (await in_orm(told))[1]


async def test_what_cannot_be_asked_fails(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    await in_orm(beat)
    code, said = await in_orm(told)
    assert code == 1
    assert "Redis does not answer" in said


async def test_json_is_for_programs(line: Line) -> None:
    await in_orm(beat)
    await in_orm(lists.running, line, 2)
    now = await in_orm(orm_now)
    await in_orm(FailedJob.objects.create, at=now, job="deliver(7)", error="E: e\nT")
    code, said = await in_orm(told, "--json")
    facts = json.loads(said)
    assert (code, facts["good"], facts["standing"]) == (0, True, "on_time")
    assert facts["database"]["alive"] == 1
    assert facts["database"]["lines"][0]["line"] == line.pk
    assert facts["database"]["failed_jobs"][0]["error"] == "E: e"
    assert facts["redis"]["counts"] == {"running": 0, "waiting": 0, "deferred": 0}
