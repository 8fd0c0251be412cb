"""The lines of a list that need a word, as a table for Excel."""

from __future__ import annotations

from collections.abc import AsyncIterator

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from asgi_app.database import in_orm
from campaigns import receipt_selectors, wording
from campaigns.csvfiles import BOM, csv_lines
from campaigns.models import ListRemark

BATCH = 1000


async def remark_lines(
    campaign_id: int, reason: str, delimiter: str
) -> AsyncIterator[bytes]:
    """The remarks with a reason, or all, in pieces of a CSV file."""
    header = [_("File"), pgettext("list", "Row"), _("Text there"), _("Reason")]
    header += [_("Column"), _("Phone"), _("First in row"), _("Outcome")]
    yield BOM + csv_lines([header], delimiter=delimiter)
    after = 0
    while remarks := await in_orm(
        receipt_selectors.remarks_after,
        campaign_id=campaign_id,
        reason=reason,
        after=after,
        count=BATCH,
    ):
        yield csv_lines(map(_cells, remarks), delimiter=delimiter)
        after = remarks[-1].pk


def _cells(remark: ListRemark) -> list[str]:
    return [
        remark.source,
        str(remark.line),
        remark.raw,
        str(wording.REASONS.get(remark.reason, remark.reason)),
        remark.about,
        remark.phone,
        str(remark.first_line or ""),
        _("kept") if remark.is_kept else _("left out"),
    ]
