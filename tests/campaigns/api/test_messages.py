from __future__ import annotations

import httpx
import pytest
from redis.asyncio import Redis

from asgi_app.database import in_orm
from campaigns import message_pages
from campaigns.ledger import Ledger
from campaigns.models import Campaign, Message
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.api.caller import Caller
from tests.campaigns.browser import change, fresh, rings
from tests.campaigns.test_decisions import with_outcomes


async def with_status(campaign: Campaign, status: MessageStatus, code: str) -> None:
    """Gives the first message a status, in the books too."""

    def give() -> None:
        first = Message.objects.filter(campaign=campaign).order_by("pk")[0]
        Message.objects.filter(pk=first.pk).update(status=status, code=code)

    await in_orm(give)
    await change(campaign, **{str(status): 1, "waiting": campaign.total - 1})


async def test_messages_are_read_page_by_page(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_pages, "PAGE", 2)
    campaign = await in_orm(lists.draft, line, 5)
    for query in ("", "?status=waiting", "?status=waiting&code=", "?sort=place"):
        found: list[str] = []
        following: str | None = f"/api/campaigns/{campaign.pk}/messages{query}"
        while following:
            page = await api.get(following.removeprefix("/api"))
            found += [it["phone"] for it in page["items"]]
            following = page["next"]
        assert found == [f"+7999000000{n}" for n in range(5)]


async def test_an_empty_code_counts_on_every_page(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each on its own: the order in which they are due is not that of their ids."""
    monkeypatch.setattr(message_pages, "PAGE", 2)
    campaign = await in_orm(lists.draft, line, 7)

    def draw() -> None:
        for place, message in enumerate(Message.objects.filter(campaign=campaign)):
            delay_ms = (place * 5) % 7
            Message.objects.filter(pk=message.pk).update(delay_ms=delay_ms)

    await in_orm(draw)
    found = []
    path: str | None = f"/campaigns/{campaign.pk}/messages?status=waiting&code="
    while path:
        page = await api.get(path.removeprefix("/api"))
        found += [it["id"] for it in page["items"]]
        path = page["next"]
    assert len(found) == 7
    assert found == sorted(found)


async def test_a_place_counts_in_its_own_list_only(
    api: Caller, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_pages, "PAGE", 2)
    made = [await in_orm(lists.draft, line, 3, start=start) for start in (0, 5)]
    path, other = (f"/campaigns/{campaign.pk}/messages" for campaign in made)
    told = {}
    for query in ("", "status=waiting", "status=waiting&code="):
        page = await api.get(f"{path}?{query}".rstrip("?"))
        told[query] = httpx.URL(page["next"]).params["after"]
        await api.refused("GET", f"{other}?{query}&after={told[query]}", "invalid")
    for query in ("status=waiting", "sort=time", "status=failed"):
        await api.refused("GET", f"{path}?{query}&after={told['']}", "invalid")
    for after in ("0.5", "", ".", "7", "1.2.3", told[""] + "0", "9" * 18 + ".5"):
        await api.refused("GET", f"{path}?after={after}", "invalid")


async def test_a_code_without_a_status_is_refused(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    await api.refused("GET", f"/campaigns/{campaign.pk}/messages?code=x", "invalid")


async def test_messages_are_found_by_status_and_code(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 3)
    await with_status(campaign, MessageStatus.FAILED, "not_on_whatsapp")
    path = f"/campaigns/{campaign.pk}/messages"
    page = await api.get(path, status="failed", code="not_on_whatsapp")
    assert [it["said"] for it in page["items"]] == ["This phone has no WhatsApp."]
    assert not (await api.get(path, status="failed", code="other"))["items"]
    await api.refused("GET", f"{path}?status=lost", "invalid")
    await api.refused("GET", f"{path}?after=7", "invalid")
    await api.refused("GET", "/campaigns/99/messages", "not_found")


async def test_a_message_is_told_with_its_history(
    api: Caller, line: Line, ledger: Ledger
) -> None:
    campaign, due = await with_outcomes(ledger, line, MessageStatus.FAILED)
    failed = due[0].message_id
    await api.post(f"/campaigns/{campaign.pk}/decisions", {"decision": "retry"})
    told = await api.get(f"/campaigns/{campaign.pk}/messages/{failed}")
    assert (told["status"], told["attempt"]) == ("waiting", 2)
    kinds = [event["kind"] for event in told["events"]]
    assert kinds == ["claimed", "refused", "retried"]
    assert [it["reason"] for it in told["earlier"]] == ["the reason"]
    other = await in_orm(lists.draft, line, 1, start=9)
    path = f"/campaigns/{other.pk}/messages/{failed}"
    await api.refused("GET", path, "not_found")


async def test_an_unsure_message_is_counted_as_sent_once(
    api: Caller, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    await with_status(campaign, MessageStatus.UNSURE, "read_timeout")
    path = f"/campaigns/{campaign.pk}/decisions"
    order = {"decision": "assume_sent"}
    assert await api.post(path, order) == {"decided": 1}
    assert await api.post(path, order) == {"decided": 0}
    assert (await fresh(campaign)).assumed_sent == 1


async def test_a_decision_to_send_again_is_carried_out_once_a_key(
    api: Caller, line: Line, redis: Redis
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    await with_status(campaign, MessageStatus.UNSURE, "read_timeout")
    path = f"/campaigns/{campaign.pk}/decisions"
    order = {"decision": "send_again"}
    assert await api.post(path, order, key="k") == {"decided": 1}
    assert await rings(redis)
    # It was sent meanwhile, and nobody knows again what became of it.
    await with_status(await fresh(campaign), MessageStatus.UNSURE, "read_timeout")
    assert await api.post(path, order, key="k") == {"decided": 1}
    assert (await fresh(campaign)).unsure == 1


async def test_only_what_is_named_is_tried_again(api: Caller, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 2)
    await with_status(campaign, MessageStatus.FAILED, "http_402")
    path = f"/campaigns/{campaign.pk}/decisions"
    other = {"decision": "retry", "code": "http_404"}
    assert await api.post(path, other) == {"decided": 0}
    nobody = {"decision": "retry", "messages": [2**62]}
    assert await api.post(path, nobody) == {"decided": 0}
    assert await api.post(path, {"decision": "retry"}) == {"decided": 1}
    wrong = {"decision": "assume_sent", "code": "x"}
    await api.refused("POST", path, "invalid", json=wrong)
