"""The plans of what is asked again and again: nothing in them grows with the tables."""

from __future__ import annotations

import json
import random
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from asgi_app.database import Door, Params, Row, Tx, in_orm, orm_now
from campaigns import decisions, imports, results, selectors, services, uploads
from campaigns.books import recount
from campaigns.editing import Changes, Misfits, edit_campaign, find_misfits
from campaigns.hearing import heard
from campaigns.layouts import Kind, Layout
from campaigns.leaving_out import leave_out
from campaigns.ledger import Ledger
from campaigns.ledger.entries import Outcome
from campaigns.message_pages import Wanted
from campaigns.models import Campaign, EarlierAttempt, Event, GoneId, Message
from campaigns.pacing import Delays
from campaigns.removal import delete_campaign, remove_some
from campaigns.states import MessageStatus, Pacing
from campaigns.stops import add_to_stop_list
from campaigns.texts import read_template
from campaigns.timing import (
    Timing,
    continue_campaign,
    set_timing,
    start_now,
    unschedule,
)
from campaigns.trials import start_trial
from chatapp.events import parse
from chatapp.models import Line
from tests.campaigns import lists

GROWING = (
    "campaigns_message",
    "campaigns_event",
    "campaigns_earlierattempt",
    "campaigns_minutecount",
    "campaigns_stopentry",
    "campaigns_listremark",
    "campaigns_goneid",
    "campaigns_writer",
)
# Rows that people and workers wait for: taken by their key, whatever else is asked.
TAKES = re.compile(r"^(UPDATE|DELETE) | FOR UPDATE$")
WAITED_FOR = ("campaigns_campaign", "campaigns_upload")
OTHERS, OURS = 6_000, 300


