from __future__ import annotations

import asyncio
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

import worker
from asgi_app.database import in_orm, orm_now
from asgi_app.resources import open_resources
from asgi_app.valkey import PrivateValkey
from campaigns.models import Action, Campaign, Message
from campaigns.states import CampaignStatus
from chatapp.models import Line
from chatapp.sandbox.licences import GR_LICENCE_ID
from chatapp.sandbox.testing import SandboxServer
from tests.campaigns import lists

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture(autouse=True)
def outside(settings: Settings, valkey: PrivateValkey, redis: None) -> None:
    settings.REDIS_URL = valkey.url
    settings.SEND_DELAY_MIN, settings.SEND_DELAY_MAX = 0, 0.05


def run(*words: object) -> tuple[int, str, str]:
    """Exit code, output and errors of `manage.py campaign …`."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("campaign", *map(str, words), stdout=out, stderr=err)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def told(*words: object) -> dict[str, Any]:
    """What the command says for programs."""
    _, out, _ = run(*words, "--json")
    about: dict[str, Any] = json.loads(out)
    return about


def created(*more: object) -> dict[str, Any]:
    phones = SAMPLES / "paste.txt"
    return told("create", "--text", "Hello", "--phones", phones, *more)


def test_it_creates_a_draft_and_names_what_it_left_out(line: Line) -> None:
    code, out, err = run("create", "--text", "Hello", "--phones", SAMPLES / "paste.txt")
    assert (code, "draft; waiting 20" in out) == (0, True)
    assert "row 16: left out, toll_free: 8 800 555 35 35" in err
    assert "row 17: kept, landline" in err


def test_it_reads_a_list_from_the_standard_input(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("8 999 000 01 01, 8 999 000 01 02"))
    about = told("create", "--text", "Hi", "--phones", "-", "--name", "Two")
    assert (about["name"], about["state"], about["waiting"]) == ("Two", "draft", 2)


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "clients.csv"
    path.write_text(text)
    return path


def test_it_fills_the_text_from_columns(line: Line, tmp_path: Path) -> None:
    phones = table(tmp_path, "name,phone\nVera,89990000001\n,89990000002\n")
    code, out, err = run("create", "--text", "Hi {name}", "--phones", phones)
    assert (code, "draft; waiting 1" in out) == (0, True)
    assert "row 3: left out, value_missing: name 89990000002" in err
    assert Message.objects.get().fields == {"name": "Vera"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("{nmae|you}", "no column nmae; the list has: name, phone"), ("{", "unclosed")],
)
def test_it_refuses_a_text_that_cannot_be_filled(
    line: Line, tmp_path: Path, text: str, said: str
) -> None:
    phones = table(tmp_path, "name,phone\nVera,89990000001\n")
    with pytest.raises(CommandError, match=said):
        run("create", "--text", text, "--phones", phones)


def test_it_asks_for_the_column_of_the_phones(line: Line, tmp_path: Path) -> None:
    phones = table(tmp_path, "who,where\na,-\nb,-\nc,89990000001\n")
    with pytest.raises(CommandError, match="--column says where"):
        run("create", "--text", "Hi", "--phones", phones)
    assert told("create", "--text", "Hi", "--phones", phones, "--column", 2)["total"]


def test_it_starts_pauses_goes_on_and_cancels(line: Line) -> None:
    pk = created()["id"]
    steps = [told(verb, pk)["state"] for verb in ("start", "pause", "start", "cancel")]
    assert steps == ["running", "paused", "running", "cancelled"]
    who = set(Action.objects.values_list("operator", flat=True))
    assert len(who) == 1 and who.pop().endswith("(command line)")
    with pytest.raises(CommandError, match="cancelled"):
        run("start", pk)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--text", " ", "--phones", SAMPLES / "paste.txt"], "--text is empty"),
        (["--text", "x" * 4097, "--phones", SAMPLES / "paste.txt"], "4097"),
        (["--text", "Hi", "--phones", "/nowhere"], "--phones: No such file"),
        (["--text", "Hi", "--phones", SAMPLES / "protected.xlsx"], "password"),
        (["--text", "Hi", "--phones", "-"], "no number"),
        (["--text", "Hi", "--phones", "-", "--line", "99"], "no such line"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    line: Line,
    monkeypatch: pytest.MonkeyPatch,
    words: list[object],
    complaint: str,
) -> None:
    text = "8 999 000 01 01" if "--line" in words else "nobody"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    with pytest.raises(CommandError) as error:
        run("create", *words)
    assert complaint in str(error.value)
    assert not Campaign.objects.exists()


def test_a_campaign_that_does_not_exist_is_said(line: Line) -> None:
    for verb in ("status", "start", "pause", "cancel"):
        with pytest.raises(CommandError, match="no campaign 404"):
            run(verb, 404)


def test_status_says_when_it_ends_and_how_far_that_is_from_plan(line: Line) -> None:
    pk = created()["id"]
    assert ". If started now, it ends" in run("status", pk)[1]
    begun = told("start", pk)
    assert begun["ends_at"] and begun["planned_end_at"]
    assert "; waiting 20. Ends " in run("status", pk)[1]
    assert ", as planned" in run("status", pk)[1]
    run("cancel", pk)
    assert told("status", pk)["ends_at"] is None


def test_what_is_scheduled_is_started_at_once_or_said_to_be_over(line: Line) -> None:
    campaign = lists.draft(line, 2)
    now = orm_now()
    scheduled = {"status": "scheduled", "start_at": now + timedelta(days=1)}
    Campaign.objects.update(**scheduled)
    assert told("status", campaign.pk)["why_not_now"].startswith("It starts by itself:")
    assert told("start", campaign.pk)["state"] == "running"
    Campaign.objects.update(**scheduled, use_until=now - timedelta(seconds=1))
    with pytest.raises(CommandError, match="its last moment has passed"):
        run("start", campaign.pk)


def test_a_text_that_cannot_be_read_is_not_started(line: Line) -> None:
    pk = created()["id"]
    Campaign.objects.filter(pk=pk).update(text="Dear {name")
    with pytest.raises(CommandError, match="text cannot be sent"):
        run("start", pk)


def test_status_exits_with_1_once_a_message_failed(line: Line) -> None:
    pk = created()["id"]
    assert run("status", pk)[0] == 0
    Campaign.objects.filter(pk=pk).update(failed=1)
    assert run("status", pk)[0] == 1


async def test_it_waits_until_everything_is_sent_out(
    line: Line, sandbox: SandboxServer, settings: Settings
) -> None:
    line.licence_id = str(GR_LICENCE_ID)
    await in_orm(line.save)
    settings.CHATAPP_BASE_URL = sandbox.url
    sandbox.knobs.set("refuse", phone="79990000101", status=400, code="ApiNo")
    async with open_resources() as resources:
        working = asyncio.create_task(worker.serve(resources))
        command = ["create", "--text", "Hi", "--phones", SAMPLES / "paste.txt"]
        code, out, _ = await in_orm(run, *command, "--start", "--wait", "--json")
        resources.stopping.set()
        await working
    about = json.loads(out)
    assert (code, about["state"]) == (1, "finished")
    assert (about["accepted"], about["failed"]) == (19, 1)
    campaign = await in_orm(Campaign.objects.get)
    assert campaign.status == CampaignStatus.RUNNING
    assert await in_orm(lists.counts, campaign) == {"accepted": 19, "failed": 1}


def test_it_says_why_nothing_is_sent_now(line: Line) -> None:
    about = created()
    assert about["why_not_now"] == "It has not been started yet."
    run("start", about["id"])
    _, out, _ = run("pause", about["id"])
    assert "Paused by " in out
