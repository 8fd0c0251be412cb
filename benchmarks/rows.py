"""Campaigns with any number of rows, made by the database itself."""

from __future__ import annotations

import random

from django.db import connection, transaction

from campaigns.message_rows import columns_alike
from campaigns.models import Campaign, Message
from campaigns.pacing import Delays
from campaigns.services import start_campaign
from campaigns.states import MessageStatus, Pacing
from chatapp.models import Line
from tests.campaigns import lists

# In one statement; its transaction must fit into the log.
AT_ONCE = 200_000
_NO_DELAY = Delays(0, 0, random.Random(1))


def line_of(number: int = 100) -> Line:
    line, _ = Line.objects.get_or_create(
        licence_id=str(number), messenger="grWhatsApp", defaults={"active": True}
    )
    return line


def running(
    line: Line,
    count: int,
    *,
    pacing: Pacing = Pacing.EACH_ON_ITS_OWN,
    spread_ms: int = 0,
) -> Campaign:
    """A started campaign with rows that wait, their delays spread evenly."""
    campaign = lists.draft(line, 0, pacing=pacing, delays=_NO_DELAY)
    columns, known = columns_alike({"campaign": campaign.pk, "is_from_upload": 0})
    prefix = f"{random.getrandbits(48):012x}"
    with connection.cursor() as cursor:
        for start in range(0, count, AT_ONCE):
            end = min(start + AT_ONCE, count)
            cursor.execute(
                f"INSERT INTO {Message._meta.db_table} ({', '.join(columns)})"
                f" SELECT {known}, CONCAT('+79', LPAD(seq, 9, '0')), seq + 1,"
                f" FLOOR(seq * {spread_ms} / {count}),"
                f" CONCAT('{prefix}', LPAD(HEX(seq), 12, '0')), '', NULL"
                f" FROM seq_{start}_to_{end - 1}"
            )
    Campaign.objects.filter(pk=campaign.pk).update(
        total=count, waiting=count, list_lines=count
    )
    start_campaign(campaign_id=campaign.pk, operator="bench")
    campaign.refresh_from_db()
    return campaign


def accepted(line: Line, count: int) -> Campaign:
    """A campaign that was sent: all accepted, with ids, and no status yet."""
    campaign = running(line, count)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {Message._meta.db_table} SET status = %s, claimed_at = NOW(6),"
            f" answered_at = NOW(6), message_id = CONCAT('m', campaign_id, '-', id)"
            f" WHERE campaign_id = %s",
            [MessageStatus.ACCEPTED, campaign.pk],
        )
        Campaign.objects.filter(pk=campaign.pk).update(waiting=0, accepted=count)
    campaign.refresh_from_db()
    return campaign
