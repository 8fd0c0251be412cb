"""What is done to a whole list, however long: piece by piece, a short query each."""

from __future__ import annotations

import asyncio

from django.utils.translation import gettext as _

from asgi_app.database import in_orm
from campaigns import copying, editing
from campaigns.copying import Whom
from campaigns.edit_forms import WHOM
from campaigns.models import Campaign
from campaigns.texts import Template

# Copies that are being made; the loop itself holds its tasks weakly.
_under_way: set[asyncio.Task[int]] = set()


async def copy(campaign: Campaign, *, name: str, whom: Whom, operator: str) -> int:
    """Makes a copy to its end, whatever becomes of the browser; returns the draft's id.

    Raises NobodyToSendTo and Campaign.DoesNotExist.
    """
    making = asyncio.create_task(_copy(campaign, name, whom, operator))
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


async def _copy(campaign: Campaign, name: str, whom: Whom, operator: str) -> int:
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
    await in_orm(
        copying.finish_copy, draft_id=draft_id, left_out=left_out, operator=operator
    )
    return draft_id
