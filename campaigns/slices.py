"""Draws a trial slice: who, chosen at random, gets a text before all others."""

from __future__ import annotations

import random

from django.db.models import QuerySet

from campaigns.by_index import BY_PLACE, by_index
from campaigns.models import Campaign, Message, SliceMember
from campaigns.states import MessageStatus

_DRAWN_AT_ONCE = 500
_ROUNDS = 40


def may_leave(campaign: Campaign) -> QuerySet[Message]:
    """What waits of it for no click: of a slice that is open only its members."""
    waiting = Message.objects.filter(status=MessageStatus.WAITING)
    if not campaign.slice_is_open:
        return waiting.filter(campaign=campaign)
    members = SliceMember.objects.filter(campaign=campaign)
    # By nothing but the key, lest SQLite reads all that waits instead.
    return waiting.filter(pk__in=list(members.values_list("message_id", flat=True)))


def choose_slice(campaign: Campaign, size: int) -> None:
    """Draws a draft's slice anew; hold its row, in a transaction.

    Every waiting message is as likely: keys are drawn from the range of the campaign's
    own, and those that are not of it are thrown away. Where too many are, because
    several lists came in at once, the keys themselves are read.
    """
    SliceMember.objects.filter(campaign=campaign).delete()
    waiting = Message.objects.filter(campaign=campaign, status=MessageStatus.WAITING)
    # Of all of its keys: the ends of the waiting ones no index gives at once.
    keys = Message.objects.filter(campaign=campaign).values_list("pk", flat=True)
    with by_index(BY_PLACE):
        first, last = keys.order_by("pk")[0], keys.order_by("-pk")[0]
    chosen: dict[int, None] = {}
    source = random.SystemRandom()
    for _ in range(_ROUNDS):
        drawn = [source.randint(first, last) for _ in range(_DRAWN_AT_ONCE)]
        # By nothing but the key, lest SQLite reads all that waits instead.
        rows = Message.objects.filter(pk__in=drawn)
        found = rows.values_list("pk", "campaign_id", "status")
        there = {pk for pk, *of in found if of == [campaign.pk, MessageStatus.WAITING]}
        chosen |= dict.fromkeys(pk for pk in drawn if pk in there)
        if len(chosen) >= size:
            break
    else:
        all_waiting = list(waiting.values_list("pk", flat=True))
        chosen = dict.fromkeys(source.sample(all_waiting, size))
    SliceMember.objects.bulk_create(
        SliceMember(campaign=campaign, message_id=pk) for pk in list(chosen)[:size]
    )
