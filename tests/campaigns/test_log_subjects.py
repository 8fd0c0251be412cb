"""What a line of the JSON log says that it is about, from the page to the worker."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from asgi_app.database import DatabaseAway, DatabaseError, in_orm
from asgi_app.logs import JsonFormatter
from campaigns import imports
from campaigns.jobs import deliver, import_list, sweep
from campaigns.ledger import Ledger
from campaigns.ledger.entries import Outcome
from campaigns.lifelines import Lifelines
from campaigns.models import Campaign, Message
from campaigns.pacing import Delays
from campaigns.sending import Sending
from campaigns.states import MessageStatus, Pacing
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site
from tests.campaigns.desk import Desk
from tests.campaigns.test_audit import heard, tell
from tests.campaigns.test_import_jobs import upload_of
from tests.campaigns.test_imports import importing
from tests.campaigns.test_rules_views import filled


class Log:
    """What is logged while the test runs, as LOG_FORMAT=json writes it."""

    def __init__(self) -> None:
        self.handler = logging.StreamHandler(io.StringIO())
        self.handler.setFormatter(JsonFormatter())

    def about(self, event: str) -> list[dict[str, Any]]:
        """The subjects of each record whose text has this in it."""
        lines = self.handler.stream.getvalue().splitlines()
        plain = {"time", "level", "logger", "event", "exception"}
        return [
            {name: it for name, it in told.items() if name not in plain}
            for told in map(json.loads, lines)
            if event in told["event"]
        ]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[Log]:
    caplog.set_level(logging.INFO)
    log = Log()
    logging.getLogger().addHandler(log.handler)
    yield log
    logging.getLogger().removeHandler(log.handler)


class Silent:
    """A doorbell that nobody hears."""

    async def ring_at(self, *_: object, **__: object) -> bool:
        return True

    async def ring(self, *_: object, **__: object) -> bool:
        return True


@dataclass
class Resources:
    ledger: Ledger
    sending: Sending
    delays: Delays
    lifelines: Lifelines
    doorbell: Silent = field(default_factory=Silent)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


@pytest.fixture
def ctx(desk: Desk, delays: Delays, tmp_path: Path) -> dict[str, Any]:
    lifelines = Lifelines(tmp_path / "workers")
    ledger = desk.sending.ledger
    return {"resources": Resources(ledger, desk.sending, delays, lifelines)}


async def message_of(campaign: Campaign, phone: str) -> int:
    message = await in_orm(Message.objects.get, campaign=campaign, phone=phone)
    return message.pk


async def test_a_request_tells_who_asked_and_of_what(
    site: Site, line: Line, log: Log
) -> None:
    await site.post(f"/lines/{line.pk}/rules/", **filled())
    assert log.about("saved the rules") == [{"operator": "anna", "line": line.pk}]


async def test_who_may_not_come_in_leaves_no_name_of_an_operator(
    site: Site, line: Line, log: Log
) -> None:
    await site.post(f"/lines/{line.pk}/rules/", **filled())
    await site.http.get(f"/lines/{line.pk}/", auth=("anna", "wrong"))
    (told,) = log.about("wrong user or password")
    assert "operator" not in told


@pytest.mark.parametrize("pacing", list(Pacing))
async def test_a_send_tells_its_line_campaign_and_message(
    desk: Desk, ctx: dict[str, Any], log: Log, pacing: Pacing
) -> None:
    no_delay = Delays(0, 0, desk.sending.courier.source)
    campaign = await in_orm(lists.running, desk.line, 1, pacing=pacing, delays=no_delay)
    desk.sandbox.knobs.set("refuse", phone="79990000000", status=400, code="ApiNo")
    await deliver(ctx, desk.line.pk)
    assert log.about("failed: ApiNo") == [
        {
            "line": desk.line.pk,
            "campaign": campaign.pk,
            "message": await message_of(campaign, "+79990000000"),
        }
    ]


async def test_a_lost_answer_is_told_with_what_has_settled_it(
    ledger: Ledger, line: Line, log: Log
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    state = await ledger.look(line.pk)
    assert state is not None
    due = await ledger.find_due(state, 2)
    claim = await ledger.claim(state, due)
    first, second = claim.messages
    # Its status was faster than the end of the wait for its answer.
    await tell(ledger, heard("its-id", "sent", tracking=first.tracking))
    at = await ledger.now()
    for claimed in (first, second):
        lost = Outcome(claimed, MessageStatus.UNSURE, at, code="read_timeout")
        await ledger.record(lost)
    about = {"line": line.pk, "campaign": campaign.pk}
    settled = log.about("answer lost, a status has settled it: read_timeout")
    assert settled == [about | {"message": first.message_id}]
    assert log.about("unsure: read_timeout") == [about | {"message": second.message_id}]


async def test_a_lost_claim_tells_its_line_and_campaign(
    desk: Desk, ctx: dict[str, Any], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)

    async def none_left(*_: object) -> list[object]:
        return []  # as when somebody else was faster

    monkeypatch.setattr(desk.sending.ledger, "find_due", none_left)
    await deliver(ctx, desk.line.pk)
    assert log.about("looking again") == [
        {"line": desk.line.pk, "campaign": campaign.pk}
    ]


async def test_a_record_that_fails_tells_each_message_of_its_batch(
    desk: Desk, ctx: dict[str, Any], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_delay = Delays(0, 0, desk.sending.courier.source)
    campaign = await in_orm(
        lists.running,
        desk.line,
        2,
        pacing=Pacing.EACH_ON_ITS_OWN,
        delays=no_delay,
    )

    async def refuse(*_: object) -> None:
        raise DatabaseError("a bad row")

    monkeypatch.setattr("campaigns.ledger.records.read_rows", refuse)
    with pytest.raises(DatabaseError):
        await desk.sending.serve(desk.line.pk)
    phones = ("+79990000000", "+79990000001")
    assert sorted(log.about("stays unsure"), key=lambda told: told["message"]) == [
        {"campaign": campaign.pk, "message": await message_of(campaign, phone)}
        for phone in phones
    ]
    # The batch is nobody's own.
    assert log.about("holds a bad row") == [{}]


async def test_a_callback_that_is_applied_later_tells_its_campaign(
    desk: Desk, ctx: dict[str, Any], log: Log
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    ledger = desk.sending.ledger
    state = await ledger.look(desk.line.pk)
    assert state is not None
    (claimed,) = (await ledger.claim(state, await ledger.find_due(state, 1))).messages
    outcome = Outcome(
        claimed, MessageStatus.ACCEPTED, await ledger.now(), message_id="id"
    )
    await ledger.record(outcome)
    await ledger.shelve(heard("id", "delivered"))
    await sweep(ctx)
    assert log.about("found their message") == [{"campaign": campaign.pk}]


async def test_a_claim_that_is_given_up_tells_its_campaign(
    desk: Desk, ctx: dict[str, Any], log: Log
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    ledger = desk.sending.ledger
    state = await ledger.look(desk.line.pk)
    assert state is not None
    await ledger.claim(state, await ledger.find_due(state, 1), for_s=-1)
    await sweep(ctx)
    assert log.about("passed their deadline") == [{"campaign": campaign.pk}]


async def test_an_import_tells_its_upload_and_campaign(
    desk: Desk, ctx: dict[str, Any], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await in_orm(importing, desk.line)
    upload = await upload_of(campaign)
    monkeypatch.setattr(imports, "MOST_ERRORS", 1)

    def broken(*_: object, **__: object) -> None:
        raise ValueError("an error of the program")

    monkeypatch.setattr(imports, "place", broken)
    with pytest.raises(ValueError, match="an error of the program"):
        await import_list(ctx, upload.pk)
    assert log.about("the import ended") == [
        {"upload": upload.pk, "campaign": campaign.pk}
    ]


async def test_a_job_that_the_database_ends_tells_its_line(
    desk: Desk, ctx: dict[str, Any], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise DatabaseAway("gone")

    monkeypatch.setattr(desk.sending.ledger, "look", away)
    await deliver(ctx, desk.line.pk)
    assert log.about("the database is away") == [{"line": desk.line.pk}]
