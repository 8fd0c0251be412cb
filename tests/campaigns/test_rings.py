"""Two who change the same at one moment: the second waits, or does it once more."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from asgi_app.database import in_orm
from campaigns import listing, services
from campaigns.models import Campaign, LineClock, Message
from campaigns.pacing import Delays
from campaigns.services import (
    add_recipients,
    cancel_campaign,
    pause_campaign,
    resume_campaign,
    start_campaign,
)
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, fresh
from tests.eventually import eventually


def somebody_waits() -> bool:
    """Whether a transaction waits for a row; of SQLite's one lock nobody can tell."""
    if connection.vendor != "mysql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'")
        return int(cursor.fetchone()[1]) > 0


async def at_once(
    monkeypatch: pytest.MonkeyPatch,
    first: Callable[[], object],
    step: tuple[Any, str],
    second: Callable[[], object],
) -> None:
    """Has the second come while the first, which has the row, is at a step of its."""
    reached, go_on = threading.Event(), threading.Event()
    take_step = getattr(*step)

    def halt(*args: Any, **kwargs: Any) -> Any:
        reached.set()
        go_on.wait(20)
        return take_step(*args, **kwargs)

    monkeypatch.setattr(*step, halt)
    one = asyncio.create_task(in_orm(first))
    assert await asyncio.to_thread(reached.wait, 20)
    other = asyncio.create_task(in_orm(second))
    try:
        await eventually(lambda: in_orm(somebody_waits))
    finally:
        go_on.set()
    await asyncio.gather(one, other)


async def test_a_cancel_waits_for_who_adds_phones(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await in_orm(lists.draft, line, 3)
    add = partial(
        add_recipients,
        campaign_id=campaign.pk,
        phones=lists.phones(2, start=50),
        delays=Delays(0, 0, random.Random(1)),
        operator="anna",
    )
    cancel = partial(cancel_campaign, campaign_id=campaign.pk, operator="boris")
    await at_once(monkeypatch, add, (listing, "without_stopped"), cancel)
    assert await in_orm(lists.counts, campaign) == {"cancelled": 5}


async def test_a_pause_waits_for_a_resume(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await in_orm(lists.draft, line, 3)
    who: Any = {"campaign_id": campaign.pk, "operator": "anna"}
    await in_orm(start_campaign, **who)
    await in_orm(pause_campaign, **who)
    resume, pause = partial(resume_campaign, **who), partial(pause_campaign, **who)
    await at_once(monkeypatch, resume, (services, "refuse_what_is_over"), pause)
    verbs = await in_orm(lambda: [action.verb for action in campaign.actions.all()])
    assert verbs[-2:] == ["resumed", "paused"]
    assert (await fresh(campaign)).status == "paused"


@pytest.mark.parametrize("key", [None, "", "k"], ids=["page", "api", "api with key"])
async def test_what_has_to_give_way_is_done_again(
    site: Site, line: Line, key: str | None
) -> None:
    campaign = await in_orm(lists.running, line, 3)
    others = await in_orm(lists.draft, line, 300, start=50)
    has_clock, go_on = threading.Event(), threading.Event()

    def take_the_other_way_round() -> None:
        with transaction.atomic():
            # Whoever has changed less gives way.
            Message.objects.filter(campaign=others).update(delay_ms=1)
            LineClock.objects.select_for_update().get(line=line)
            has_clock.set()
            go_on.wait(20)
            Campaign.objects.held(campaign.pk)

    other = asyncio.create_task(in_orm(take_the_other_way_round))
    assert await asyncio.to_thread(has_clock.wait, 20)
    if key is None:
        pressed = site.post(f"/campaigns/{campaign.pk}/pause/")
    else:
        headers = {"Idempotency-Key": key} if key else {}
        path = f"/api/campaigns/{campaign.pk}/pause"
        pressed = site.http.post(path, json={}, headers=headers)
    answer = asyncio.create_task(pressed)
    try:
        await eventually(lambda: in_orm(somebody_waits))
    finally:
        go_on.set()
    await other
    assert (await answer).status_code == (302 if key is None else 200)
    assert (await fresh(campaign)).status == "paused"
    verbs = await in_orm(lambda: [action.verb for action in campaign.actions.all()])
    assert verbs.count("paused") == 1
