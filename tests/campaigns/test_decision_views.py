from __future__ import annotations

import asyncio
import html

import httpx
import pytest
from redis.asyncio import Redis

from asgi_app.database import in_orm
from campaigns import results
from campaigns.books import recount
from campaigns.ledger import Ledger
from campaigns.models import Action, Campaign, Message, ShelvedStatus
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, change, fresh, rings, words
from tests.campaigns.test_decisions import with_outcomes

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
    assert (await site.post(path, message=str(message.pk))).status_code == 302
    second = await site.post(path, message=str(message.pk))
    assert second.status_code == 409
    assert "Nothing was changed" in words(second)
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


@pytest.mark.parametrize(
    ("language", "count", "said"),
    [
        ("en", 1, "It is about 1 message. Only it is sent; nobody else"),
        ("en", 11, "It is about 11 messages. Only they are sent; nobody else"),
        ("ru", 1, "Это касается 1 сообщения. Больше никто ничего не получит."),
        ("ru", 11, "Это касается 11 сообщений. Больше никто ничего не получит."),
        ("ru", 21, "Это касается 21 сообщения. Больше никто ничего не получит."),
    ],
)
async def test_the_question_agrees_with_its_number(
    site: Site, line: Line, language: str, count: int, said: str
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    await change(campaign, waiting=0, failed=count)
    site.http.cookies.set("language", language)
    assert said in words(await site.get(f"/campaigns/{campaign.pk}/decide/retry/"))


async def test_it_asks_about_what_failed_without_a_reason(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 1)
    asked = await site.get(f"/campaigns/{campaign.pk}/decide/retry/?code=")
    assert "that failed without a reason being told. It is about" in words(asked)


async def test_more_than_the_question_named_are_asked_about_anew(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, UNSURE, UNSURE)
    path = f"/campaigns/{campaign.pk}/decide/send-again/"
    asked = await site.post(path, count="1")
    assert asked.status_code == 409
    assert "there are more of them by now" in words(asked)
    assert 'name="count" value="2"' in asked.text
    assert await in_orm(lists.counts, campaign) == {"unsure": 2}
    assert (await site.post(path, count="2")).status_code == 302
    assert await in_orm(lists.counts, campaign) == {"waiting": 2}


@pytest.mark.parametrize("named", ["9" * 30, "-1", "0", "abc", "\u0663", ""])
async def test_a_message_that_does_not_exist_decides_about_none(
    site: Site, ledger: Ledger, line: Line, named: str
) -> None:
    campaign, _ = await with_outcomes(ledger, line, UNSURE)
    path = f"/campaigns/{campaign.pk}/decide/send-again/"
    assert (await site.post(path, message=named)).status_code == 409
    assert await in_orm(lists.counts, campaign) == {"unsure": 1}


async def test_a_message_of_another_campaign_is_left_alone(
    site: Site, ledger: Ledger, line: Line
) -> None:
    _, theirs = await with_outcomes(ledger, line, UNSURE)
    other = await in_orm(lists.running, line, 1, start=10)
    message_id = theirs[0].message_id
    path = f"/campaigns/{other.pk}/decide/send-again/"
    assert (await site.post(path, message=str(message_id))).status_code == 409
    page = await site.get(f"/campaigns/{other.pk}/messages/{message_id}/")
    assert page.status_code == 404
    message = await in_orm(Message.objects.get, pk=message_id)
    assert message.status == UNSURE


async def test_of_two_browsers_at_once_one_decides(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, FAILED, FAILED)
    path = f"/campaigns/{campaign.pk}/decide/retry/"
    await site.get(path)
    answers = await asyncio.gather(*(site.post(path, count="2") for _ in range(4)))
    assert sorted(a.status_code for a in answers) == [302, 409, 409, 409]
    assert await in_orm(lists.counts, campaign) == {"waiting": 2}
    actions = await in_orm(lambda: list(Action.objects.filter(verb="retried")))
    assert [a.count for a in actions] == [2]


async def test_the_unsure_box_says_when_it_shows_not_all(
    site: Site, ledger: Ledger, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "PAGE", 2)
    campaign, _ = await with_outcomes(ledger, line, UNSURE, UNSURE, UNSURE)
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "3 messages are unsure" in page
    assert "These are the first 2" in page


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
    page = await site.get(f"/campaigns/{campaign.pk}/")
    assert "decide/retry" not in page.text
    assert (
        await site.get(f"/campaigns/{campaign.pk}/decide/retry/")
    ).status_code == 409


async def test_the_books_are_shown_as_they_were_counted(
    site: Site, ledger: Ledger, line: Line
) -> None:
    campaign, _ = await with_outcomes(ledger, line, ACCEPTED, ACCEPTED, FAILED)
    page = words(await site.get(f"/campaigns/{campaign.pk}/"))
    assert "The books have not been counted from the rows yet" in page
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
        f"/campaigns/{'9' * 30}/messages/1/",
        f"/campaigns/1/messages/{'9' * 30}/",
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
