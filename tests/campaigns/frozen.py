"""The database's clock, stopped: it shows what a test says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from asgi_app import database
from asgi_app.database import Door

MOSCOW = ZoneInfo("Europe/Moscow")


@dataclass
class FrozenClock:
    now: datetime

    def show(self, day: str, at: str = "00:00", zone: ZoneInfo = MOSCOW) -> datetime:
        """Sets it by the clock on the wall of a zone."""
        local = datetime.fromisoformat(f"{day}T{at}").replace(tzinfo=zone)
        self.now = local.astimezone(UTC)
        return self.now

    def go_on(self, **by: float) -> None:
        self.now += timedelta(**by)

    async def ask(self) -> datetime:
        return self.now

    def read(self) -> datetime:
        return self.now


@pytest.fixture
def clock(door: Door, monkeypatch: pytest.MonkeyPatch) -> Iterator[FrozenClock]:
    """The one clock of the program, for the ledger's door and for the ORM's."""
    clock = FrozenClock(datetime(2026, 3, 5, 9, tzinfo=UTC))
    monkeypatch.setattr(door, "now", clock.ask)
    real = database.orm_now
    _replace(real, clock.read)
    yield clock
    # What was imported meanwhile, such as the pages, has taken the frozen one.
    _replace(clock.read, real)


def _replace(old: Callable[[], datetime], new: Callable[[], datetime]) -> None:
    for module in list(sys.modules.values()):
        if vars(module).get("orm_now") == old:
            vars(module)["orm_now"] = new
