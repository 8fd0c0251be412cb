from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import pytest

from asgi_app.database import in_orm, orm_now
from campaigns import phone_pages
from campaigns.hindrances import look_around_lines
from campaigns.ledger import Ledger
from campaigns.models import (
    Event,
    LineClock,
    LineRules,
    Message,
    MinuteCount,
    ShelvedStatus,
    StopEntry,
    WorkerBeat,
)
from campaigns.next_up import next_on_line
from campaigns.removal import delete_campaign
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, change, words
from tests.campaigns.test_decisions import with_outcomes
from tests.campaigns.test_slices import sliced

PHONE = "+79990000000"


async def test_a_line_shows_what_runs_what_waits_and_what_is_next(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    first = await in_orm(lists.running, line, 2)
    second = await in_orm(lists.running, line, 4, start=10)
    paused = await in_orm(lists.running, line, 3, start=20)
    ended = await in_orm(lists.running, line, 1, start=30)
    await change(first, name="First")
    await change(second, name="Second")
    await change(paused, name="Third", status="paused")
    await change(ended, name="Fourth", waiting=0, read=1)
    soon = await in_orm(orm_now) + timedelta(minutes=1)
    await in_orm(LineClock.objects.update, next_at=soon, pause_ms=31_400)
    page = await site.get(f"/lines/{line.pk}/")
    said = words(page)
    assert page.headers["Refresh"] == "5"
    assert "Sends ‹First›." in said
    assert "May send next at" in said and "31.4 s" in said
    ahead = said.partition("What runs")[0].partition("Next")[2]
    for phone in ("00", "01", "10", "11", "12"):
        assert f"+799900000{phone}" in ahead
    assert "+79990000013" not in ahead
    queue = said.partition("What runs")[2]
    assert queue.index("First") < queue.index("Second") < queue.index("Third")
    assert "busy with ‹First› until about" in queue
    assert "Third 3 messages wait" in queue
    assert queue.index("Sent out before") < queue.index("Fourth")


async def test_what_waits_for_a_click_behind_its_trial_slice_is_listed(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    campaign = await sliced(line, 10, slice_size=2)
    said = words(await site.get(f"/lines/{line.pk}/"))
    assert "Sends ‹Sale›." in said
    assert "Waits for you Sale waits for you: 8 (trial slice)" in said
    assert "10 waits for you: 8 (trial slice)" in words(await site.get("/lines/"))
    members = Message.objects.filter(slicemember__campaign=campaign)
    await in_orm(members.update, status="delivered")
    await change(campaign, waiting=8, delivered=2)
    said = words(await site.get(f"/lines/{line.pk}/"))
    assert "‹Sale› waits for you: its trial slice has been sent." in said
    assert "Waits for you Sale waits for you: 8 (trial slice)" in said
    assert "Nothing to send" not in said and "No campaign has anything" not in said
    said = words(await site.get("/lines/"))
    assert "Sale 8 waits for you: 8 (trial slice)" in said


async def test_a_line_counts_its_last_day(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.draft, line, 1)
    path = f"/lines/{line.pk}/"
    assert "Nothing was sent, and nothing came back" in words(await site.get(path))
    now = (await in_orm(orm_now)).replace(second=0, microsecond=0)
    for hours, kind, count in ((1, "sent", 7), (2, "failed", 2), (30, "sent", 90)):
        await in_orm(
            MinuteCount.objects.create,
            campaign=campaign,
            kind=kind,
            minute=now - timedelta(hours=hours),
            count=count,
        )
    said = words(await site.get(path))
    assert "7 sent , at most 7 in ten minutes" in said
    assert "2 failed" in said
    assert "97" not in said


async def test_a_stopped_line_says_why_and_goes_on_by_a_button(
    site: Site, ledger: Ledger, line: Line, worker: WorkerBeat
) -> None:
    unsure = MessageStatus.UNSURE
    await with_outcomes(ledger, line, unsure, unsure, unsure)
    await in_orm(lists.running, line, 1, start=10)
    page = await site.get(f"/lines/{line.pk}/")
    assert "The line was stopped at" in words(page)
    assert "Its rules allow it now, but the line is stopped (above)." in words(page)
    assert "It may send now" not in words(page)
    assert f'action="/lines/{line.pk}/release/"' in page.text.partition("<main")[2]
    assert "not known yet" in words(page)


async def test_a_line_that_is_held_back_does_not_say_that_it_may_send(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    await in_orm(lists.running, line, 1)
    said = words(await site.get(f"/lines/{line.pk}/"))
    assert "It may send now." in said
    soon = await in_orm(orm_now) + timedelta(minutes=1)
    await in_orm(LineClock.objects.update, next_at=soon, held_code="account_paused")
    said = words(await site.get(f"/lines/{line.pk}/"))
    assert "Its rules allow it now; what keeps it is said above." in said
    assert "It may send now" not in said


async def test_all_lines_are_listed_with_what_they_send(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    await in_orm(lists.running, line, 5)
    await in_orm(lists.running, line, 5, start=10)
    await in_orm(Line.objects.create, licence_id="2", messenger="x", is_listed=False)
    said = words(await site.get("/lines/"))
    assert "Shop · grWhatsApp chosen Sale 10 in 2 campaigns" in said
    assert "ChatApp no longer lists the line." in said


async def test_a_site_without_lines_leads_to_connect(site: Site, line: Line) -> None:
    await in_orm(line.delete)
    page = await site.get("/lines/")
    assert "No lines are known yet" in words(page)
    assert "Refresh" not in page.headers


async def test_a_phone_shows_all_its_messages_and_callbacks(
    site: Site, line: Line
) -> None:
    first = await in_orm(lists.running, line, 1)
    second = await in_orm(lists.draft, line, 2)
    await change(first, name="First")
    await change(second, name="Second")
    message = await in_orm(Message.objects.get, campaign=first)
    now = await in_orm(orm_now)
    told: dict[str, Any] = {"message": message, "arrived_at": now}
    await in_orm(Event.objects.create, **told, kind="delivered", at=now, copies=2)
    await in_orm(Event.objects.create, **told, kind="claimed", at=now)
    await in_orm(
        ShelvedStatus.objects.create,
        digest="1",
        message_id="foreign",
        tracking="",
        kind="read",
        phone=PHONE[1:],
        arrived_at=now,
        is_not_ours=True,
    )
    said = words(await site.get(f"/phones/{PHONE[1:]}/"))
    sent, _, rest = said.partition("Its callbacks")
    assert sent.index("Second") < sent.index("First")
    assert "delivered told 2 times First" in rest
    assert "claimed" not in rest
    assert "foreign filed as not ours" in rest
    assert "Not on the stop list" in said
    other = words(await site.get("/phones/79990000001/"))
    assert "Second" in other and "First" not in other


async def test_a_phone_on_the_stop_list_says_who_put_it_there(
    site: Site, line: Line
) -> None:
    await in_orm(StopEntry.objects.create, phone=PHONE, reason="STOP")
    said = words(await site.get(f"/phones/{PHONE[1:]}/"))
    assert "On the stop list: nothing is sent to it. Its owner asked for it" in said
    assert "STOP" in said
    assert "No campaign has this phone" in said


async def test_more_messages_than_a_page_has_go_on_with_older_ones(
    site: Site, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_pages, "PAGE", 2)
    made = [await in_orm(lists.draft, line, 1) for _ in range(3)]
    for number, campaign in enumerate(made):
        await change(campaign, name=f"No{number}")
    newest = await site.get(f"/phones/{PHONE[1:]}/")
    assert "No2" in newest.text and "No0" not in newest.text
    older = await in_orm(
        lambda: Message.objects.get(campaign__name="No1", phone=PHONE).pk
    )
    assert f'href="?before={older}"' in newest.text
    last = await site.get(f"/phones/{PHONE[1:]}/?before={older}")
    assert "No0" in last.text and "No1" not in last.text
    assert "Older" not in words(last)


async def test_a_phone_is_found_in_all_campaigns(site: Site, line: Line) -> None:
    await in_orm(lists.draft, line, 3)
    await in_orm(lists.draft, line, 3)
    whole = await site.get("/phones/?q=8+999+000-00-01")
    assert whole.headers["Location"] == "/phones/79990000001/"
    several = words(await site.get("/phones/?q=7999"))
    assert "3 phones found" in several
    alone = await site.get("/phones/?q=799900000010")
    assert "No phone of any campaign looks like" in words(alone)
    wrong = await site.get("/phones/?q=Anna")
    assert wrong.status_code == 422


async def test_a_deleted_campaign_is_gone_from_the_phones_at_once(
    site: Site, line: Line
) -> None:
    gone = await in_orm(lists.draft, line, 1)
    kept = await in_orm(lists.draft, line, 2, start=1)
    await change(gone, name="Gone")
    await change(kept, name="Kept")
    await in_orm(delete_campaign, campaign_id=gone.pk, operator="anna")
    assert "Gone" not in (await site.get(f"/phones/{PHONE[1:]}/")).text
    found = words(await site.get("/phones/?q=7999"))
    assert "2 phones found" in found and PHONE not in found


async def test_rows_and_messages_lead_to_the_phone(site: Site, line: Line) -> None:
    campaign = await in_orm(lists.running, line, 1)
    address = f'href="/phones/{PHONE[1:]}/"'
    assert address in (await site.get(f"/campaigns/{campaign.pk}/")).text
    message = await in_orm(Message.objects.get, campaign=campaign)
    page = await site.get(f"/campaigns/{campaign.pk}/messages/{message.pk}/")
    assert address in page.text


async def test_what_is_next_keeps_the_lines_rules(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    """One more may leave in this hour: the others are told for the next."""
    await in_orm(lists.running, line, 3)

    def limit() -> None:
        LineRules.objects.create(line=line, hour_cap=1)
        LineClock.objects.update(next_at=orm_now())

    await in_orm(limit)
    around = await in_orm(look_around_lines, [line.pk])
    due = await in_orm(next_on_line, line.pk, around, None, most=3)
    hours = [each.at.astimezone(UTC).hour for each in due if each.at]
    first = hours[0]
    assert hours == [first, (first + 1) % 24, (first + 2) % 24]
