"""What is done to a whole list, however long: piece by piece, a short query each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from django.db import Error
from django.utils.translation import gettext as _

from asgi_app.database import in_orm
from campaigns import copying, editing
from campaigns.copying import Whom
from campaigns.edit_forms import WHOM
from campaigns.models import Campaign
from campaigns.texts import Template

logger = logging.getLogger(__name__)

T = TypeVar("T")
# What shows a copy whose rows are all there: its id, and how many were left out.
Show = Callable[[int, int], Awaitable[T]]

# Copies that are being made; the loop itself holds its tasks weakly.
_under_way: set[asyncio.Task[Any]] = set()


async def copy(
    campaign: Campaign, *, name: str, whom: Whom, operator: str, show: Show[T]
) -> T:
    """Makes a copy to its end, whatever becomes of the browser; returns `show`'s word.

    A copy that `show` does not show is removed. Raises what it raises, and
    Campaign.DoesNotExist.
    """
    making = asyncio.create_task(_copy(campaign, name, whom, operator, show))
    _under_way.add(making)
    making.add_done_callback(_under_way.discard)
    return await asyncio.shield(making)


async def misfits(campaign: Campaign, template: Template) -> editing.Misfits:
    """The rows of a list that a text does not fit."""
    found = editing.Misfits()
    after: int | None = 0
    while after is not None:
        after = await in_orm(
            editing.find_misfits,
            campaign_id=campaign.pk,
            template=template,
            after=after,
            misfits=found,
        )
    return found


async def _copy(
    campaign: Campaign, name: str, whom: Whom, operator: str, show: Show[T]
) -> T:
    remark = _("Copied from ‹%(name)s›: %(whom)s.") % {
        "name": campaign.name,
        "whom": str(WHOM[whom][0]).lower(),
    }
    draft_id = await in_orm(
        copying.begin_copy,
        campaign_id=campaign.pk,
        name=name,
        remark=remark,
        operator=operator,
    )
    try:
        left_out = await _copy_rows(campaign, draft_id, whom)
        return await show(draft_id, left_out)
    finally:
        try:
            await in_orm(copying.drop_unless_shown, draft_id=draft_id)
        except Error as error:
            # One that is not shown is removed some hours later all the same.
            logger.warning("copy %s was not looked after: %s", draft_id, error)


async def _copy_rows(campaign: Campaign, draft_id: int, whom: Whom) -> int:
    """How many were left out."""
    after: int | None = 0
    left_out = 0
    while after is not None:
        piece = await in_orm(
            copying.copy_piece,
            campaign_id=campaign.pk,
            draft_id=draft_id,
            whom=whom,
            after=after,
        )
        after = piece.after
        left_out += piece.left_out
    return left_out
