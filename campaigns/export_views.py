"""Files of a campaign's messages, sent while they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from asgi_app.database import in_orm
from campaigns.csvfiles import BOM, csv_lines, delimiter_for
from campaigns.export_lines import Lines, can_make_lines, read_lines
from campaigns.exports import Export, Piece, begin_export, read_piece
from campaigns.message_filters import NAMES
from campaigns.models import Campaign
from campaigns.workbooks import WorkbookFile

KINDS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
TABLES = frozenset({"csv", "xlsx"})
BLOCK = 256 * 1024


@require_GET
async def export(request: HttpRequest, campaign_id: int, kind: str) -> HttpResponseBase:
    """A file of the messages that the campaign page would show with this address."""
    if kind not in TABLES:
        raise Http404
    try:
        found = await in_orm(
            begin_export,
            campaign_id=campaign_id,
            asked={name: request.GET.get(name, "") for name in NAMES},
            language=get_language() or "en",
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    stream = csv_stream(found) if kind == "csv" else workbook_stream(found)
    return as_file(stream, found.campaign.name, kind)


def as_file(
    stream: AsyncIterator[bytes], name: str, kind: str
) -> StreamingHttpResponse:
    """A response that a browser stores instead of showing it, under a name and date."""
    slug = slugify(name, allow_unicode=True) or "campaign"
    name = f"{slug[:80]}-{timezone.localdate()}.{kind}"
    response = StreamingHttpResponse(stream, content_type=KINDS[kind])
    response.headers["Content-Disposition"] = str(
        content_disposition_header(True, name)
    )
    response.headers["X-Accel-Buffering"] = "no"  # nginx would gather all of it
    return response


async def csv_stream(export: Export) -> AsyncIterator[bytes]:
    """The file in pieces; a reader that goes away ends it at the next one."""
    delimiter = delimiter_for(export.language)
    yield BOM + csv_lines([export.header], delimiter=delimiter)
    if can_make_lines(export):
        async for lines in _lines_ahead(export, delimiter):
            yield lines
        return
    async for piece in pieces(export):
        if piece.rows:
            yield csv_lines(piece.rows, delimiter=delimiter)


async def _lines_ahead(export: Export, delimiter: str) -> AsyncIterator[bytes]:
    """Each window is read while the one before it is sent."""

    def read(after: int) -> asyncio.Task[Lines]:
        work = in_orm(read_lines, export, after=after, delimiter=delimiter)
        return asyncio.create_task(work)

    reading: asyncio.Task[Lines] | None = read(0)
    try:
        while reading is not None:
            lines = await reading
            reading = None if lines.after is None else read(lines.after)
            if lines.data:
                yield lines.data
    finally:
        if reading is not None:
            reading.cancel()


async def workbook_stream(export: Export) -> AsyncIterator[bytes]:
    """The file once it is whole: its table of contents stands at its end."""
    loop = asyncio.get_running_loop()
    # In one thread, so that the removal waits for the step that is under way.
    thread = ThreadPoolExecutor(1, thread_name_prefix="export")
    book = await loop.run_in_executor(thread, partial(_open_workbook, export))
    try:
        async for piece in pieces(export):
            await loop.run_in_executor(thread, book.write, piece.rows)
        await loop.run_in_executor(thread, book.close)
        file = await loop.run_in_executor(thread, book.path.open, "rb")
        try:
            while block := await loop.run_in_executor(thread, file.read, BLOCK):
                yield block
        finally:
            thread.submit(file.close)
    finally:
        thread.submit(book.remove)
        thread.shutdown(wait=False)


def _open_workbook(export: Export) -> WorkbookFile:
    return WorkbookFile(
        sheet=str(_("Messages")), header=export.header, widths=export.widths
    )


async def pieces(export: Export) -> AsyncIterator[Piece]:
    """All rows of a file, read while they are asked for."""
    after: int | None = 0
    while after is not None:
        piece = await in_orm(read_piece, export, after=after)
        yield piece
        after = piece.after
