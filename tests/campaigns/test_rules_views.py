from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from redis.asyncio import Redis

from asgi_app.database import in_orm, orm_now
from campaigns.hours import Window
from campaigns.line_rules import rules_of
from campaigns.models import LineClock, LineRules, Message, WorkerBeat
from campaigns.rules_text import (
    NotUnderstood,
    read_days,
    read_windows,
    write_days,
    write_windows,
)
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, rings, words

TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("typed", "windows"),
    [
        ("", []),
        ("9-18", [(540, 1080)]),
        ("09:00–13:00, 14:30—19", [(540, 780), (870, 1140)]),
        ("14-19; 9.30-13", [(570, 780), (840, 1140)]),
        ("0-24", [(0, 1440)]),
        ("9−18", [(540, 1080)]),
    ],
)
def test_windows_are_read_as_people_write_them(
    typed: str, windows: list[tuple[int, int]]
) -> None:
    read = read_windows(typed)
    assert [(w.opens, w.closes) for w in read] == windows
    assert read_windows(write_windows(read)) == read


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("from nine to five", ""),
        ("9-25", ""),
        ("9:75-10", ""),
        ("18-9", "backwards"),
        ("9-9", "backwards"),
        ("9-13, 12-18", "overlap"),
    ],
)
def test_what_is_no_window_is_named(typed: str, why: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        read_windows(typed)
    assert caught.value.why == why


@pytest.mark.parametrize(
    ("typed", "days"),
    [
        ("31.12.2026", ["2026-12-31"]),
        ("2026-12-31", ["2026-12-31"]),
        ("31.12.26", ["2026-12-31"]),
        ("31.12", ["2026-12-31"]),
        ("01.01", ["2027-01-01"]),
        ("30.12.2026 - 01.01.2027", ["2026-12-30", "2026-12-31", "2027-01-01"]),
        ("31.12–01.01.2027", ["2026-12-31", "2027-01-01"]),
        ("08.03.2027, 09.03.2027\n08.03.2027", ["2027-03-08", "2027-03-09"]),
        ("29.02.2028", ["2028-02-29"]),
        ("29.02", ["2028-02-29"]),
        ("31.12.2026-01.01.2027", ["2026-12-31", "2027-01-01"]),
        ("31.12-01.01", ["2026-12-31", "2027-01-01"]),
        ("2026-12-31 – 2027-01-01", ["2026-12-31", "2027-01-01"]),
        ("31.12.2026 г.", ["2026-12-31"]),
    ],
)
def test_days_off_are_read_as_people_write_them(typed: str, days: list[str]) -> None:
    read = read_days(typed, today=TODAY)
    assert sorted(day.isoformat() for day in read) == days
    assert read_days(write_days(read), today=TODAY) == read


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("New Year", ""),
        ("30.02.2027", ""),
        ("29.02.2027", ""),
        ("08.01.2027 – 01.01.2027", "backwards"),
        ("01.01.2027 – 01.01.2029", "backwards"),
        # Two days and not nearly a year, as nobody has written one.
        ("08.01–01.01", "backwards"),
        ("29.02–15.01.2028", "backwards"),
        # Not the 8th of January 2001, nor a year that is long over.
        ("1-8.01", ""),
        ("01.01-08", ""),
        ("31.12.202", ""),
        ("31.12.0202", ""),
    ],
)
def test_what_is_no_day_is_named(typed: str, why: str) -> None:
    with pytest.raises(NotUnderstood) as caught:
        read_days(typed, today=TODAY)
    assert caught.value.why == why


def filled(**changed: str) -> dict[str, str]:
    form = {"when": "these", "warm_up": "20, 50", "hour_cap": "40", "day_cap": "200"}
    form |= {f"day-{number}": "9-18" for number in range(5)}
    form["days_off"] = "31.12.2026"
    return form | changed


