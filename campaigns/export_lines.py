"""Lines of a CSV file that the database makes, ten times as fast as rows made here.

MySQL and MariaDB only. A row for which that would not come out as `exports` makes it
(a reason to be worded, an id that a spreadsheet would take for a number, a time from
before its zone's clocks were last put forward or back) is left to `exports`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.db.models import BinaryField
from django.db.models.expressions import RawSQL
from django.utils.translation import override

from campaigns import exports, wording
from campaigns.by_index import BY_PLACE, by_index
from campaigns.csvfiles import csv_lines
from campaigns.exports import Export
from campaigns.message_filters import filtered
from campaigns.models import Message
from campaigns.states import MessageStatus

# Messages that are looked at for one piece of the file.
WINDOW = 10_000
# Ids that no spreadsheet computes, shortens or takes for a number.
_PLAIN_ID = "^[0-9A-Za-z][0-9A-Za-z_=.:+/-]*$"
_NUMBER = "^[0-9]+([.][0-9]+)?([eE][0-9]+)?$"
_TIMES = (
    "claimed_at",
    "answered_at",
    "sent_at",
    "delivered_at",
    "read_at",
    "failed_at",
)
_END = b"\r\n"
# How far back and ahead is looked for a clock that is put forward or back.
_FAR = timedelta(days=20 * 365)
_STEP = timedelta(days=7)


@dataclass(frozen=True)
class Lines:
    """Lines of a file, and the key behind which the next begin; None at the end."""

    data: bytes
    after: int | None


def can_make_lines(export: Export) -> bool:
    return connection.vendor == "mysql" and export.template is None


def read_lines(export: Export, *, after: int, delimiter: str) -> Lines:
    """The lines of the next window, by message_place as `exports.read_piece`."""
    messages = Message.objects.filter(campaign=export.campaign).order_by("pk")
    window = messages.filter(pk__gt=after, pk__lte=export.last)
    end: int | None = None
    if any(export.asked.values()):
        ends = window.values_list("pk", flat=True)[WINDOW - 1 : WINDOW]
        with by_index(BY_PLACE):
            end = next(iter(ends), None)
        if end is not None:
            window = window.filter(pk__lte=end)
        found = filtered(window, export.asked, region=settings.PHONE_REGION)
    else:
        found = window[:WINDOW]
    sql, params = _line(export, delimiter)
    line = RawSQL(sql, params, output_field=BinaryField())
    with by_index(BY_PLACE):
        lines: dict[int, bytes | None] = dict(found.values_list("pk", line))
    if end is None and len(lines) == WINDOW:
        end = next(reversed(lines))
    if left := [pk for pk, made in lines.items() if made is None]:
        for pk, row in exports.read_rows(export, left).items():
            lines[pk] = csv_lines([row], delimiter=delimiter).removesuffix(_END)
    data = _END.join(made for made in lines.values() if made is not None)
    return Lines(data + _END if lines else b"", end)


def _line(export: Export, delimiter: str) -> tuple[str, list[object]]:
    """A line in SQL, NULL for a row that is to be made elsewhere."""
    guards = ["code = ''", "reason = ''"]
    guards.append(
        # MySQL takes no bytes for it; any byte is some sign of latin1.
        "(message_id IS NULL OR (CONVERT(message_id USING latin1) REGEXP %s"
        " AND CONVERT(message_id USING latin1) NOT REGEXP %s))"
    )
    guard_params: list[object] = [_PLAIN_ID, _NUMBER]
    for since, until in (steady(zone, datetime.now(UTC)) for zone in export.zones):
        for name in _TIMES:
            guards.append(f"({name} IS NULL OR {name} BETWEEN %s AND %s)")
            guard_params += [_written(since), _written(until)]
    words, word_params = _status_words(export.language)
    cells = ["CONCAT('\"''', phone, '\"')", words, "CONCAT('\"', attempt, '\"')"]
    params = word_params
    for name in _TIMES:
        for zone in export.zones:
            seconds = _offset_s(zone, datetime.now(UTC))
            is_told = f"{name} IS NOT NULL"
            if name == "claimed_at":
                is_told += f" AND status <> '{MessageStatus.WAITING}'"
            cells.append(
                f"IF({is_told}, DATE_FORMAT({name} + INTERVAL {seconds} SECOND,"
                " '\"%%Y-%%m-%%d %%H:%%i:%%s\"'), '\"\"')"
            )
    cells.append("CONCAT('\"', COALESCE(message_id, ''), '\"')")
    cells += ["'\"\"'", "'\"\"'"]
    line = f"CONCAT_WS('{delimiter}', {', '.join(cells)})"
    return f"IF({' AND '.join(guards)}, {line}, NULL)", [*guard_params, *params]


def _status_words(language: str) -> tuple[str, list[object]]:
    params: list[object] = []
    whens = []
    with override(language):
        for status in MessageStatus:
            cell = csv_lines([[str(wording.MESSAGES[status])]], delimiter=",")
            whens.append("WHEN %s THEN %s")
            params += [str(status), cell.removesuffix(_END).decode()]
    return f"CASE status {' '.join(whens)} END", params


def steady(zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Since when and until when a zone's clocks go, or will go, as they do now."""
    offset = _offset_s(zone, now)
    ends = []
    for step in (-_STEP, _STEP):
        at = now
        while abs(at + step - now) < _FAR and _offset_s(zone, at + step) == offset:
            at += step
        ends.append(at)
    return ends[0], ends[1]


def _offset_s(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