class Listening:
    """A door that keeps what is asked through it."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.for_update, self.insert_new = door.for_update, door.insert_new
        self.by_index, self.by_key = door.by_index, door.by_key
        self.asked: list[tuple[str, Params]] = []

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        async with self._door.transaction() as tx:
            yield _ListeningTx(tx, self.asked)

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        self.asked.append((sql, params))
        return await self._door.fetch(sql, params)

    async def now(self) -> datetime:
        return await self._door.now()

    async def close(self) -> None:
        """The door that it listens at is closed by whoever opened it."""


class _ListeningTx:
    def __init__(self, tx: Tx, asked: list[tuple[str, Params]]) -> None:
        self._tx, self._asked = tx, asked

    async def execute(self, sql: str, params: Params = ()) -> int:
        self._asked.append((sql, params))
        return await self._tx.execute(sql, params)

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        self._asked.append((sql, params))
        return await self._tx.fetch(sql, params)


def faults(plan: Sequence[Mapping[str, Any]], sql: str) -> list[str]:
    """What of a plan takes longer the more rows there are."""
    bare = sql.replace('"', "").replace("`", "")
    names = {alias: table for table, alias in _ALIAS.findall(bare)}
    found = []
    for row in plan:
        if connection.vendor == "sqlite":
            step = str(row["detail"])
            name = step.removeprefix("SCAN ").split()[0]
            is_scan, sorts = step.startswith("SCAN "), "B-TREE FOR ORDER BY" in step
            # Which table is sorted it does not say: the one that is asked.
            name = _FROM.findall(bare)[0] if sorts else name
        else:
            name, kind, extra = str(row["table"]), row["type"], str(row["Extra"])
            step = f"{name}: {kind} {row['key']} {extra}"
            is_scan, sorts = kind in {"ALL", "index"}, "filesort" in extra
        if (is_scan or sorts) and names.get(name, name) in GROWING:
            found.append(step)
    return found


def rings(plan: Sequence[Mapping[str, Any]], sql: str) -> list[str]:
    """What takes an index's entry before the row, or rows that are not asked for.

    Whoever holds the row and changes it takes the entry after it.
    """
    if connection.vendor == "sqlite":  # which has one lock
        return []
    return [
        f"{row['table']}: {row['type']} {row['key']}"
        for row in plan
        if row["table"] in WAITED_FOR and row["key"] != "PRIMARY"
    ]


_ALIAS = re.compile(r"\b(campaigns_\w+|chatapp_\w+) (?:AS )?([a-z]|U\d)\b")
_FROM = re.compile(r"\b(?:FROM|UPDATE|INTO) (\w+)")


def analyze() -> None:
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            tables = ", ".join(connection.introspection.table_names())
            cursor.execute(f"ANALYZE TABLE {tables}")


@pytest.fixture
async def crowd(transactional_db: None, line: Line) -> Campaign:
    """A campaign of some hundred messages beside one of some thousands."""

    def fill() -> Campaign:
        statuses = list(MessageStatus)
        for count, start, spread_s in ((OTHERS, 100_000, 3600), (OURS, 0, 0)):
            campaign = lists.running(
                line,
                count,
                start=start,
                pacing=Pacing.EACH_ON_ITS_OWN,
                delays=Delays(0, spread_s, random.Random(1)),
            )
            pks = list(campaign.messages.values_list("pk", flat=True))
            for number, status in enumerate(statuses):
                mine = pks[number * 20 : number * 20 + 20] if number else []
                Message.objects.filter(pk__in=mine).update(
                    status=status, code="x" if status == MessageStatus.FAILED else ""
                )
                # Of one code among others; of the only one any index would do.
                failed = Message.objects.filter(pk__in=mine[::3], code="x")
                failed.update(code="y")
            Message.objects.filter(pk__in=pks[::7]).update(
                answered_at="2026-01-02 03:04:05+00:00"
            )
            Event.objects.bulk_create(
                Event(
                    message_id=pk,
                    kind="claimed",
                    at="2026-01-02 03:04:05+00:00",
                    arrived_at="2026-01-02 03:04:05+00:00",
                )
                for pk in pks
            )
        # What is short is rightly read as a whole.
        all_pks = list(Message.objects.values_list("pk", flat=True))
        EarlierAttempt.objects.bulk_create(
            EarlierAttempt(of_id=pk, number=1, message_id=f"earlier{pk}")
            for pk in all_pks
        )
        GoneId.objects.bulk_create(
            GoneId(digest=f"{pk:032x}", gone_at=timezone.now()) for pk in all_pks
        )
        phones = [f"+7888{pk:07d}" for pk in all_pks]
        add_to_stop_list(phones=phones, operator="anna", reason="")
        analyze()
        Campaign.objects.exclude(pk=campaign.pk).update(waiting=0)
        for status in statuses:
            count = campaign.messages.filter(status=status).count()
            Campaign.objects.filter(pk=campaign.pk).update(**{str(status): count})
        campaign.refresh_from_db()
        return campaign

    return await in_orm(fill)


async def test_the_ledger_finds_by_an_index_what_it_asks_for(
    door: Door, crowd: Campaign, line: Line
) -> None:
    listening = Listening(door)
    ledger = Ledger(listening, worker="test")
    state = await ledger.look(line.pk)
    assert state is not None and state.head is not None
    await ledger.begin_delays(state.head)
    state = await ledger.look(line.pk)
    assert state is not None and state.head is not None
    await ledger.waiting_zones(state)
    await ledger.first_delay(state.head)
    await ledger.first_delay(state.head, ["", "Asia/Omsk"])
    await ledger.find_due(state, 5, ["", "Asia/Omsk"])
    due = await ledger.find_due(state, 100)
    due = due or await ledger.find_due(state, 100)
    claim = await ledger.claim(state, due[:50])
    now = await ledger.now()
    for number, claimed in enumerate(claim.messages):
        await ledger.record(
            Outcome(claimed, MessageStatus.ACCEPTED, now, message_id=f"id{number}")
        )
    told = heard(parse(status_of(f"id{n}" for n in range(len(claim.messages)))))
    await ledger.shelve(told)
    await ledger.apply(told)
    await ledger.shelve(heard(parse(status_of(["unknown"]))))
    await ledger.apply_matching()
    await ledger.overdue(by_s=2)
    await ledger.give_up_claims()
    await ledger.start_scheduled()
    await ledger.expire()
    await ledger.doubt_lines()
    await ledger.to_look_for(20)
    asked = [(sql, params) for sql, params in listening.asked if "INSERT" not in sql]
    bad = await in_orm(lambda: [one for ask in asked for one in explained(*ask)])
    assert not bad, "\n".join(bad)


def status_of(ids: Any) -> bytes:
    meta = {"type": "messageStatus", "licenseId": 1, "messengerType": "grWhatsApp"}
    items = [{"id": i, "type": "delivered", "time": 1_700_000_000} for i in ids]
    return json.dumps({"meta": meta, "data": items}).encode()


PAGES: dict[str, Callable[[Campaign], object]] = {
    query: lambda campaign, query=query: results.read_page(  # type: ignore[misc]
        campaign_id=campaign.pk, page=1, wanted=Wanted.read(QueryDict(query))
    )
    for query in (
        *("", "before=end", "after=0.150", "status=waiting", "status=delivered"),
        *("status=failed&code=x", "sort=time", "status=waiting&after=1000.50"),
        *("sort=time&before=end", "status=delivered&sort=time"),
    )
}


@pytest.mark.parametrize("asked", PAGES)
async def test_a_page_finds_by_an_index_what_it_shows(
    crowd: Campaign, asked: str
) -> None:
    assert await in_orm(plan_faults, lambda: PAGES[asked](crowd)) == []


async def test_what_walks_a_list_walks_it_by_its_place(
    crowd: Campaign, line: Line
) -> None:
    def read() -> list[str]:
        pk = lists.draft(line, 300, start=500_000).pk
        walks: list[Callable[[], object]] = [
            lambda: selectors.read_campaign(campaign_id=pk, page=2),
            lambda: find_misfits(
                campaign_id=crowd.pk,
                template=read_template("Hi"),
                after=0,
                misfits=Misfits(),
            ),
        ]
        return [fault for walk in walks for fault in plan_faults(walk)]

    assert await in_orm(read) == []


async def test_the_list_of_campaigns_reads_no_messages(crowd: Campaign) -> None:
    assert await in_orm(plan_faults, lambda: selectors.list_campaigns(page=1)) == []


async def test_whoever_changes_a_campaign_takes_it_by_its_id(line: Line) -> None:
    def change() -> list[str]:
        other, pk = lists.running(line, 1, start=9).pk, lists.draft(line, 5).pk
        who: Any = {"campaign_id": pk, "operator": "anna"}
        delays = Delays(0, 0, random.Random(1))
        more = lists.phones(2, start=50)
        soon = orm_now() + timedelta(hours=1)
        changes: list[Callable[[], object]] = [
            lambda: services.add_recipients(phones=more, delays=delays, **who),
            lambda: leave_out(of=[other], **who),
            lambda: edit_campaign(changes=Changes(name="Other"), **who),
            lambda: start_trial(phone="+79990000000", key="", **who),
            lambda: set_timing(timing=Timing(soon, None, 2), **who),
            lambda: services.start_campaign(**who),
            lambda: unschedule(**who),
            lambda: set_timing(timing=Timing(soon, None, 2), **who),
            lambda: services.start_campaign(**who),
            lambda: start_now(**who),
            lambda: continue_campaign(**who),
            lambda: services.pause_campaign(**who),
            lambda: services.resume_campaign(**who),
            lambda: recount(pk),
            lambda: decisions.release_line(line_id=line.pk, operator="anna"),
            lambda: decisions.retry_failed(**who),
            lambda: services.cancel_campaign(**who),
            lambda: services.cancel_campaign(campaign_id=other, operator="anna"),
            lambda: delete_campaign(campaign_id=other, operator="anna"),
            remove_some,
            remove_some,
        ]
        return [fault for change in changes for fault in ring_faults(change)]

    assert await in_orm(change) == []


async def test_a_worker_takes_the_campaign_that_it_serves_by_its_id(
    door: Door, line: Line
) -> None:
    listening = Listening(door)
    ledger = Ledger(listening, worker="test")

    def prepare() -> None:
        for start in range(3):
            lists.draft(line, 1, start=start)
        running = lists.running(line, 2, start=10)
        late = lists.draft(line, 1, start=20)
        changes = {"status": "scheduled", "start_at": orm_now() - timedelta(days=1)}
        Campaign.objects.filter(pk=late.pk).update(**changes)
        Campaign.objects.exclude(pk=running.pk).update(waiting=0)
        analyze()

    await in_orm(prepare)
    state = await ledger.look(line.pk)
    assert state is not None and state.head is not None
    await ledger.begin_delays(state.head)
    await ledger.claim(state, (await ledger.find_due(state, 1))[:1])
    await ledger.pause_idle(state.head, "")
    await ledger.start_scheduled()
    takes = [(sql, params) for sql, params in listening.asked if TAKES.search(sql)]
    assert sum("start_at <= %s" in sql for sql, _ in takes) == 1
    assert not await in_orm(
        lambda: [bad for ask in takes for bad in explained(*ask, judge=rings)]
    )


async def test_whoever_imports_a_list_takes_its_upload_by_its_id(line: Line) -> None:
    def change() -> list[str]:
        layout = Layout(Kind.LIST, rows=1, encoding="utf-8")
        delays = Delays(0, 0, random.Random(1))
        upload = uploads.keep(name="", data=b"+79990000001\n", layout=layout)
        draft, take = lists.draft(line, 1), transaction.atomic(uploads.take)
        changes: list[Callable[[], object]] = [
            lambda: take(upload=upload, campaign=draft, layout=layout),
            lambda: imports.go_on(upload_id=upload.pk, delays=delays, region="RU"),
        ]
        return [fault for change in changes for fault in ring_faults(change)]

    assert await in_orm(change) == []


def plan_faults(read: Callable[[], object]) -> list[str]:
    return [one for sql in told_by(read) for one in explained(sql)]


def ring_faults(change: Callable[[], object]) -> list[str]:
    takes = [sql for sql in told_by(change) if TAKES.search(sql)]
    return [one for sql in takes for one in explained(sql, judge=rings)]


def told_by(do: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as asked:
        do()
    return [query["sql"] for query in asked.captured_queries]


def explained(
    sql: str,
    params: Params | None = None,
    *,
    judge: Callable[[Sequence[Mapping[str, Any]], str], list[str]] = faults,
) -> list[str]:
    word = "EXPLAIN"
    if connection.vendor == "sqlite":
        word = "EXPLAIN QUERY PLAN"
    elif not connection.mysql_is_mariadb:  # type: ignore[attr-defined]
        word = "EXPLAIN FORMAT=TRADITIONAL"
    told = params and [
        str(p.astimezone(UTC).replace(tzinfo=None)) if isinstance(p, datetime) else p
        for p in params
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"{word} {sql}", told)
        plan = cursor.fetchall()
        columns = [column[0] for column in cursor.description]
    rows = [dict(zip(columns, row, strict=True)) for row in plan]
    return [f"{fault}\n  in {sql}" for fault in judge(rows, sql)]
