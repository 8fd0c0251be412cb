from __future__ import annotations

import csv
import io
import tempfile
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest
from django.utils import translation
from python_calamine import CalamineWorkbook

from asgi_app.database import in_orm
from campaigns import exports
from campaigns.csvfiles import Cell
from campaigns.export_views import csv_stream, workbook_stream
from campaigns.exports import begin_export
from campaigns.ledger import Ledger
from campaigns.models import Campaign, Message
from campaigns.recipients import PhoneList
from campaigns.spreadsheets import read_file
from campaigns.states import MessageStatus
from campaigns.workbooks import WorkbookFile
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site
from tests.campaigns.test_decisions import with_outcomes
from tests.eventually import eventually

FAILED, ACCEPTED = MessageStatus.FAILED, MessageStatus.ACCEPTED
UNSURE = MessageStatus.UNSURE
AT = datetime(2026, 1, 2, 3, 4, 5, 999, tzinfo=UTC)
AT_IN_MOSCOW = datetime.fromisoformat("2026-01-02 06:04:05")


def rows_of(answer: httpx.Response, delimiter: str = ",") -> list[dict[str, str]]:
    assert answer.status_code == 200
    return table_of(answer.content, delimiter)


def table_of(content: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows of a CSV file by the names of its columns."""
    assert content.startswith(b"\xef\xbb\xbf")
    text = io.StringIO(content.decode("utf-8-sig"), newline="")
    return list(csv.DictReader(text, delimiter=delimiter))


def sheet_of(content: bytes) -> list[list[object]]:
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    return [list(row) for row in book.get_sheet_by_index(0).iter_rows()]


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def change(campaign: Campaign, phone: str = "", **values: object) -> None:
    found = Message.objects.filter(campaign=campaign, phone__endswith=phone)
    assert await in_orm(found.update, **values)


async def test_the_csv_has_every_message_with_its_outcome(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, FAILED, UNSURE)
    await change(campaign, "0001", code="not_on_whatsapp", reason="=cmd|' /C calc'!A0")
    await change(campaign, "0000", read_at=AT, message_id="12345678901234567890")
    answer = await site.get(f"/campaigns/{campaign.pk}/export.csv")
    first, second, third = rows_of(answer)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith(
        'attachment; filename="sale'
    )
    assert first["Phone"] == "'+79990000000"
    assert (first["Status"], first["Attempt"]) == ("accepted", "1")
    # In Moscow, the zone of the setting.
    assert first["Read"] == "2026-01-02 06:04:05"
    assert first["Message id"] == "'12345678901234567890"
    assert second["Code"] == "not_on_whatsapp"
    assert second["Reason"].startswith("This phone has no WhatsApp. · =cmd")
    assert third["Status"] == "unsure"
    assert "Text" not in first
    assert first["Left"] and first["Answered"] and not first["Delivered"]


async def test_no_cell_of_the_csv_is_a_formula(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, FAILED)
    await change(campaign, code="@x", reason="=1+1")
    (row,) = rows_of(await site.get(f"/campaigns/{campaign.pk}/export.csv"))
    assert (row["Code"], row["Reason"]) == ("'@x", "'=1+1")
    assert not [cell for cell in row.values() if cell[:1] in set("=+-@\t\r")]


async def test_the_phones_of_an_export_can_be_imported_again(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.draft, line, 5)
    for kind in ("csv", "xlsx"):
        answer = await site.get(f"/campaigns/{campaign.pk}/export.{kind}")
        read: PhoneList = read_file(f"e.{kind}", answer.content, region="RU")
        assert [r.phone for r in read.recipients] == [
            f"+7999000000{n}" for n in range(5)
        ]


async def test_the_workbook_has_the_same_rows_as_text_and_times(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, FAILED)
    await change(campaign, "0001", code="@x", reason="=1+1")
    await change(campaign, "0000", read_at=AT)
    answer = await site.get(f"/campaigns/{campaign.pk}/export.xlsx")
    header, first, second = sheet_of(answer.content)
    assert header[:3] == ["Phone", "Status", "Attempt"]
    assert first[:3] == ["+79990000000", "accepted", 1]
    assert first[header.index("Read")] == AT_IN_MOSCOW
    assert second[header.index("Reason")] == "=1+1"
    assert answer.headers["Content-Disposition"].endswith('.xlsx"')


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 4),
        ("status=failed", 2),
        ("status=failed&code=why", 2),
        ("status=failed&code=other", 0),
        ("phone=0001", 1),
        ("phone=8999", 4),
        ("phone=%2B79990000002", 1),
        ("status=no_such", 0),
        ("phone=nobody", 0),
        ("page=7&reload=off&sort=time", 4),
    ],
)
async def test_it_holds_what_the_page_shows_with_the_same_address(
    site: Site, ledger: Ledger, line: Line, query: str, count: int
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, FAILED, FAILED, UNSURE)
    await in_orm(lists.draft, line, 3)
    answer = await site.get(f"/campaigns/{campaign.pk}/export.csv?{query}")
    assert len(rows_of(answer)) == count


@pytest.mark.parametrize("window", [1, 2, 3, 7])
async def test_whatever_the_window_each_message_is_there_once(
    site: Site, line: Line, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "WINDOW", window)
    first = await in_orm(lists.draft, line, 3)
    await in_orm(lists.draft, line, 2)
    await change(first, "0001", status=FAILED)
    # Rows of another campaign lie between.
    await in_orm(Message.objects.create, campaign=first, phone="+79990000009")
    for query, ends in (("", "0129"), ("?status=failed", "1"), ("?status=read", "")):
        found = rows_of(await site.get(f"/campaigns/{first.pk}/export.csv{query}"))
        assert [row["Phone"][-1] for row in found] == list(ends)


async def test_what_comes_after_the_beginning_is_left_out(line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 2)
    export = await in_orm(
        begin_export, campaign_id=campaign.pk, asked={}, language="en"
    )
    await in_orm(Message.objects.create, campaign=campaign, phone="+79990000009")
    text = b"".join([part async for part in csv_stream(export)]).decode()
    assert "+79990000001" in text and "+79990000009" not in text


async def test_a_text_of_its_own_stands_in_a_column(site: Site, line: Line) -> None:
    text = "[Hi|Hello] {name}, {{yes}} {city}"
    campaign = await in_orm(lists.draft, line, 2, text=text)
    await change(campaign, "0000", fields={"name": "Anna", "city": "=Rome"})
    row, without = rows_of(await site.get(f"/campaigns/{campaign.pk}/export.csv"))
    assert row["Text"] in {"Hi Anna, {yes} =Rome", "Hello Anna, {yes} =Rome"}
    assert without["Text"] == ""


async def test_in_russian_words_and_delimiter_are_russian(line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    export = await in_orm(
        begin_export, campaign_id=campaign.pk, asked={}, language="ru"
    )
    text = b"".join([part async for part in csv_stream(export)]).decode()
    with translation.override("ru"):
        assert translation.gettext("waiting") in text
    assert '"\'+79990000000";' in text


async def test_in_russian_a_reason_is_russian_but_for_what_chatapp_said(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, UNSURE, FAILED)
    broke = "the connection broke before the answer ended"
    await change(campaign, "0000", code="hung_up", reason=broke)
    await change(campaign, "0001", code="http_422", reason="Bad phone")
    site.http.cookies.set("language", "ru")
    at = f"/campaigns/{campaign.pk}"
    table = rows_of(await site.get(f"{at}/export.csv"), ";")
    told = [row["Причина"] for row in table]
    assert told == [
        "Запрос ушёл, но ChatApp оборвал связь без ответа. · "
        "соединение оборвалось до конца ответа",
        "ChatApp считает, что с телефоном или текстом что-то не так. · Bad phone",
    ]
    header, *rows = sheet_of((await site.get(f"{at}/export.xlsx")).content)
    assert [row[header.index("Причина")] for row in rows] == told
    with ZipFile(io.BytesIO((await site.get(f"{at}/proof.zip")).content)) as pack:
        table = table_of(pack.read("messages.csv"), ";")
    assert [row["Причина"] for row in table] == told


async def test_a_reader_that_goes_away_leaves_nothing_behind(
    line: Line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(exports, "WINDOW", 1)
    campaign = await in_orm(lists.draft, line, 5)
    export = await in_orm(
        begin_export, campaign_id=campaign.pk, asked={}, language="en"
    )
    read = 0

    async def counted() -> AsyncIterator[bytes]:
        nonlocal read
        async for part in csv_stream(export):
            read += 1
            yield part

    stream = counted()
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert read == 1
    book = workbook_stream(export)
    assert (await anext(book)).startswith(b"PK")
    assert left_in(tmp_path)
    await book.aclose()  # type: ignore[attr-defined]
    await eventually(lambda: not left_in(tmp_path))


def test_a_full_sheet_is_followed_by_another() -> None:
    book = WorkbookFile(sheet="M", header=["A"], widths=[9], rows_a_sheet=3)
    book.write([[str(n)] for n in range(5)])
    book.close()
    sheets = CalamineWorkbook.from_path(str(book.path))
    assert sheets.sheet_names == ["M", "M 2", "M 3"]
    assert list(sheets.get_sheet_by_name("M 3").iter_rows()) == [["A"], ["4"]]
    book.remove()
    assert not book.path.parent.exists()


def test_a_workbook_of_many_rows_takes_little_memory() -> None:
    row: list[Cell] = ["+79990000000", "delivered", 1, AT, "id" * 20]
    book = WorkbookFile(sheet="M", header=["A"] * 5, widths=[9] * 5)
    tracemalloc.start()
    for _ in range(20):
        book.write([row] * 1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    book.close()
    book.remove()
    assert peak < 2_000_000


@pytest.mark.parametrize("path", ["999/export.csv", "1/export.pdf", "1/export.exe"])
async def test_what_is_not_there_is_not_found(site: Site, path: str) -> None:
    assert (await site.get(f"/campaigns/{path}")).status_code == 404


async def test_an_outsider_gets_no_file(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    site.http.auth = httpx.BasicAuth("anna", "wrong")
    answer = await site.get(f"/campaigns/{campaign.pk}/export.csv")
    assert answer.status_code == 401
    assert b"+7999" not in answer.content
