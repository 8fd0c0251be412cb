from __future__ import annotations

from datetime import UTC, datetime, timedelta

from asgi_app.database import in_orm
from campaigns.hindrances import Kind
from campaigns.models import LineClock, LineRules, LineSpell, WorkerBeat
from campaigns.services import pause_campaign
from campaigns.spells import NOBODY, SENDING, Spell, note_spells, read_spells
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.frozen import FrozenClock, clock

__all__ = ["clock"]

NOW = datetime(2026, 3, 5, 9, tzinfo=UTC)


def kinds(spells: list[Spell]) -> list[tuple[str, float]]:
    return [(s.kind, s.lasts / timedelta(minutes=1)) for s in spells]


async def note(clock: FrozenClock, *, minutes: int) -> None:
    """Lets the worker write every minute, and be seen."""
    for _ in range(minutes):
        clock.go_on(minutes=1)
        await in_orm(
            lambda: WorkerBeat.objects.update_or_create(
                name="w1", defaults={"started_at": NOW, "beat_at": clock.now}
            )
        )
        await in_orm(
            lambda: LineClock.objects.update(next_at=clock.now)  # it is never late
        )
        await in_orm(note_spells)


async def read(line: Line, clock: FrozenClock) -> list[tuple[str, float]]:
    return kinds(
        await in_orm(read_spells, line.pk, NOW - timedelta(hours=9), clock.now)
    )


async def test_what_a_line_does_is_written_down_without_gaps(
    line: Line, clock: FrozenClock
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    await note(clock, minutes=3)
    await in_orm(pause_campaign, campaign_id=campaign.pk, operator="anna")
    await note(clock, minutes=5)
    assert await read(line, clock) == [(SENDING, 2), (Kind.PAUSED, 5)]
    # As long as the reason is the same, one row is prolonged.
    assert await in_orm(LineSpell.objects.count) == 2


async def test_while_nobody_wrote_no_worker_was_there(
    line: Line, clock: FrozenClock
) -> None:
    await in_orm(lists.running, line, 2)
    await note(clock, minutes=2)
    clock.go_on(minutes=40)
    await note(clock, minutes=2)
    clock.go_on(minutes=20)
    found = await read(line, clock)
    assert found == [(SENDING, 1), (NOBODY, 41), (SENDING, 1), (NOBODY, 20)]


async def test_a_short_break_of_the_worker_is_not_told(
    line: Line, clock: FrozenClock
) -> None:
    await in_orm(lists.running, line, 2)
    await note(clock, minutes=2)
    clock.go_on(minutes=3)
    await note(clock, minutes=2)
    assert await read(line, clock) == [(SENDING, 6)]


async def test_a_rest_is_told_with_its_rule(line: Line, clock: FrozenClock) -> None:
    await in_orm(
        lambda: LineRules.objects.create(line=line, windows=[[["20:00", "21:00"]]] * 7)
    )
    await in_orm(lists.running, line, 1)
    await note(clock, minutes=3)
    assert await read(line, clock) == [(Kind.OUTSIDE_HOURS, 2)]


async def test_only_the_part_that_is_asked_for_is_told(
    line: Line, clock: FrozenClock
) -> None:
    await in_orm(lists.running, line, 1)
    await note(clock, minutes=30)
    since = NOW + timedelta(minutes=10)
    until = NOW + timedelta(minutes=15)
    assert kinds(await in_orm(read_spells, line.pk, since, until)) == [(SENDING, 5)]
    # Before the first of all there is nothing to tell.
    before = NOW - timedelta(hours=1)
    assert await in_orm(read_spells, line.pk, before, NOW) == []
