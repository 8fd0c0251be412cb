"""A short run of chaos, and the judge itself: it must see what it is there to see."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from asgi_app.children import BASE_DIR
from tests.chaos.facts import Event, Halt, Row, Send, Told
from tests.chaos.faults import Fault, plan, possible
from tests.chaos.judge import Case, Verdict, judge

# A worker and the web are killed, Redis is flushed, requests are cut.
SEED = 31
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LINE = ("50001", "grWhatsApp")
SEND = Send(1, LINE, "79000000001", "t1", "id1", True, "200")
ROW = Row(1, "79000000001", "t1", "accepted", "id1")
PID = 4321


@pytest.mark.timeout(400)
def test_nothing_is_lost_or_doubled_while_processes_die() -> None:
    database = "sqlite" if connection.vendor == "sqlite" else "mariadb"
    arguments = ("--seed", str(SEED), "--messages", "150", "--database", database)
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--verbose", *arguments],
        cwd=BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "asgi_app.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert re.search(
        rf"^chaos seed={SEED} faults=[56] messages=150 lost=0 doubled=0 wrong=0"
        r" unsure=\d+ settled=\d+$",
        told,
        re.MULTILINE,
    ), told


def told_of(
    row: Row = ROW,
    sends: Sequence[Send] = (SEND,),
    told: Sequence[Told] = (),
    events: Sequence[Event] = (),
    halts: Sequence[Halt] = (),
) -> Verdict:
    return judge(Case(sends, told, [row], events, halts))


def callback(label: str, answer: str | None = "200", *, early: bool = False) -> Told:
    return Told(1, label, posted_at=0.0 if early else 2.0, due=1.0, answer=answer)


def claimed_until(kind: str, *, for_s: float, code: str = "") -> list[Event]:
    end = NOON + timedelta(seconds=for_s)
    return [
        Event(1, "claimed", NOON, f"host:{PID}:a1b2c3", ""),
        Event(1, kind, end, "", code),
    ]


def test_it_finds_nothing_where_nothing_is() -> None:
    verdict = told_of()
    assert verdict.is_clean
    assert verdict == Verdict()


def test_it_sees_a_number_that_was_sent_to_twice() -> None:
    again = replace(SEND, seq=2, message_id="id2", tracking="t1-2")
    verdict = told_of(sends=[SEND, again])
    assert verdict.doubled == 1
    assert not verdict.is_clean


@pytest.mark.parametrize("status", ["accepted", "read", "waiting", "claimed"])
def test_it_sees_what_was_lost(status: str) -> None:
    refused = replace(SEND, accepted=False, message_id=None, answer="connection closed")
    assert told_of(replace(ROW, status=status), sends=[refused]).lost == 1
    assert told_of(replace(ROW, status=status), sends=[]).lost == 1


@pytest.mark.parametrize(
    "row",
    [
        replace(ROW, status="failed"),
        replace(ROW, status="waiting"),
        replace(ROW, status="cancelled"),
        replace(ROW, message_id="id2"),
        replace(ROW, message_id=None),
        replace(ROW, tracking="t2"),
        replace(ROW, status="delivered"),  # nobody has told so
    ],
)
def test_it_sees_what_is_wrong(row: Row) -> None:
    verdict = told_of(row)
    assert verdict.wrong == 1
    assert not verdict.is_clean


def test_a_status_counts_from_our_200_on() -> None:
    told = [callback("sent"), callback("viewed", "503"), callback("delivered", None)]
    assert told_of(replace(ROW, status="sent"), told=told).is_clean
    assert told_of(replace(ROW, status="read"), told=told).is_clean
    assert told_of(ROW, told=told).wrong == 1
    assert told_of(replace(ROW, status="unsure"), told=told).wrong == 1


def test_an_unsure_message_needs_a_cause_of_its_own() -> None:
    unsure = replace(ROW, status="unsure", message_id=None)
    events = claimed_until("unsure", for_s=1, code="hung_up")
    cut = replace(SEND, answer="connection reset")
    assert told_of(unsure, [cut], events=events).is_clean
    verdict = told_of(unsure, events=events)
    assert (verdict.unsure, verdict.settled, verdict.unexcused) == (1, 0, 1)
    assert not verdict.is_clean
    assert told_of(ROW, [cut], events=events).settled == 1


def test_a_kill_excuses_only_what_was_under_way_at_it() -> None:
    unsure = replace(ROW, status="unsure", message_id=None)
    events = claimed_until("no_answer", for_s=6)
    for pid, second, excused in [(PID, 3, True), (PID, 9, False), (1, 3, False)]:
        moment = NOON + timedelta(seconds=second)
        halt = Halt(f":{pid}:", moment, moment)
        assert told_of(unsure, events=events, halts=[halt]).is_clean is excused


def test_an_early_callback_excuses_a_timeout_and_nothing_else() -> None:
    unsure = replace(ROW, status="unsure", message_id=None)
    early = [callback("sent", None, early=True)]
    for code, excused in [("read_timeout", True), ("hung_up", False)]:
        events = claimed_until("unsure", for_s=4, code=code)
        assert told_of(unsure, told=early, events=events).is_clean is excused


@pytest.mark.parametrize("database", ["mariadb", "sqlite"])
def test_twenty_seeds_leave_out_no_kind_of_fault(database: str) -> None:
    among = possible(database, disk=True)
    planned = [one for seed in range(1, 21) for one in plan(seed, 40, among)]
    assert {one.fault for one in planned} == set(among)
    assert plan(7, 40, among) == plan(7, 40, among)
    assert (Fault.DISK_FULL in among) is (database == "sqlite")
