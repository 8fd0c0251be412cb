"""Whoever makes a line, the database or the program, it is the same line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pytest_django import Settings

from asgi_app.database import in_orm
from campaigns import export_lines, exports
from campaigns.csvfiles import BOM, csv_lines
from campaigns.export_lines import can_make_lines, read_lines, steady
from campaigns.export_views import csv_stream
from campaigns.exports import Export, begin_export
from campaigns.models import Campaign, Message
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists

IDS = (
    *(None, "3EB0C431C26A1916EA2A", "wamid.HBgLNzk5OTA=", "5f2e-77", "12345678901234"),
    *("12E5", "=1+1", "@x", "+7999", 'a"b', "a,b", "a;b", "-", "é", "12.5", "x y", "0"),
)
# On either side of the nights in which Berlin's clocks change, and long ago.
TIMES = [
    datetime(2026, 3, 29, 0, 59, 59, 999_999, UTC),
    datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
]


def odd_rows(line: Line) -> Campaign:
    campaign = lists.draft(line, 60)
    statuses = list(MessageStatus)
    for number, row in enumerate(Message.objects.filter(campaign=campaign)):
        row.status = statuses[number % len(statuses)]
        row.message_id = IDS[number % len(IDS)]
        row.attempt = 1 + number % 3
        row.claimed_at = TIMES[number % 5]
        row.answered_at = TIMES[number % 4] + timedelta(seconds=number)
        row.read_at = TIMES[number % 3] if number % 2 else None
        if number % 7 == 0:
            row.code, row.reason = "ApiNo", 'Ответ: «нет» "no"\r\n=cmd'
        elif number % 11 == 0:
            row.reason = "why"
        row.save()
    return campaign


async def by_the_program(export: Export, delimiter: str) -> bytes:
    content = BOM + csv_lines([export.header], delimiter=delimiter)
    after: int | None = 0
    while after is not None:
        piece = await in_orm(exports.read_piece, export, after=after)
        content += csv_lines(piece.rows, delimiter=delimiter)
        after = piece.after
    return content


@pytest.mark.parametrize("zone", ["Europe/Moscow", "Europe/Berlin", "UTC"])
@pytest.mark.parametrize(("language", "delimiter"), [("en", ","), ("ru", ";")])
@pytest.mark.parametrize(
    "asked", [{}, {"status": "failed"}, {"phone": "0007"}, {"status": "no such"}]
)
async def test_the_file_is_the_same_whoever_makes_its_lines(
    line: Line,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
    language: str,
    delimiter: str,
    asked: Mapping[str, str],
) -> None:
    settings.TIME_ZONE = zone
    # Windows that end within the list, and one that ends with it.
    monkeypatch.setattr(export_lines, "WINDOW", 20)
    campaign = await in_orm(odd_rows, line)
    export = await in_orm(
        begin_export,
        campaign_id=campaign.pk,
        asked=asked,
        language=language,
        in_utc_too=True,
    )
    stream = b"".join([part async for part in csv_stream(export)])
    assert stream == await by_the_program(export, delimiter)


async def test_mysql_makes_most_of_the_lines_itself(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await in_orm(odd_rows, line)
    export = await in_orm(
        begin_export, campaign_id=campaign.pk, asked={}, language="en"
    )
    if not await in_orm(can_make_lines, export):
        return  # SQLite; the file is compared above
    left: list[int] = []
    read_rows = exports.read_rows

    def count(export: Export, ids: list[int]) -> object:
        left.extend(ids)
        return read_rows(export, ids)

    monkeypatch.setattr(exports, "read_rows", count)
    await in_orm(read_lines, export, after=0, delimiter=",")
    assert 0 < len(left) < 50


def test_how_long_a_clock_goes_as_it_does() -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    berlin, until = steady(ZoneInfo("Europe/Berlin"), now)
    assert datetime(2026, 3, 29, 1, tzinfo=UTC) <= berlin < now - timedelta(days=80)
    assert now + timedelta(days=100) < until <= datetime(2026, 10, 25, 1, tzinfo=UTC)
    moscow, _ = steady(ZoneInfo("Europe/Moscow"), now)
    assert datetime(2014, 10, 25, 22, tzinfo=UTC) <= moscow
    assert moscow < datetime(2014, 11, 2, tzinfo=UTC)
