"""The calendar of a line: fourteen days by hours, a day in words, a draft in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from asgi_app.database import in_orm
from campaigns.away import says_when_away
from campaigns.calendar_words import Cell, cell
from campaigns.line_calendar import DAYS, LineCalendar, place_draft, read_calendar
from campaigns.line_hours import Day, Hour
from campaigns.models import Campaign
from chatapp.models import Line

OF_INTEREST = frozenset({"sent", "planned", "free", "amiss"})


@dataclass(frozen=True)
class Row:
    """A day with what its hours say."""

    day: Day
    cells: Sequence[Cell]


@says_when_away
@require_safe
async def calendar(request: HttpRequest, line_id: int) -> HttpResponse:
    first = _read_date(request.GET.get("from", ""))
    try:
        found = await in_orm(read_calendar, line_id=line_id, first=first)
    except Line.DoesNotExist as error:
        raise Http404 from error
    return render(request, "campaigns/calendar.html", _context(found))


@says_when_away
@require_safe
async def placed(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """The same with a draft where it would go if it were started now."""
    try:
        found = await in_orm(place_draft, campaign_id=campaign_id)
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    ctx = {**_context(found), "campaign": found.draft}
    return render(request, "campaigns/calendar.html", ctx)


@says_when_away
@require_safe
async def day(request: HttpRequest, line_id: int, day: str) -> HttpResponse:
    """One day in words, so that every hour in which nothing left is explained."""
    first = _read_date(day)
    if first is None:
        raise Http404
    try:
        found = await in_orm(read_calendar, line_id=line_id, first=first, days=1)
    except Line.DoesNotExist as error:
        raise Http404 from error
    hours: list[tuple[Hour, Cell]] = [
        (hour, cell(hour)) for hour in found.days[0].hours if hour
    ]
    ctx = {"it": found, "line": found.line, "day": found.days[0], "hours": hours}
    return render(request, "campaigns/calendar_day.html", ctx)


def _context(found: LineCalendar) -> dict[str, object]:
    rows = [[cell(hour) for hour in day.hours] for day in found.days]
    numbers = _of_interest(rows)
    return {
        "it": found,
        "line": found.line,
        "rows": [
            Row(day, [cells[number] for number in numbers])
            for day, cells in zip(found.days, rows, strict=True)
        ],
        "numbers": numbers,
    }


def _of_interest(rows: Sequence[Sequence[Cell]]) -> range:
    """The hours between the first and the last in which anything may happen."""
    busy = [
        number
        for cells in rows
        for number, cell in enumerate(cells)
        if cell.look in OF_INTEREST
    ]
    return range(min(busy), max(busy) + 1) if busy else range(24)


def _read_date(text: str) -> date | None:
    """A date with room for a page of days on either side."""
    try:
        read = date.fromisoformat(text)
    except ValueError:
        return None
    near = timedelta(days=3 * DAYS)
    is_far = not date(MINYEAR, 1, 1) + near < read < date(MAXYEAR, 12, 31) - near
    return None if is_far else read