async def test_rules_that_are_saved_hold_and_wake_the_line(
    site: Site, line: Line, redis: Redis
) -> None:
    await in_orm(lists.running, line, 1)
    await in_orm(
        LineClock.objects.update, is_resting=True, next_at="2030-01-01 00:00+00:00"
    )
    page = await site.post(f"/lines/{line.pk}/rules/", **filled())
    assert page.status_code == 302
    rules = await in_orm(rules_of, line.pk)
    assert rules.hours.of_day(date(2026, 11, 27)) == (Window(540, 1080),)
    assert rules.hours.of_day(date(2026, 11, 28)) == ()
    assert rules.hours.days_off == {date(2026, 12, 31)}
    assert (rules.hour_cap, rules.day_cap, rules.warm_up) == (40, 200, (20, 50))
    clock = await in_orm(LineClock.objects.get)
    assert (clock.is_resting, clock.next_at.year) == (False, 2026)
    assert len(await rings(redis)) == 1
    shown = await site.get(f"/lines/{line.pk}/")
    assert "Mon–Fri 09:00–18:00; Sat–Sun closed" in shown.text
    assert "Day 1 of its warm-up: 20 messages." in shown.text
    again = await site.get(f"/lines/{line.pk}/rules/")
    assert 'value="09:00–18:00"' in again.text


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("day-0", "18-9", "“18-9” ends before it begins."),
        ("day-6", "9-13, 12-14", "overlaps"),
        ("day-2", "all day", "“all day” is no stretch of time."),
        ("days_off", "30.02.2027", "“30.02.2027” is no date."),
        ("hour_cap", "0", "With this nothing would ever be sent."),
        ("day_cap", "many", "Please type a whole number"),
        ("warm_up", "20, 0", "“0” is no number of messages above 0."),
    ],
)
async def test_what_is_wrong_comes_back_with_what_was_typed(
    site: Site, line: Line, field: str, typed: str, said: str
) -> None:
    page = await site.post(f"/lines/{line.pk}/rules/", **filled(**{field: typed}))
    assert page.status_code == 422
    assert said in page.text
    assert typed in page.text
    assert await in_orm(LineRules.objects.count) == 0


async def test_a_week_without_an_hour_is_refused(site: Site, line: Line) -> None:
    closed = filled(**{f"day-{number}": "" for number in range(7)})
    page = await site.post(f"/lines/{line.pk}/rules/", **closed)
    assert "Please open at least one hour" in page.text
    anytime = await site.post(f"/lines/{line.pk}/rules/", **closed | {"when": "any"})
    assert anytime.status_code == 302


async def test_what_somebody_else_saved_meanwhile_is_not_undone(
    site: Site, line: Line
) -> None:
    await site.post(f"/lines/{line.pk}/rules/", **filled())
    page = await site.post(f"/lines/{line.pk}/rules/", **filled(hour_cap="7", seen=""))
    assert page.status_code == 409
    assert "anna has saved other rules meanwhile." in page.text
    assert 'value="7"' in page.text
    assert (await in_orm(rules_of, line.pk)).hour_cap == 40


async def test_the_page_says_what_the_recipients_clock_allows(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    now = (await in_orm(orm_now)).astimezone(ZoneInfo("Asia/Tashkent"))
    minute = now.hour * 60 + now.minute
    window = Window(max(minute - 30, 0), min(minute + 30, 1440))
    stored = [[str(window).split("–")]] * 7
    await in_orm(
        LineRules.objects.create, line=line, windows=stored, in_recipients_zone=True
    )
    # Where the house is it is two hours earlier.
    asleep = words(await site.get(f"/lines/{line.pk}/"))
    assert "It is outside the line" in asleep
    await in_orm(Message.objects.filter(campaign=campaign).update, zone="Asia/Tashkent")
    awake = words(await site.get(f"/lines/{line.pk}/"))
    assert "It may send now." in awake


async def test_an_unknown_line_has_no_rules(site: Site) -> None:
    assert (await site.get("/lines/999999/rules/")).status_code == 404
