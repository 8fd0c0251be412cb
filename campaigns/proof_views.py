"""The proof pack of a campaign, sent while it is read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from asgi_app.database import in_orm
from asgi_app.middleware import operator_of
from campaigns import proofs
from campaigns.archives import Archive
from campaigns.csvfiles import BOM, csv_lines, delimiter_for
from campaigns.export_views import as_file, pieces
from campaigns.models import Campaign
from campaigns.proofs import Proof, begin_proof
from campaigns.receipt_files import remark_lines


@require_GET
async def proof(request: HttpRequest, campaign_id: int) -> HttpResponseBase:
    """One ZIP of all that is known of a campaign."""
    try:
        found = await in_orm(
            begin_proof,
            campaign_id=campaign_id,
            operator=operator_of(request),
            language=get_language() or "en",
        )
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    return as_file(proof_stream(found), f"{found.campaign.name}-proof", "zip")


async def proof_stream(proof: Proof) -> AsyncIterator[bytes]:
    """The pack in pieces; a reader that goes away ends it at the next one."""
    archive = Archive(timezone.localtime(proof.at))
    loop = asyncio.get_running_loop()
    # Packing takes the processor; other pages go on meanwhile.
    thread = ThreadPoolExecutor(1, thread_name_prefix="proof")
    try:
        for name, lines in _files(proof):
            yield await loop.run_in_executor(thread, archive.begin, name)
            async for data in lines:
                if packed := await loop.run_in_executor(thread, archive.add, data):
                    yield packed
        yield await loop.run_in_executor(thread, archive.close)
    finally:
        thread.shutdown(wait=False)


def _files(proof: Proof) -> Iterator[tuple[str, AsyncIterator[bytes]]]:
    """The files by name; the summary comes last, because it counts the messages."""
    campaign, delimiter = proof.campaign, delimiter_for(proof.export.language)
    counted: Counter[str] = Counter()
    yield proofs.TEXT, _at_once(lambda: campaign.text.encode())
    yield proofs.LIST, remark_lines(campaign.pk, "", delimiter)
    yield proofs.MESSAGES, _message_lines(proof, counted)
    rows = proofs.action_rows(proof)
    yield proofs.ACTIONS, _at_once(lambda: BOM + csv_lines(rows, delimiter=delimiter))
    yield proofs.SUMMARY, _at_once(lambda: proofs.summary(proof, counted).encode())


async def _at_once(make: Callable[[], bytes]) -> AsyncIterator[bytes]:
    yield make()


async def _message_lines(proof: Proof, counted: Counter[str]) -> AsyncIterator[bytes]:
    """Every message as a line, each of them counted by its status."""
    delimiter = delimiter_for(proof.export.language)
    yield BOM + csv_lines([proof.export.header], delimiter=delimiter)
    async for piece in pieces(proof.export):
        counted.update(piece.statuses)
        if piece.rows:
            yield csv_lines(piece.rows, delimiter=delimiter)
