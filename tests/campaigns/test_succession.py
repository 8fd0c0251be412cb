"""What a worker leaves that was killed between a claim and its record."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from asgi_app.database import Door, in_orm
from campaigns.ledger import Ledger
from campaigns.ledger.entries import Due
from campaigns.lifelines import Lifelines
from campaigns.models import Event, LineClock
from campaigns.pacing import Delays
from campaigns.states import Pacing
from campaigns.succession import succeed
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.desk import Desk, clock_of
from tests.campaigns.test_lifelines import other

NO_DELAY = Delays(0, 0, random.Random(1))


async def claim(ledger: Ledger, line: Line, count: int) -> None:
    state = await ledger.look(line.pk)
    assert state is not None
    await ledger.claim(state, await ledger.find_due(state, count))


async def left_by(folder: Path, ledger: Ledger, delays: Delays) -> list[Due]:
    """Succeeds a worker named "other", which was killed just now."""
    with other(folder):
        assert await succeed(ledger, Lifelines(folder), delays) == []
    return await succeed(ledger, Lifelines(folder), delays)


async def test_who_left_nothing_behind_is_nothing_to_warn_of(
    ledger: Ledger, delays: Delays, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "campaigns.succession")
    assert await left_by(tmp_path, ledger, delays) == []
    (told,) = [r for r in caplog.records if r.name == "campaigns.succession"]
    assert told.getMessage() == "other died; nothing was under way"
    assert told.levelno == logging.INFO


async def test_its_claims_are_unsure_and_its_line_goes_on_after_a_pause(
    door: Door, ledger: Ledger, line: Line, delays: Delays, tmp_path: Path
) -> None:
    campaign = await in_orm(lists.running, line, 3)
    await claim(Ledger(door, worker="other"), line, 1)
    (left,) = await left_by(tmp_path, ledger, delays)
    now = await ledger.now()
    assert left.line_id == line.pk
    # Its message may have left just now: the pause is drawn as behind any other.
    assert timedelta(seconds=4) < left.next_at - now < timedelta(seconds=50)
    assert await in_orm(lists.counts, campaign) == {"unsure": 1, "waiting": 2}
    state = await ledger.look(line.pk)
    assert state is not None and state.next_at == left.next_at
    events = Event.objects.filter(message__campaign=campaign, kind="no_answer")
    assert await in_orm(events.count) == 1
    assert await succeed(ledger, Lifelines(tmp_path), delays) == []


async def test_each_on_its_own_goes_on_at_once(
    door: Door, ledger: Ledger, line: Line, delays: Delays, tmp_path: Path
) -> None:
    campaign = await in_orm(
        lists.running, line, 9, pacing=Pacing.EACH_ON_ITS_OWN, delays=NO_DELAY
    )
    theirs = Ledger(door, worker="other")
    state = await theirs.look(line.pk)
    assert state is not None and state.head is not None
    await theirs.begin_delays(state.head)
    await claim(theirs, line, 4)
    (left,) = await left_by(tmp_path, ledger, delays)
    assert left.next_at <= await ledger.now()
    assert await in_orm(lists.counts, campaign) == {"unsure": 4, "waiting": 5}


async def test_what_others_have_claimed_stays_theirs(
    door: Door, ledger: Ledger, line: Line, delays: Delays, tmp_path: Path
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    await claim(Ledger(door, worker="alive"), line, 1)
    held = await in_orm(LineClock.objects.get, line=line)
    assert await left_by(tmp_path, ledger, delays) == []
    assert await in_orm(lists.counts, campaign) == {"claimed": 1, "waiting": 1}
    still = await in_orm(LineClock.objects.get, line=line)
    assert (still.next_at, still.turn) == (held.next_at, held.turn)


async def test_a_line_that_was_moved_on_has_no_holder(desk: Desk) -> None:
    await in_orm(lists.running, desk.line, 2)
    await desk.serve()
    assert (await clock_of(desk)).held_by == ""


@pytest.mark.parametrize("pacing", list(Pacing))
async def test_nothing_is_sent_twice_by_who_goes_on(
    desk: Desk, door: Door, delays: Delays, tmp_path: Path, pacing: Pacing
) -> None:
    campaign = await in_orm(lists.running, desk.line, 6, pacing=pacing, delays=NO_DELAY)
    theirs = Ledger(door, worker="other")
    await claim(theirs, desk.line, 1)
    own = replace(desk, sending=replace(desk.sending, delays=NO_DELAY))
    await left_by(tmp_path, desk.sending.ledger, NO_DELAY)
    await own.serve_all()
    assert await in_orm(lists.counts, campaign) == {"unsure": 1, "accepted": 5}
    assert len(desk.phones_sent()) == len(set(desk.phones_sent())) == 5
