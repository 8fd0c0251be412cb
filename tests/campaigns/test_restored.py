from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command

from asgi_app.database import in_orm, orm_now
from campaigns import decisions
from campaigns.audit import audit
from campaigns.history import EventKind
from campaigns.ledger.entries import HeardStatus
from campaigns.ledger.shelf import Heard
from campaigns.lookthrough import LookThrough
from campaigns.models import Campaign, Event, LineClock, Message, StopEntry, WorkerBeat
from campaigns.restored import LOOKED_THROUGH, RESTORED, Findings
from campaigns.services import cancel_campaign, pause_campaign, start_campaign
from campaigns.settling import Settling
from chatapp.errors import TokenUnavailable
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.backups import Backup
from tests.campaigns.browser import Site, words
from tests.campaigns.desk import Desk, clock_of, messages


@pytest.fixture
def backup(tmp_path: Path) -> Backup:
    return Backup(tmp_path)


@pytest.fixture
def lookthrough(desk: Desk) -> LookThrough:
    return LookThrough(desk.sending.ledger, desk.sending.courier.chatapp)


Restore = Callable[..., Awaitable[str]]


@pytest.fixture
def restore(backup: Backup) -> Restore:
    """Puts the backup back, says so, and lets the minute before the looks pass."""

    async def restore(*words: str) -> str:
        await backup.put_back()
        said = await in_orm(restored, *words)
        await in_orm(let_the_minute_pass)
        return said

    return restore


