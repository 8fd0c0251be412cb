from __future__ import annotations

import html
from datetime import timedelta

import pytest

from asgi_app.database import in_orm, orm_now
from campaigns.history import EventKind
from campaigns.ledger import Ledger
from campaigns.models import Event, Message
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns.browser import Site, words
from tests.campaigns.test_decisions import with_outcomes

UNSURE, FAILED = MessageStatus.UNSURE, MessageStatus.FAILED
ACCEPTED = MessageStatus.ACCEPTED


async def test_the_page_of_a_message_tells_all_that_happened(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, due = await with_outcomes(ledger, line, FAILED)
    await site.post(f"/campaigns/{campaign.pk}/decide/retry/")
    message = await in_orm(Message.objects.get, pk=due[0].message_id)
    page = words(await site.get(f"/campaigns/{campaign.pk}/messages/{message.pk}/"))
    for part in (
        message.phone,
        "claimed for sending",
        "worker test",
        "refused by ChatApp",
        "the reason",
        "to be tried again",
        "by anna",
        "Attempt 1:",
    ):
        assert part in page, part


async def test_a_status_that_settles_an_unsure_message_says_so(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, due = await with_outcomes(ledger, line, UNSURE)
    message_id = due[0].message_id
    path = f"/campaigns/{campaign.pk}/messages/{message_id}/"
    page = words(await site.get(path))
    assert "looks in the chat's history next at" in html.unescape(page)
    assert "Count as sent" in page
    at = await in_orm(orm_now)
    await in_orm(
        Event.objects.create,
        message_id=message_id,
        kind=EventKind.DELIVERED,
        at=at - timedelta(minutes=2),
        arrived_at=at,
        copies=3,
    )
    await in_orm(Message.objects.filter(pk=message_id).update, status="delivered")
    page = words(await site.get(path))
    for part in ("this settled it by itself", "late", "told 3 times"):
        assert part in page, part
    assert "Count as sent" not in page


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("assume-sent", "counted as sent by anna"),
        ("send-again", "to be sent again, maybe a second copy by anna"),
    ],
)
async def test_what_an_operator_decided_has_not_settled_itself(
    site: Site, ledger: Ledger, line: Line, what: str, said: str
) -> None:
    campaign, due = await with_outcomes(ledger, line, UNSURE)
    await site.post(f"/campaigns/{campaign.pk}/decide/{what}/")
    path = f"/campaigns/{campaign.pk}/messages/{due[0].message_id}/"
    page = words(await site.get(path))
    assert said in page
    assert "settled it by itself" not in page


async def test_a_failure_by_status_is_told_from_a_refusal(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, due = await with_outcomes(ledger, line, FAILED, FAILED)
    await in_orm(
        Message.objects.filter(pk=due[0].message_id).update,
        failed_at="2026-01-02 10:11:12+00:00",
        code="",
        reason="Message undeliverable",
    )
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "by a later status, 2 Jan, 13:11:12 Message undeliverable" in page
    assert page.count("refused at once") == 1


async def test_the_times_of_the_ladder_are_shown(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED)
    await in_orm(
        Message.objects.filter(campaign=campaign).update,
        sent_at="2026-01-02 10:11:11+00:00",
        delivered_at="2026-01-02 10:11:12+00:00",
        read_at="2026-01-02 10:11:13+00:00",
    )
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "2 Jan, 13:11:11 2 Jan, 13:11:12 2 Jan, 13:11:13" in page


async def test_a_message_is_only_looked_at(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, due = await with_outcomes(ledger, line, UNSURE)
    path = f"/campaigns/{campaign.pk}/messages/{due[0].message_id}/"
    assert (await site.post(path)).status_code == 405
