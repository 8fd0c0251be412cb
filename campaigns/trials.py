"""The text on the operator's own phone before everybody gets it."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from asgi_app.database import orm_now
from asgi_app.giving_way import repeated
from campaigns.models import Campaign, Message, StopEntry
from campaigns.sending_order import first_recipients
from campaigns.services import (
    NobodyToSendTo,
    NotPossibleNow,
    OnStopList,
    TextCannotBeSent,
    note,
    start_campaign,
    wind_clock,
)
from campaigns.states import CampaignStatus, Pacing
from campaigns.texts import BadText, MissingValue, read_template

NAME_LENGTH = 200


@repeated
def start_trial(*, campaign_id: int, phone: str, operator: str, key: str) -> int:
    """Sends a draft's text to one phone, in a campaign of its own; returns the line.

    It says what the first recipient's says, and takes its turn on the line. Of two
    clicks with the same `key` one sends. Raises NotPossibleNow, NobodyToSendTo,
    OnStopList or TextCannotBeSent.
    """
    with transaction.atomic():
        draft = Campaign.objects.held(campaign_id)
        if draft.status != CampaignStatus.DRAFT:
            raise NotPossibleNow(draft.state)
        # By the index on `trial_of`.
        if key and Campaign.objects.filter(trial_of=draft, start_key=key).exists():
            return wind_clock(campaign_id, orm_now())
        if StopEntry.objects.filter(phone=phone).exists():
            raise OnStopList
        recipients = first_recipients(draft, 1)
        if not recipients:
            raise NobodyToSendTo
        first = recipients[0]
        try:
            read_template(draft.text).render(first.fields or {}, seed=first.tracking)
        except (BadText, MissingValue) as fault:
            raise TextCannotBeSent(fault) from fault
        trial = Campaign.objects.create(
            name=(_("Test of %(name)s") % {"name": draft.name})[:NAME_LENGTH],
            text=draft.text,
            line_id=draft.line_id,
            # Each on its own, it would only come later.
            pacing=Pacing.ONE_AFTER_ANOTHER,
            trial_of=draft,
            created_by=operator,
            total=1,
            waiting=1,
        )
        Message.objects.create(campaign=trial, phone=phone, fields=first.fields)
        note(trial.pk, "created", operator, orm_now())
        return start_campaign(campaign_id=trial.pk, operator=operator, key=key)
