from __future__ import annotations

import html

import httpx
import pytest
from redis.asyncio import Redis

from asgi_app.database import in_orm
from campaigns.books import recount
from campaigns.ledger import Ledger
from campaigns.models import Action, Campaign, LineClock, Message, ShelvedStatus
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, fresh, rings, words
from tests.campaigns.test_decisions import with_outcomes
from tests.eventually import eventually

UNSURE, FAILED = MessageStatus.UNSURE, MessageStatus.FAILED
ACCEPTED = MessageStatus.ACCEPTED


async def first_message(campaign: Campaign) -> Message:
    found = await in_orm(
        lambda: Message.objects.filter(campaign=campaign).order_by("id").first()
    )
    assert found is not None
    return found


async def test_the_unsure_box_names_them_with_the_reason_and_the_choices(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, UNSURE, ACCEPTED)
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "1 message is unsure" in page
    assert "Count as sent" in page and "Send again (may be a second copy)" in page


async def test_one_unsure_message_is_counted_as_sent(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, UNSURE, UNSURE)
    message = await first_message(campaign)
    path = f"/campaigns/{campaign.pk}/decide/assume-sent/"
    for _ in range(2):
        answer = await site.post(path, message=str(message.pk))
        assert answer.status_code == 302
    assert await in_orm(lists.counts, campaign) == {"unsure": 1, "assumed_sent": 1}
    actions = await in_orm(lambda: list(Action.objects.filter(verb="assumed_sent")))
    assert [(a.operator, a.count) for a in actions] == [("anna", 1)]


async def test_all_are_asked_about_once_more_before_they_are_sent_again(
    site: Site, ledger: Ledger, line: Line, redis: Redis
) -> None:
    campaign, _ = await with_outcomes(ledger, line, UNSURE, UNSURE, ACCEPTED)
    path = f"/campaigns/{campaign.pk}/decide/send-again/"
    asked = words(await site.get(path))
    assert "2 messages" in asked and "second copy" in asked
    assert await in_orm(lists.counts, campaign) == {"unsure": 2, "accepted": 1}
    await site.post(path)
    assert await in_orm(lists.counts, campaign) == {"waiting": 2, "accepted": 1}
    assert [r for r in await rings(redis) if f"deliver:{line.pk}:decided" in r]


async def test_only_the_failed_are_tried_again(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, FAILED, ACCEPTED)
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "Try the 1 failed one again" in page
    await site.post(f"/campaigns/{campaign.pk}/decide/retry/")
    assert await in_orm(lists.counts, campaign) == {"waiting": 1, "accepted": 1}


async def test_a_cancelled_campaign_says_why_nothing_is_sent_again(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, FAILED)
    await in_orm(Campaign.objects.filter(pk=campaign.pk).update, status="cancelled")
    answer = await site.post(f"/campaigns/{campaign.pk}/decide/retry/")
    assert answer.status_code == 409
    assert "cancelled" in words(answer)


async def test_the_page_of_a_message_tells_all_that_happened(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, FAILED)
    await site.post(f"/campaigns/{campaign.pk}/decide/retry/")
    message = await first_message(campaign)
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


async def test_the_times_of_the_ladder_are_shown(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED)
    await in_orm(
        Message.objects.filter(campaign=campaign).update,
        delivered_at="2026-01-02 10:11:12+00:00",
    )
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "2 Jan, 13:11:12" in page


async def test_a_stopped_line_is_said_on_every_page_and_goes_on_by_a_click(
    site: Site, ledger: Ledger, line: Line
) -> None:
    await with_outcomes(ledger, line, UNSURE, UNSURE, UNSURE)

    async def is_said() -> bool:
        return "Nothing leaves through" in (await site.get("/connect/")).text

    await eventually(is_said)
    for path in ("/", "/campaigns/new/"):
        assert "three messages in a row" in words(await site.get(path))
    assert (await site.post(f"/lines/{line.pk}/release/")).status_code == 302
    assert (await in_orm(LineClock.objects.get, line=line)).stopped_code == ""
    assert "Nothing leaves through" not in (await site.get("/")).text
    assert (await site.post(f"/lines/{line.pk}/release/")).status_code == 302


async def test_the_books_are_shown_as_they_were_counted(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, ACCEPTED, FAILED)
    await in_orm(recount, campaign.pk)
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "3 = 2 accepted + 1 failed ✓" in page
    await in_orm(Campaign.objects.filter(pk=campaign.pk).update, accepted=7)
    await in_orm(recount, campaign.pk)
    page = html.unescape(words(await site.get(f"/campaigns/{campaign.pk}/")))
    assert "accepted: 7 → 2" in page
    assert (await fresh(campaign)).accepted == 2


async def test_statuses_that_may_be_ours_are_shown_with_their_age(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, due = await with_outcomes(ledger, line, UNSURE, ACCEPTED)
    digits = [claimed.phone.lstrip("+") for claimed in due]
    for number, phone in enumerate([digits[0], digits[1], "79998887766"]):
        await in_orm(
            ShelvedStatus.objects.create,
            digest=str(number),
            message_id=f"foreign{number}",
            tracking="",
            kind="delivered",
            phone=phone,
            arrived_at="2026-01-02 10:11:12+00:00",
        )
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "1 status that may belong here waits" in page
    assert "2 Jan, 13:11:12" in page


@pytest.mark.parametrize(
    "path",
    [
        "/campaigns/404/decide/retry/",
        "/campaigns/404/messages/1/",
        "/lines/404/release/",
        "/campaigns/{}/decide/nonsense/",
    ],
)
async def test_what_does_not_exist_is_not_found(
    site: Site, line: Line, path: str
) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = path.format(campaign.pk)
    answer = await (site.post(path) if "release" in path else site.get(path))
    assert answer.status_code == 404


async def test_nobody_decides_without_a_password(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, UNSURE, FAILED)
    message = await first_message(campaign)
    site.http.auth = httpx.BasicAuth("", "")
    base = f"/campaigns/{campaign.pk}"
    for path in (
        f"{base}/decide/assume-sent/",
        f"{base}/decide/retry/",
        f"/lines/{line.pk}/release/",
    ):
        assert (await site.http.post(path)).status_code == 401
    answer = await site.get(f"{base}/messages/{message.pk}/")
    assert answer.status_code == 401
    assert await in_orm(lists.counts, campaign) == {"unsure": 1, "failed": 1}
