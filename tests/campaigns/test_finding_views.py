"""The campaign page: filters, failures by reason, search."""

from __future__ import annotations

import html
from datetime import timedelta

import httpx
from redis.asyncio import Redis

from asgi_app.database import in_orm, orm_now
from campaigns.models import Campaign, Message, MinuteCount, WorkerBeat
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, change, rings, words


async def with_failures(line: Line) -> Campaign:
    """Six messages: two read, one delivered, three failed for two reasons."""
    campaign = await in_orm(lists.running, line, 6)
    ends = [
        {"status": "read"},
        {"status": "read"},
        {"status": "delivered"},
        {"status": "failed", "code": "not_on_whatsapp"},
        {"status": "failed", "code": "not_on_whatsapp"},
        {"status": "failed", "code": "a & b"},
    ]

    def write() -> None:
        rows = Message.objects.filter(campaign=campaign).order_by("id")
        for message, values in zip(rows, ends, strict=True):
            answered = {"answered_at": orm_now(), **values}
            Message.objects.filter(pk=message.pk).update(**answered)
        counters = {"waiting": 0, "read": 2, "delivered": 1, "failed": 3}
        Campaign.objects.filter(pk=campaign.pk).update(**counters)

    await in_orm(write)
    return campaign


def phones(response: httpx.Response) -> list[str]:
    """The last two digits of the phones in the table of messages."""
    table = response.text.partition('id="messages"')[2] or response.text
    rows = table.split('<th scope="row" class="num">')[1:]
    return [row.partition("</a>")[0][-2:] for row in rows]


async def test_a_glance_says_who_has_it_and_who_has_not(site: Site, line: Line) -> None:
    campaign = await with_failures(line)
    page = await site.get(f"/campaigns/{campaign.pk}/")
    said = words(page)
    assert "Got it 3 50 % 2 have read it" in said
    assert "Did not get it 3" in said
    assert 'aria-label="2 read, 1 delivered, 3 failed"' in page.text
    assert "<script" not in page.text and "style=" not in page.text


async def test_the_page_draws_what_moved_and_says_it_in_words(
    site: Site, line: Line
) -> None:
    campaign = await with_failures(line)
    path = f"/campaigns/{campaign.pk}/"
    assert "<polyline" not in (await site.get(path)).text
    minute = (await in_orm(orm_now)).replace(second=0, microsecond=0)
    await in_orm(
        MinuteCount.objects.create,
        campaign=campaign,
        kind="sent",
        minute=minute,
        count=4,
    )
    # A curve of one minute would be three level lines.
    short = await site.get(path)
    assert "<polyline" not in short.text
    assert "at most 4 a minute" in words(short)
    await change(campaign, started_at=minute - timedelta(minutes=3))
    page = await site.get(path)
    assert page.text.count("<polyline") == 3
    assert "sent: 4, at most 4 a minute" in words(page)


async def test_the_address_filters_and_the_page_says_so(site: Site, line: Line) -> None:
    campaign = await with_failures(line)
    path = f"/campaigns/{campaign.pk}/"
    assert phones(await site.get(path)) == ["00", "01", "02", "03", "04", "05"]
    failed = await site.get(path + "?status=failed")
    assert phones(failed) == ["03", "04", "05"]
    assert 'href="' + path + '?status=failed#messages" aria-current="true"' in (
        failed.text
    )
    by_code = await site.get(path + "?status=failed&code=not_on_whatsapp&sort=time")
    assert phones(by_code) == ["04", "03"]
    assert "Only these: failed not_on_whatsapp 2" in words(by_code)
    # What one link changes, the others keep.
    assert "?status=failed&amp;code=not_on_whatsapp#messages" in by_code.text
    nobody = await site.get(path + "?status=unsure")
    assert "There is no such message here now" in words(nobody)


async def test_failures_are_grouped_with_what_to_do_about_each(
    site: Site, line: Line, redis: Redis
) -> None:
    campaign = await with_failures(line)
    path = f"/campaigns/{campaign.pk}/"
    page = await site.get(path)
    said = words(page)
    assert "3 messages failed: why, and what to do" in said
    assert "2 This phone has no WhatsApp. not_on_whatsapp Remove these phones" in said
    assert f'href="{path}decide/retry/?code=a%20%26%20b"' in page.text
    asked = await site.get(f"{path}decide/retry/?code=not_on_whatsapp")
    assert "Only those that failed for this reason: This phone has no" in words(asked)
    assert "It is about 2 messages" in words(asked)
    assert await in_orm(lists.counts, campaign) == {
        "read": 2,
        "delivered": 1,
        "failed": 3,
    }
    answer = await site.post(f"{path}decide/retry/", code="not_on_whatsapp", count="2")
    assert answer.status_code == 302
    left = {"read": 2, "delivered": 1, "failed": 1, "waiting": 2}
    assert await in_orm(lists.counts, campaign) == left
    assert [name for name in await rings(redis) if "decided" in name]


async def test_more_of_a_reason_than_were_named_are_asked_about_anew(
    site: Site, line: Line
) -> None:
    campaign = await with_failures(line)
    path = f"/campaigns/{campaign.pk}/decide/retry/"
    answer = await site.post(path, code="not_on_whatsapp", count="1")
    assert answer.status_code == 409
    assert 'name="code" value="not_on_whatsapp"' in answer.text
    assert (await in_orm(lists.counts, campaign))["failed"] == 3


async def test_a_phone_is_searched_on_a_page_that_stands_still(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 12)
    path = f"/campaigns/{campaign.pk}/search/"
    empty = await site.get(path)
    assert (empty.status_code, "Refresh" in empty.headers) == (200, False)
    found = await site.get(path + "?q=8+999+000-00-03")
    assert phones(found) == ["03"]
    assert 'value="8 999 000-00-03"' in found.text
    assert 'href="/phones/79990000003/"' in found.text
    assert phones(await site.get(path + "?q=0004")) == ["04"]
    assert len(phones(await site.get(path + "?q=%2B7999"))) == 12
    none = await site.get(path + "?q=5555")
    assert "No phone of this campaign looks like “5555”" in words(none)
    wrong = await site.get(path + "?q=<Anna>")
    assert wrong.status_code == 422
    assert "There is no phone in this" in words(wrong)
    assert "<Anna>" in html.unescape(wrong.text) and "<Anna>" not in wrong.text


async def test_the_list_says_at_a_glance_why_nothing_is_sent(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    first = await in_orm(lists.running, line, 2)
    await in_orm(lists.running, line, 1, start=10)
    said = words(await site.get("/"))
    assert "running The line is busy with ‹Sale› until about" in said
    await change(first, status="paused")
    assert "paused Paused." in words(await site.get("/"))
    await in_orm(WorkerBeat.objects.all().delete)
    assert "No worker has been seen yet." in words(await site.get("/"))


async def test_nobody_looks_without_a_password(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 1)
    site.http.auth = httpx.BasicAuth("", "")
    for path in (
        f"/campaigns/{campaign.pk}/search/?q=0000",
        "/lines/",
        f"/lines/{line.pk}/",
        "/phones/?q=%2B79990000000",
        "/phones/79990000000/",
    ):
        assert (await site.get(path)).status_code == 401


async def test_what_is_not_there_is_not_found(site: Site, line: Line) -> None:
    for path in (
        "/campaigns/404/search/",
        "/lines/404/",
        "/phones/0123456/",
        "/phones/abc/",
    ):
        assert (await site.get(path)).status_code == 404
