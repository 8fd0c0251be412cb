"""Fourteen days of two lines with rules, three campaigns, and a clock that jumps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from asgi_app.database import in_orm
from campaigns import spells
from campaigns.audit import audit
from campaigns.calendar_words import sentence
from campaigns.line_calendar import read_calendar
from campaigns.models import Campaign, LineRules, Message, WorkerBeat
from campaigns.services import start_campaign
from campaigns.spells import note_spells
from campaigns.timing import Timing, set_timing
from chatapp.models import Line
from chatapp.sandbox.licences import CA_LICENCE_ID
from tests.campaigns import lists
from tests.campaigns.desk import Desk
from tests.campaigns.frozen import MOSCOW, FrozenClock, clock

__all__ = ["clock"]

FORTNIGHT = timedelta(days=14)
# The worker sweeps and writes its diary; in this world more rarely than in ours.
TICK = timedelta(minutes=30)
NEVER = datetime.max.replace(tzinfo=UTC)
OFFICE = [[["09:00", "13:00"], ["14:00", "18:00"]]] * 5 + [[], []]
SHOP = [[["10:00", "20:00"]]] * 7
DAY_OFF = date(2026, 3, 6)


@dataclass
class World:
    """Serves lines when they are due, as doorbells and sweeps do, and writes down."""

    desk: Desk
    clock: FrozenClock
    lines: list[Line]
    due: dict[int, datetime] = field(default_factory=dict)

    async def run(self, until: datetime) -> None:
        tick = self.clock.now
        while self.clock.now < until:
            moments = {**{pk: self.due.get(pk, NEVER) for pk in self.ids}, 0: tick}
            who, at = min(moments.items(), key=lambda item: item[1])
            self.clock.now = max(self.clock.now, at)
            if who:
                self.due[who] = await self.desk.sending.serve(who) or NEVER
            else:
                await self.sweep()
                tick += TICK

    async def sweep(self) -> None:
        ledger = self.desk.sending.ledger
        late = [due.line_id for due in await ledger.overdue(by_s=2)]
        for line_id in [*await ledger.start_scheduled(), *late]:
            self.due[line_id] = self.clock.now
        await in_orm(self.write)

    def write(self) -> None:
        now = self.clock.now
        beat = {"started_at": now, "beat_at": now}
        WorkerBeat.objects.update_or_create(name="w", defaults=beat)
        note_spells()

    @property
    def ids(self) -> list[int]:
        return [line.pk for line in self.lines]


async def start(
    world: World, line: Line, count: int, start: int, **timing: Any
) -> Campaign:
    """A campaign as its page before the start foretold it."""
    draft = await in_orm(lists.draft, line, count, start=start)
    asked: dict[str, Any] = {"campaign_id": draft.pk, "operator": "anna"}
    await in_orm(set_timing, timing=Timing(**timing), **asked)
    await in_orm(start_campaign, **asked)
    world.due[line.pk] = min(world.due.get(line.pk, NEVER), world.clock.now)
    return await in_orm(Campaign.objects.get, pk=draft.pk)


async def when_left(line: Line) -> list[datetime]:
    rows = Message.objects.filter(campaign__line=line, answered_at__isnull=False)
    times = await in_orm(list, rows.values_list("claimed_at", flat=True))
    return sorted(at.astimezone(MOSCOW) for at in times if at)


def check_hours(times: list[datetime], windows: list[list[list[str]]]) -> None:
    for at in times:
        assert any(
            opens <= f"{at:%H:%M}" < closes for opens, closes in windows[at.weekday()]
        ), at
        assert at.date() != DAY_OFF


@pytest.mark.timeout(120)
async def test_a_fortnight_keeps_every_rule_and_every_promise(
    desk: Desk, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spells, "NO_LONGER", TICK + timedelta(minutes=5))
    office = desk.line
    shop = await in_orm(
        Line.objects.create, licence_id=str(CA_LICENCE_ID), messenger="telegram"
    )
    rules: Mapping[Line, dict[str, Any]] = {
        office: {"windows": OFFICE, "hour_cap": 20, "day_cap": 90},
        shop: {"windows": SHOP, "warm_up": [20, 50]},
    }
    for line, row in rules.items():
        row["days_off"] = [DAY_OFF.isoformat()]
        await in_orm(LineRules.objects.create, line=line, **row)
    begin = clock.show("2026-03-05", "09:30")  # a Thursday
    world = World(desk, clock, [office, shop])

    sale = await start(world, office, 250, 0)
    monday = FrozenClock(begin).show("2026-03-09", "09:00")
    news = await start(world, office, 120, 1000, start_at=monday)
    opening = await start(world, shop, 200, 2000)
    await world.run(begin + FORTNIGHT)

    times = {line.pk: await when_left(line) for line in (office, shop)}
    assert [len(times[line.pk]) for line in (office, shop)] == [370, 200]
    check_hours(times[office.pk], OFFICE)
    check_hours(times[shop.pk], SHOP)
    by_hour = Counter(f"{at:%F %H}" for at in times[office.pk])
    by_day = Counter(at.date() for at in times[office.pk])
    assert max(by_hour.values()) == 20
    assert max(by_day.values()) == 90
    climbed = Counter(at.date() for at in times[shop.pk])
    assert [climbed[day] for day in sorted(climbed)] == [20, 50, 130]

    for campaign in (sale, news, opening):
        answers = Message.objects.filter(campaign=campaign).order_by("-answered_at")
        ended_at = await in_orm(answers.values_list("answered_at", flat=True).first)
        assert campaign.planned_end_at and ended_at
        band = timedelta(seconds=campaign.planned_band_s or 0)
        assert abs(ended_at - campaign.planned_end_at) <= band, campaign
    assert await in_orm(lambda: list(audit())) == []

    for line in (office, shop):
        calendar = await in_orm(
            read_calendar, line_id=line.pk, first=date(2026, 3, 5), days=14
        )
        hours = [h for day in calendar.days for h in day.hours if h]
        told = [h for h in hours if begin <= h.since and h.until <= clock.now]
        assert sum(hour.sent for hour in hours) == len(times[line.pk])
        silent = [sentence(hour) for hour in told if not hour.sent]
        assert len(silent) > 200
        reasons = {said for one in silent for said in one.split("; ")}
        assert not {r for r in reasons if "written down" in r or "no worker" in r}
        assert {"outside its hours", "nothing to send", "day off"} <= reasons
