from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from campaigns.message_rows import MOST_BYTES, MOST_ROWS, insert_messages
from campaigns.models import Campaign, Message
from campaigns.recipients import Recipient
from chatapp.models import Line
from tests.campaigns import lists


def insert(campaign: Campaign, *recipients: Recipient) -> None:
    insert_messages(
        recipients,
        campaign_id=campaign.pk,
        is_from_upload=True,
        zones=["Asia/Omsk"] * len(recipients),
        delays_ms=list(range(len(recipients))),
    )


def columns(message: Message) -> dict[str, object]:
    own = {"id", "tracking", "phone", "phone_tail"}
    fields = Message._meta.concrete_fields
    return {f.name: getattr(message, f.attname) for f in fields if f.name not in own}


def test_a_row_is_what_the_orm_would_have_made_of_it(line: Line) -> None:
    campaign = lists.draft(line, 0)
    values = {"имя": "Ольга 'Оля' \\ 100 %"}
    insert(campaign, Recipient("+79990000001", 7, fields=values))
    made = Message.objects.create(
        campaign=campaign,
        phone="+79990000002",
        fields=values,
        zone="Asia/Omsk",
        list_line=7,
        is_from_upload=True,
    )
    made.refresh_from_db()
    inserted = Message.objects.get(phone="+79990000001")
    assert columns(inserted) == columns(made)
    assert inserted.phone_tail == "0001"


def test_many_rows_keep_their_order_and_have_trackings_of_their_own(
    line: Line,
) -> None:
    campaign = lists.draft(line, 0)
    phones = [f"+7999{number:07d}" for number in range(2 * MOST_ROWS + 1)]
    insert(campaign, *(Recipient(phone, 0) for phone in phones))
    rows = list(Message.objects.filter(campaign=campaign).order_by("id"))
    assert [row.phone for row in rows] == phones
    assert [row.delay_ms for row in rows] == list(range(len(phones)))
    assert {row.list_line for row in rows} == {None}
    trackings = {row.tracking for row in rows}
    assert len(trackings) == len(phones)
    assert {len(tracking) for tracking in trackings} == {24}


def test_nobody_comes_in_twice(line: Line) -> None:
    campaign = lists.draft(line, 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(campaign, Recipient("+79990000000", 1))
    assert Message.objects.count() == 1


def test_an_empty_list_adds_nothing(line: Line) -> None:
    insert(lists.draft(line, 0))
    assert Message.objects.count() == 0


@pytest.mark.parametrize(
    "told", ["", "79990000001", "+7999'", "+7999\n", "+٧٩٩٩٠٠٠", "+7999\\", "+1" * 9]
)
def test_only_a_phone_in_e164_is_ever_written_as_it_is(line: Line, told: str) -> None:
    with pytest.raises(ValueError, match=r"E\.164"):
        insert(lists.draft(line, 0), Recipient(told, 1))


def test_long_values_come_in_whole_however_many_statements_they_take(
    line: Line,
) -> None:
    campaign = lists.draft(line, 0)
    value = "ж" * (MOST_BYTES // 4)
    phones = [f"+7999000000{n}" for n in range(5)]
    insert(campaign, *(Recipient(p, 0, fields={"name": value + p}) for p in phones))
    rows = Message.objects.filter(campaign=campaign).order_by("id")
    assert [row.fields == {"name": value + row.phone} for row in rows] == [True] * 5
