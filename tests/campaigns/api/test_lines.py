from __future__ import annotations

from typing import Any

import pytest
from redis.asyncio import Redis

from asgi_app.database import in_orm, orm_now
from campaigns.ledger.brake import DELIVERY_COLLAPSED
from campaigns.models import Campaign, LineClock
from campaigns.restored import RESTORED
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import Caller
from tests.campaigns.browser import rings

WEEK = ["09:00–13:00, 14:00–19:00", *["9-18"] * 4, "", ""]


async def stopped(line: Line, code: str) -> None:
    def stop() -> None:
        LineClock.objects.update_or_create(
            line=line,
            defaults={
                "next_at": orm_now(),
                "stopped_at": orm_now(),
                "stopped_code": code,
            },
        )

    await in_orm(stop)


async def test_lines_are_told_with_what_waits_on_them(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 3)
    (told,) = await api.get("/lines")
    assert (told["id"], told["waiting"]) == (line.pk, 3)
    assert told["queue"] == [{"id": campaign.pk, "name": "Sale"}]
    one = await api.get(f"/lines/{line.pk}")
    assert one["next_at"] and not one["stopped_code"]
    await api.refused("GET", "/lines/99", "not_found")


async def test_the_rules_that_are_read_can_be_set(api: Caller, line: Line) -> None:
    path = f"/lines/{line.pk}/rules"
    rules = await api.get(path)
    assert rules["hours"] is None
    rules |= {"hours": WEEK, "hour_cap": 40, "days_off": ["2026-12-31", "2027-01-01"]}
    answer = await api.ask("PUT", path, json=rules)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told == await api.get(path)
    assert told["hours"][:2] == ["09:00–13:00, 14:00–19:00", "09:00–18:00"]
    assert told["days_off"] == ["2026-12-31", "2027-01-01"]
    # What was read before is not what is stored.
    await api.refused("PUT", path, "changed_since_shown", json=rules)


@pytest.mark.parametrize(
    "changed",
    [
        {"hours": ["9-18"] * 6},
        {"hours": ["18-9"] * 7},
        {"hours": [""] * 7},
        {"hour_cap": 0},
        {"days_off": ["31.12.2026"]},
        {"warm_up": [0]},
    ],
)
async def test_rules_that_make_no_sense_are_refused(
    api: Caller, line: Line, changed: dict[str, Any]
) -> None:
    path = f"/lines/{line.pk}/rules"
    rules = await api.get(path) | changed
    await api.refused("PUT", path, "invalid", json=rules)


async def test_a_line_is_chosen_unless_it_cannot_send(api: Caller, line: Line) -> None:
    other = await in_orm(Line.objects.create, licence_id="1002", messenger="grWhatsApp")
    assert (await api.post(f"/lines/{other.pk}/choose"))["is_chosen"]
    await in_orm(Line.objects.filter(pk=line.pk).update, active=False)
    await api.refused("POST", f"/lines/{line.pk}/choose", "line_unusable", json={})


async def test_a_stopped_line_goes_on(api: Caller, line: Line, redis: Redis) -> None:
    await in_orm(lists.running, line, 3)
    await stopped(line, "refused_in_a_row")
    told = await api.post(f"/lines/{line.pk}/release")
    assert told["stopped_at"] is None
    assert await rings(redis)


async def test_collapsed_deliveries_are_tried_first(api: Caller, line: Line) -> None:
    await stopped(line, DELIVERY_COLLAPSED)
    path = f"/lines/{line.pk}"
    await api.refused("POST", f"{path}/release", "line_needs_test", json={})
    order = {"phone": "89991112233", "text": "A test {name}"}
    made = await api.post(f"{path}/test", order, expected=201)
    test = await in_orm(Campaign.objects.get, pk=made["id"])
    assert test.is_line_test and test.text == "A test (name)"
    await api.refused("POST", f"{path}/test", "not_possible_now", json=order)
    told = await api.post(f"{path}/release", {"is_sure": True})
    assert told["stopped_at"] is None


async def test_a_line_is_not_tried_unless_it_is_stopped(
    api: Caller, line: Line
) -> None:
    order = {"phone": "89991112233", "text": "A test"}
    await api.refused("POST", f"/lines/{line.pk}/test", "line_not_stopped", json=order)


async def test_a_line_that_is_looked_through_stands_still(
    api: Caller, line: Line
) -> None:
    await stopped(line, RESTORED)
    path = f"/lines/{line.pk}/release"
    order = {"is_sure": True}
    await api.refused("POST", path, "line_is_looked_through", json=order)
