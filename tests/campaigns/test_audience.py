"""Who never answers, who wrote, and who was written to lately."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from asgi_app.database import in_orm
from campaigns import audience
from campaigns.audience import count_new_strangers, count_strangers, read_lately
from campaigns.hearing import heard
from campaigns.leaving_out import leave_out
from campaigns.ledger import Ledger
from campaigns.models import (
    CallbackCount,
    Campaign,
    ListRemark,
    Message,
    Writer,
)
from campaigns.receipt_selectors import receipt_of_campaign
from campaigns.refusals import NotPossibleNow
from campaigns.services import start_campaign
from chatapp.events import parse
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, words
from tests.campaigns.frozen import FrozenClock, clock

__all__ = ["clock"]


async def sent(line: Line, count: int, at: datetime, *, start: int = 0) -> Campaign:
    """A campaign that ChatApp took then."""
    campaign = await in_orm(lists.running, line, count, start=start)
    rows = Message.objects.filter(campaign=campaign)
    await in_orm(lambda: rows.update(status="delivered", answered_at=at))
    await in_orm(
        lambda: Campaign.objects.filter(pk=campaign.pk).update(
            waiting=0, delivered=count
        )
    )
    return campaign


def incoming(line: Line, phone: str, at: int, **more: Any) -> bytes:
    item = {
        "id": f"in-{phone}-{at}",
        "side": "in",
        "fromMe": False,
        "time": at,
        "type": "text",
        "message": {"text": "Hi"},
        "chat": {"phone": phone, "type": "private"},
        **more,
    }
    meta = {
        "type": "message",
        "licenseId": int(line.licence_id),
        "messengerType": line.messenger,
    }
    return json.dumps({"data": [item], "meta": meta}).encode()


async def hear(ledger: Ledger, body: bytes) -> None:
    await ledger.shelve(heard(parse(body)))


async def writers() -> list[tuple[str, int]]:
    rows = Writer.objects.order_by("phone")
    return [(w.phone, int(w.last_at.timestamp())) for w in await in_orm(list, rows)]


async def test_who_writes_is_kept_once_with_the_last_time(
    ledger: Ledger, line: Line
) -> None:
    for at in (1_772_700_000, 1_772_700_500, 1_772_700_200):
        await hear(ledger, incoming(line, "79990000001", at))
    assert await writers() == [("+79990000001", 1_772_700_500)]
    (writer,) = await in_orm(list, Writer.objects.all())
    assert int(writer.first_at.timestamp()) == 1_772_700_000


@pytest.mark.parametrize(
    "more",
    [
        {"side": "out"},
        {"fromMe": True},
        {"chat": {"phone": "79990000001", "type": "group"}},
        {"chat": {"phone": "abc", "type": "private"}},
    ],
)
async def test_what_is_no_message_of_a_person_makes_no_writer(
    ledger: Ledger, line: Line, more: dict[str, Any]
) -> None:
    await hear(ledger, incoming(line, "79990000001", 1_772_700_000, **more))
    assert await writers() == []


async def test_a_message_to_a_line_that_is_not_known_makes_no_writer(
    ledger: Ledger, line: Line
) -> None:
    other = Line(licence_id="404", messenger="grWhatsApp")
    await hear(ledger, incoming(other, "79990000001", 1_772_700_000))
    assert await writers() == []


async def test_strangers_got_a_message_in_a_month_and_never_wrote(
    ledger: Ledger, line: Line, clock: FrozenClock
) -> None:
    await sent(line, 5, clock.now - timedelta(days=3))
    await sent(line, 5, clock.now - timedelta(days=2))  # the same people again
    await sent(line, 4, clock.now - timedelta(days=31), start=100)
    found = await in_orm(count_strangers, line.pk, clock.now)
    assert (found.count, found.is_more, found.is_upper_bound) == (5, False, True)
    await hear(ledger, incoming(line, "79990000001", 1_700_000_000))
    await in_orm(CallbackCount.objects.update, last_at=clock.now)
    found = await in_orm(count_strangers, line.pk, clock.now)
    assert (found.count, found.is_upper_bound) == (4, False)
    draft = await in_orm(lists.draft, line, 8)
    new = await in_orm(count_new_strangers, draft, clock.now)
    assert (new.count, new.is_about, new.is_upper_bound) == (3, False, False)


async def test_of_a_long_list_a_part_is_looked_at(
    line: Line, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "LOOKED_AT", 10)
    monkeypatch.setattr(audience, "COUNTED", 3)
    await sent(line, 5, clock.now - timedelta(days=3))
    draft = await in_orm(lists.draft, line, 40)
    new = await in_orm(count_new_strangers, draft, clock.now)
    assert (new.count, new.is_about) == (20, True)
    found = await in_orm(count_strangers, line.pk, clock.now)
    assert (found.count, found.is_more) == (3, True)


async def test_who_got_another_campaign_lately_is_named_and_left_out(
    line: Line, clock: FrozenClock, settings: Settings
) -> None:
    sale = await sent(line, 4, clock.now - timedelta(days=2))
    await sent(line, 6, clock.now - timedelta(days=9), start=2)
    draft = await in_orm(lists.draft, line, 10)
    (lately,) = await in_orm(read_lately, draft, clock.now)
    assert (lately.campaign, lately.count) == (sale, 4)
    assert lately.last_at == clock.now - timedelta(days=2)
    settings.COOLING_OFF_DAYS = 0
    assert await in_orm(read_lately, draft, clock.now) == []
    settings.COOLING_OFF_DAYS = 7
    of = [sale.pk]
    for left_out in (4, 0):
        gone = await in_orm(leave_out, campaign_id=draft.pk, of=of, operator="anna")
        assert gone == left_out
    assert await in_orm(lists.counts, draft) == {"waiting": 6}
    remarks = await in_orm(list, ListRemark.objects.filter(campaign=draft))
    assert {(r.reason, r.about) for r in remarks} == {("got_lately", "Sale")}
    receipt = await in_orm(receipt_of_campaign, draft)
    assert (receipt.entries, receipt.count_in, receipt.count_left_out) == (10, 6, 4)
    await in_orm(start_campaign, campaign_id=draft.pk, operator="anna")
    with pytest.raises(NotPossibleNow):
        await in_orm(leave_out, campaign_id=draft.pk, of=of, operator="anna")


async def test_a_test_to_ones_own_phone_is_no_campaign(
    line: Line, clock: FrozenClock
) -> None:
    test = await sent(line, 1, clock.now)
    await in_orm(lambda: Campaign.objects.filter(pk=test.pk).update(is_line_test=True))
    draft = await in_orm(lists.draft, line, 1)
    assert await in_orm(read_lately, draft, clock.now) == []


async def test_the_pages_say_what_may_harm_the_line(
    site: Site, line: Line, clock: FrozenClock
) -> None:
    sale = await sent(line, 4, clock.now - timedelta(days=2))
    draft = await in_orm(lists.draft, line, 25, text="Hello!")
    page = await site.get(f"/campaigns/{draft.pk}/confirm/")
    said = words(page)
    assert "21 people of this list have never written to the line." in said
    assert "4 of these got ‹Sale› lately" in said
    assert "It is the very same text for all 25 people." in said
    form = await site.get(f"/campaigns/{draft.pk}/edit/?variants=yes")
    assert "[Hello|Hi|Good day]!" in form.text
    assert (await in_orm(Campaign.objects.get, pk=draft.pk)).text == "Hello!"
    assert "+79990000003" in (await site.get(f"/campaigns/{draft.pk}/lately/")).text
    await site.post(f"/campaigns/{draft.pk}/lately/", of=str(sale.pk))
    assert await in_orm(lists.counts, draft) == {"waiting": 21}
    receipt = words(await site.get(f"/campaigns/{draft.pk}/"))
    assert "4 left out because of another campaign" in receipt
    again = await site.get(f"/campaigns/{draft.pk}/lately/")
    assert "Nobody on this list got another campaign lately." in words(again)
    line_page = words(await site.get(f"/lines/{line.pk}/"))
    assert "4 people got a message in 30 days" in line_page
    assert (await site.get("/campaigns/999999/lately/")).status_code == 404
