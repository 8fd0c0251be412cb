from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation
from pytest_django import Settings

from campaigns import forecast_words
from campaigns.forecast import Condition, Forecast

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def moscow(settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Moscow"


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Thursday noon, which is now."""
    noon = datetime(2026, 3, 5, 12, 0, tzinfo=ZoneInfo("Europe/Moscow"))
    monkeypatch.setattr(timezone, "now", lambda: noon)
    return noon


def told(
    at: datetime, band: timedelta = 13 * MINUTE, condition: Condition | None = None
) -> str:
    return forecast_words.ending(Forecast(at, at, band, condition))


@pytest.mark.parametrize(
    ("after", "band", "said"),
    [
        (timedelta(hours=2, minutes=20), 13 * MINUTE, "Ends 14:20 ± 13 min"),
        (timedelta(days=1, seconds=29), 13 * MINUTE, "Ends Fri 12:00 ± 13 min"),
        (timedelta(days=1, seconds=31), 13 * MINUTE, "Ends Fri 12:01 ± 13 min"),
        (timedelta(days=9), 90 * MINUTE, "Ends Sat 14 Mar, 12:00 ± 1 h 30 min"),
        (timedelta(seconds=75), 20 * MINUTE / 60, "Ends 12:01:15 ± 20 s"),
        (timedelta(seconds=75), timedelta(), "Ends 12:01:15"),
    ],
)
def test_it_tells_the_day_where_needed_and_no_more_than_is_known(
    noon: datetime, after: timedelta, band: timedelta, said: str
) -> None:
    assert told(noon + after, band) == said


def test_it_tells_on_what_it_depends(noon: datetime) -> None:
    at = noon + 5 * MINUTE
    started = told(at, condition=Condition.STARTED)
    assert started == "If started now, it ends 12:05 ± 13 min"
    assert told(at, condition=Condition.RESUMED).startswith("If resumed now, it ends")
    assert told(at, condition=Condition.LINE_GOES_ON).startswith("If the line goes on")


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (timedelta(seconds=40), "as planned"),
        (-timedelta(seconds=40), "as planned"),
        (2 * MINUTE, "2 min behind plan"),
        (-3 * MINUTE, "3 min ahead of plan"),
        (20 * MINUTE, "20 min behind plan, more than chance explains"),
    ],
)
def test_it_is_held_against_the_plan(
    noon: datetime, behind: timedelta, said: str
) -> None:
    forecast = Forecast(
        noon, noon + behind, MINUTE, planned_at=noon, planned_band=13 * MINUTE
    )
    assert forecast_words.against_plan(forecast) == said


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (10 * MINUTE, "10 min behind plan (it was paused for 10 min)"),
        (
            30 * MINUTE,
            "30 min behind plan (it was paused for 10 min), more than chance explains",
        ),
        (timedelta(seconds=40), "as planned"),
    ],
)
def test_a_pause_is_told_and_held_for_no_chance(
    noon: datetime, behind: timedelta, said: str
) -> None:
    forecast = Forecast(
        noon,
        noon + behind,
        MINUTE,
        planned_at=noon,
        planned_band=2 * MINUTE,
        paused=10 * MINUTE,
    )
    assert forecast_words.against_plan(forecast) == said


def test_without_a_plan_nothing_is_held_against_it(noon: datetime) -> None:
    assert forecast_words.against_plan(Forecast(noon, noon, MINUTE)) == ""


def test_days_are_written_small_in_russian(noon: datetime) -> None:
    with translation.override("ru"):
        assert told(noon + timedelta(hours=25)) == "Окончание: пт 13:00 ± 13 мин"
        assert told(noon + timedelta(days=10)).startswith(
            "Окончание: вс 15 марта, 12:00"
        )
