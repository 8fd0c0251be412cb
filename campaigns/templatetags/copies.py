"""What may be done with a campaign as a whole."""

from __future__ import annotations

from django import template

from campaigns import copying, removal
from campaigns.copying import Whom
from campaigns.models import Campaign

register = template.Library()


@register.filter
def unread_count(campaign: Campaign) -> int:
    """For how many it left who have not read it, as far as is known."""
    return copying.count_of(campaign, Whom.UNREAD)


@register.filter
def may_be_deleted(campaign: Campaign) -> bool:
    return removal.may_be_deleted(campaign)