def restored(*words: str) -> str:
    out = io.StringIO()
    call_command("restored", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def let_the_minute_pass() -> None:
    past = orm_now() - timedelta(seconds=1)
    Message.objects.filter(look_at__isnull=False).update(look_at=past)
    # As the sweep finds a claim whose worker is gone.
    Message.objects.filter(status="claimed").update(claim_deadline=past)


async def serve(desk: Desk, count: int) -> None:
    for _ in range(count):
        await desk.serve()
        await desk.let_pauses_pass()


async def go_on(desk: Desk) -> None:
    await in_orm(decisions.release_line, line_id=desk.line.pk, operator="anna")
    await desk.let_pauses_pass()
    await desk.serve_all()


async def findings(desk: Desk) -> Findings:
    found = Findings.read((await clock_of(desk)).stopped_reason)
    assert found is not None
    return found


async def test_a_backup_of_mid_campaign_sends_to_nobody_twice(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough
) -> None:
    campaign = await in_orm(lists.running, desk.line, 12)
    await serve(desk, 4)
    state = await desk.sending.ledger.look(desk.line.pk)
    assert state is not None
    due = await desk.sending.ledger.find_due(state, 1)
    await desk.sending.ledger.claim(state, due)
    await backup.take()
    claimed = await in_orm(Message.objects.get, status="claimed")
    await desk.let_pauses_pass()
    await serve(desk, 4)
    assert len(desk.phones_sent()) == 8

    said = await restore()
    assert "7 that wait" in said and "1 were under way" in said
    # What was under way is still to be given up.
    assert await lookthrough.go_on() == []
    assert await desk.sending.ledger.give_up_claims() == 1
    assert await desk.serve() is None
    assert await lookthrough.go_on() == [desk.line.pk]
    assert (await findings(desk)).found == 4
    await go_on(desk)

    phones = desk.phones_sent()
    assert len(phones) == len(set(phones)) == 11
    assert claimed.phone not in phones
    assert await in_orm(lists.counts, campaign) == {"accepted": 11, "unsure": 1}
    assert await in_orm(lambda: list(audit())) == []


async def test_what_is_found_counts_as_sent_with_its_id_and_history(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    await backup.take()
    await serve(desk, 1)
    await restore()
    await lookthrough.go_on()
    first, second = await messages(campaign)
    (sent,) = desk.sandbox.record.sends()
    assert (first.status, first.message_id) == ("accepted", sent.message_id)
    assert (second.status, second.look_at, second.looks) == ("waiting", None, 1)
    kinds = await in_orm(lambda: set(Event.objects.values_list("message_id", "kind")))
    assert kinds == {(first.pk, EventKind.FOUND), (second.pk, EventKind.LOOKED)}


async def test_a_line_does_not_go_on_before_it_was_looked_through(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough
) -> None:
    await in_orm(lists.running, desk.line, 3)
    await backup.take()
    await restore()
    desk.tokens.away = TokenUnavailable("not_connected")
    assert await lookthrough.go_on() == []
    with pytest.raises(decisions.StillLooking):
        await go_on(desk)
    assert (await clock_of(desk)).stopped_code == RESTORED
    desk.tokens.away = None
    assert await lookthrough.go_on(lambda: True) == []
    assert await lookthrough.go_on() == [desk.line.pk]
    assert (await clock_of(desk)).stopped_code == LOOKED_THROUGH
    assert desk.phones_sent() == []
    await go_on(desk)
    assert len(desk.phones_sent()) == 3


def test_an_empty_database_is_no_backup_that_was_put_back(
    transactional_db: None,
) -> None:
    with pytest.raises(CommandError, match="the backup was not put back"):
        call_command("restored")


async def test_nothing_is_looked_for_in_the_first_minute(
    desk: Desk, lookthrough: LookThrough
) -> None:
    await in_orm(lists.running, desk.line, 1)
    await in_orm(restored)
    assert await lookthrough.go_on() == []
    assert (await clock_of(desk)).stopped_code == RESTORED


async def test_a_draft_or_a_paused_one_that_was_started_since_is_looked_for_too(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough
) -> None:
    draft = await in_orm(lists.draft, desk.line, 2)
    paused = await in_orm(lists.running, desk.line, 2, start=50)
    await in_orm(pause_campaign, campaign_id=paused.pk, operator="anna")
    await backup.take()
    await in_orm(start_campaign, campaign_id=draft.pk, operator="anna")
    await serve(desk, 2)
    await restore()
    await lookthrough.go_on()
    assert await in_orm(lists.counts, draft) == {"accepted": 2}
    assert await in_orm(lists.counts, paused) == {"waiting": 2}


async def test_drafts_may_be_skipped(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough
) -> None:
    await in_orm(lists.draft, desk.line, 2)
    await backup.take()
    assert "0 that wait" in await restore("--skip-drafts")
    assert await lookthrough.go_on() == [desk.line.pk]


async def test_what_was_refused_and_tried_again_since_is_found(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    desk.sandbox.knobs.set("refuse", status=400, code="ApiNo")
    await serve(desk, 2)
    desk.sandbox.knobs.clear()
    await backup.take()
    ids = [(await messages(campaign))[0].pk]
    await in_orm(
        decisions.retry_failed, campaign_id=campaign.pk, operator="anna", ids=ids
    )
    await desk.let_pauses_pass()
    await serve(desk, 1)
    await restore()
    await lookthrough.go_on()
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, "failed": 1}
    assert await in_orm(lambda: list(audit())) == []


async def test_what_a_status_told_to_have_failed_is_not_looked_for(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    await serve(desk, 1)
    (row,) = await messages(campaign)
    status = HeardStatus(
        digest="failed",
        kind=EventKind.FAILED,
        type="failed",
        message_id=row.message_id or "",
        tracking="",
        attempt=1,
        at=None,
    )
    heard = Heard([status], {"status": 1})
    await desk.sending.ledger.shelve(heard)
    await desk.sending.ledger.apply(heard)
    assert await in_orm(lists.counts, campaign) == {"failed": 1}
    await backup.take()
    assert "0 that were refused" in await restore()
    assert await lookthrough.go_on() == [desk.line.pk]
    assert (await findings(desk)).looked == 0


async def test_what_was_unsure_and_sent_again_since_is_found(
    desk: Desk, backup: Backup, restore: Restore
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    desk.sandbox.knobs.set("error_before")
    await serve(desk, 1)
    desk.sandbox.knobs.clear()
    await backup.take()
    await in_orm(decisions.send_again, campaign_id=campaign.pk, operator="anna")
    await desk.let_pauses_pass()
    await serve(desk, 1)
    await restore()
    settling = Settling(desk.sending.ledger, desk.sending.courier.chatapp)
    assert await settling.look() == 1
    assert await in_orm(lists.counts, campaign) == {"accepted": 1}


@pytest.mark.parametrize("why", ["refused", "no tracking", "a long chat"])
async def test_where_the_history_does_not_tell_people_decide(
    desk: Desk,
    backup: Backup,
    restore: Restore,
    lookthrough: LookThrough,
    monkeypatch: pytest.MonkeyPatch,
    why: str,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    await backup.take()
    await serve(desk, 1)
    await restore()
    ledger, chatapp = lookthrough.ledger, lookthrough.chatapp
    if why == "refused":
        desk.sandbox.knobs.set("refuse", on="history", status=403, code="ApiNo")
    elif why == "a long chat":
        monkeypatch.setattr("campaigns.lookthrough.MOST_TOLD", 0)
    if why != "refused":
        await in_orm(Message.objects.update, tracking="f" * 24)
    knows_ours = why != "no tracking"
    assert await LookThrough(ledger, chatapp, knows_ours).go_on() == [desk.line.pk]
    (row,) = await messages(campaign)
    assert (row.status, row.code) == ("unsure", "restored_in_doubt")
    assert (await findings(desk)).doubtful == 1
    await go_on(desk)
    assert len(desk.phones_sent()) == 1
    assert await in_orm(lambda: list(audit())) == []


async def write_stop(desk: Desk, phone: str) -> None:
    async with httpx.AsyncClient(base_url=desk.sandbox.url) as recipient:
        told = {"phone": phone, "text": "Стоп!"}
        answer = await recipient.post("/sandbox/incoming", json=told)
        assert answer.is_success


async def test_who_was_taken_off_the_stop_list_before_the_backup_stays_off(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    await write_stop(desk, (await messages(campaign))[0].phone)
    # ChatApp tells times in whole seconds.
    later = await in_orm(orm_now) + timedelta(seconds=2)
    await in_orm(WorkerBeat.objects.create, name="w", started_at=later, beat_at=later)
    await backup.take()
    await restore()
    await lookthrough.go_on()
    assert not await in_orm(StopEntry.objects.exists)


async def test_who_asked_to_be_left_alone_since_is_on_the_stop_list_again(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    await backup.take()
    phone = (await messages(campaign))[0].phone
    await write_stop(desk, phone)
    await restore()
    await lookthrough.go_on()
    entry = await in_orm(StopEntry.objects.get)
    assert (entry.phone, entry.added_by) == (phone, "")
    await go_on(desk)
    assert desk.phones_sent() == [(await messages(campaign))[1].phone]


async def test_what_was_cancelled_since_can_be_cancelled_before_the_line_goes_on(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    await backup.take()
    await in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    said = await restore()
    assert "These will go on: Sale" in said
    await in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    assert await lookthrough.go_on() == [desk.line.pk]
    await go_on(desk)
    assert desk.phones_sent() == []


@pytest.mark.parametrize("how", ["expired", "cancelled"])
async def test_what_ends_before_its_look_still_shows_that_it_was_sent(
    desk: Desk, backup: Backup, restore: Restore, lookthrough: LookThrough, how: str
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    await backup.take()
    await serve(desk, 1)
    await restore()
    if how == "expired":
        past = await in_orm(orm_now) - timedelta(seconds=1)
        campaigns = Campaign.objects.filter(pk=campaign.pk)
        await in_orm(campaigns.update, use_until=past)
        assert await desk.sending.ledger.expire() == 2
    else:
        await in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    assert await lookthrough.go_on() == [desk.line.pk]
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, how: 1}
    assert await in_orm(lambda: list(audit())) == []


async def test_every_page_says_why_nothing_leaves_and_offers_no_way_around(
    site: Site, line: Line, worker: WorkerBeat
) -> None:
    campaign = await in_orm(lists.running, line, 2)
    await in_orm(restored)
    for path in (f"/lines/{line.pk}/", f"/campaigns/{campaign.pk}/"):
        page = words(await site.get(path))
        assert "A backup was put back" in page
    shown = await site.get(f"/lines/{line.pk}/")
    assert f"/lines/{line.pk}/release/" not in shown.text
    answer = await site.post(f"/lines/{line.pk}/release/")
    assert answer.headers["location"] == f"/lines/{line.pk}/"
    assert (await in_orm(LineClock.objects.get, line=line)).stopped_code == RESTORED
    through = Findings(looked=2, found=1).plus(looked=1, found=1, doubtful=0).write()
    await in_orm(
        LineClock.objects.update, stopped_code=LOOKED_THROUGH, stopped_reason=through
    )
    page = words(await site.get(f"/lines/{line.pk}/"))
    assert "Looked for so far: 3; had been sent: 2; in doubt: 0." in page
    assert "Go on" in page


async def test_what_was_seen_of_callbacks_is_forgotten(desk: Desk) -> None:
    await in_orm(lists.running, desk.line, 1)
    await in_orm(
        lambda: Line.objects.update(
            callback_state="ours", callback_url="x", callback_checked_at=orm_now()
        )
    )
    await in_orm(restored)
    line = await in_orm(Line.objects.get, pk=desk.line.pk)
    assert (line.callback_state, line.callback_url) == ("", "")
    assert line.callback_checked_at is None
