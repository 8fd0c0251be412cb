from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from asgi_app.database import DatabaseAway, in_orm
from asgi_app.valkey import PrivateValkey
from campaigns.courier import Courier
from campaigns.decisions import retry_failed
from campaigns.each_on_its_own import EachOnItsOwn
from campaigns.ledger.entries import Claimed, Outcome
from campaigns.models import Action, Campaign, Message
from campaigns.pacing import Delays
from campaigns.services import cancel_campaign, pause_campaign, resume_campaign
from campaigns.states import MessageStatus, Pacing
from chatapp.calls import Calls, boottime
from chatapp.client import ChatApp
from chatapp.errors import TokenUnavailable
from chatapp.limiter import Limiter
from chatapp.transport import open_http
from tests.campaigns import lists
from tests.campaigns.desk import Desk, clock_of, messages
from tests.eventually import eventually


async def test_every_recipient_gets_the_text_once_and_the_answer_is_stored(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 8)
    await desk.serve_all()
    assert await in_orm(lists.counts, campaign) == {"accepted": 8}
    rows = await messages(campaign)
    assert desk.accepted() == [m.phone for m in rows]
    record = {f"+{s.phone}": s for s in desk.sandbox.record.sends()}
    for row in rows:
        assert row.message_id == record[row.phone].message_id
        assert row.tracking == record[row.phone].tracking
        assert record[row.phone].text == "Hello 👋"


async def test_each_gets_the_text_with_its_own_values_and_a_retry_the_same(
    desk: Desk,
) -> None:
    campaign = await in_orm(
        lists.running, desk.line, 12, text="[Hi|Hello], {name|friend}!"
    )
    await in_orm(
        lambda: Message.objects.filter(phone="+79990000001").update(
            fields={"name": "Анна"}
        )
    )
    # The tracking draws the variant; with these both are drawn, whatever chance says.
    messages = Message.objects.filter(campaign=campaign)
    for number, pk in enumerate(await in_orm(lambda: [m.pk for m in messages])):
        await in_orm(messages.filter(pk=pk).update, tracking=f"tracking{number}")
    desk.sandbox.knobs.set("refuse", phone="79990000001", status=400, code="ApiNo")
    await desk.serve_all()
    desk.sandbox.knobs.clear()
    await in_orm(retry_failed, campaign_id=campaign.pk, operator="anna")
    await desk.serve_all()
    texts = {f"+{s.phone}": s.text for s in desk.sandbox.record.sends()}
    assert texts.pop("+79990000001") in {"Hi, Анна!", "Hello, Анна!"}
    assert set(texts.values()) == {"Hi, friend!", "Hello, friend!"}
    tried = [s.text for s in desk.sandbox.record.sends() if s.phone == "79990000001"]
    assert len(tried) == 2 and len(set(tried)) == 1


@pytest.mark.parametrize(
    ("text", "code"), [("Hi, {name}", "value_missing"), ("Hi, {name", "bad_text")]
)
async def test_a_text_that_is_not_filled_in_never_leaves(
    desk: Desk, text: str, code: str
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    # As a campaign from before such texts were refused at the start.
    await in_orm(Campaign.objects.filter(pk=campaign.pk).update, text=text)
    await desk.serve_all()
    (row,) = await messages(campaign)
    assert (row.status, row.code) == ("failed", code)
    assert desk.phones_sent() == []


async def test_the_pause_is_drawn_within_bounds_and_counts_from_the_answer(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 20)
    gaps = []
    for _ in range(20):
        again_at = await desk.serve()
        answered = max(m.answered_at for m in await messages(campaign) if m.answered_at)
        assert again_at is not None
        gaps.append((again_at - answered).total_seconds())
        assert (await clock_of(desk)).next_at == again_at
        # Before the pause is over nothing leaves, however often the bell rings.
        await desk.serve()
        await desk.let_pauses_pass()
    assert all(5 <= gap <= 50 for gap in gaps)
    assert max(gaps) - min(gaps) > 20
    assert len(desk.accepted()) == 20


async def test_the_pause_begins_once_a_slow_answer_has_come(desk: Desk) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    desk.sandbox.knobs.set("delay", seconds=0.3)
    even = replace(desk.sending, delays=Delays(5, 5, random.Random(1)))
    again_at = await even.serve(desk.line.pk)
    row, _ = await messages(campaign)
    assert row.answered_at is not None
    assert again_at == row.answered_at + timedelta(seconds=5)


async def test_two_jobs_at_once_send_one_message(desk: Desk) -> None:
    await in_orm(lists.running, desk.line, 5)
    await asyncio.gather(*(desk.serve() for _ in range(8)))
    assert len(desk.phones_sent()) == 1


async def test_a_refused_message_fails_with_the_reason_and_the_rest_goes_on(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 3)
    desk.sandbox.knobs.set(
        "refuse",
        phone="79990000001",
        status=400,
        code="ApiChatNotFound",
        message="No such chat",
    )
    await desk.serve_all()
    assert await in_orm(lists.counts, campaign) == {"accepted": 2, "failed": 1}
    failed = (await messages(campaign))[1]
    assert (failed.http_status, failed.code) == (400, "ApiChatNotFound")
    assert failed.reason == "No such chat"
    assert "ApiChatNotFound" in failed.answer


@pytest.mark.parametrize(
    "knob", ["error_after", "close_after", "reset_after", "half_answer", "no_id"]
)
async def test_a_message_whose_answer_is_lost_is_unsure_and_never_sent_again(
    desk: Desk, knob: str
) -> None:
    campaign = await in_orm(lists.running, desk.line, 3)
    desk.sandbox.knobs.set(knob, phone="79990000001")
    await desk.serve_all()
    assert await in_orm(lists.counts, campaign) == {"accepted": 2, "unsure": 1}
    assert desk.phones_sent() == [m.phone for m in await messages(campaign)]
    assert (await messages(campaign))[1].code


async def test_a_429_gives_the_message_back_and_holds_the_line_as_long_as_asked(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    desk.sandbox.knobs.set("rate_limit", count=1, retry_after="300")
    again_at = await desk.serve()
    clock = await clock_of(desk)
    assert again_at is not None and clock.held_at is not None
    assert timedelta(seconds=290) < again_at - clock.held_at < timedelta(seconds=310)
    assert (clock.setbacks, clock.held_code) == (1, "account_paused")
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}


@pytest.mark.parametrize("pacing", list(Pacing))
async def test_a_pause_that_another_line_was_asked_for_holds_this_one_too(
    desk: Desk, pacing: Pacing
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1, pacing=pacing)
    await desk.sending.limiter.pause(300)
    again_at = await desk.serve()
    if again_at is not None and again_at <= await desk.sending.ledger.now():
        again_at = await desk.serve()
    clock = await clock_of(desk)
    assert clock.held_code == "account_paused" and clock.next_at == again_at
    now = await desk.sending.ledger.now()
    assert timedelta(seconds=290) < clock.next_at - now <= timedelta(seconds=300)
    assert await desk.sending.ledger.overdue(by_s=0) == [], "the sweep lets it be"
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}


async def test_while_chatapp_is_not_reached_messages_wait_then_go_out(
    desk: Desk, redis: Redis
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    await desk.tokens.access()
    async with open_http("http://127.0.0.1:9") as nowhere:
        courier = desk.sending.courier
        calls = Calls(nowhere)
        cut_off = ChatApp(calls, desk.tokens, desk.sending.limiter, sleep=_at_once)
        away = replace(desk.sending, courier=replace(courier, chatapp=cut_off))
        await away.serve(desk.line.pk)
    assert await in_orm(lists.counts, campaign) == {"waiting": 2}
    assert (await clock_of(desk)).held_code
    await desk.let_pauses_pass()
    await desk.serve_all()
    assert await in_orm(lists.counts, campaign) == {"accepted": 2}
    assert (await clock_of(desk)).held_code == ""


async def _at_once(_: float) -> None:
    return None


async def test_without_a_token_nothing_is_claimed_and_the_reason_is_kept(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    desk.tokens.away = TokenUnavailable("log_in_refused", "Wrong password")
    await desk.serve()
    clock = await clock_of(desk)
    assert (clock.held_code, clock.held_reason) == ("log_in_refused", "Wrong password")
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}
    (row,) = await messages(campaign)
    assert row.claimed_at is None


async def test_without_redis_nothing_is_claimed(
    desk: Desk, valkey: PrivateValkey
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    async with Redis(host="127.0.0.1", port=9) as nowhere:
        limiter = Limiter(nowhere, rate_per_s=40)
        await replace(desk.sending, limiter=limiter).serve(desk.line.pk)
    assert (await clock_of(desk)).held_code == "limiter_away"
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}
    assert desk.phones_sent() == []


async def test_a_spent_limit_only_delays(desk: Desk, redis: Redis) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    limiter = Limiter(redis, rate_per_s=0.5, key="slow")
    await limiter.take(1)
    again_at = await replace(desk.sending, limiter=limiter).serve(desk.line.pk)
    assert again_at is not None
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}
    assert (await clock_of(desk)).held_code == ""


async def test_a_worker_that_wakes_up_past_its_deadline_sends_nothing(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    ticks = iter([0.0])

    def slept() -> float:
        # The deadline was measured before the sleep; every later look is after it.
        return next(ticks, 1_000.0)

    courier = replace(desk.sending.courier, clock=slept)
    courier = replace(
        courier,
        chatapp=ChatApp(
            desk.tokens.calls, desk.tokens, desk.sending.limiter, clock=slept
        ),
    )
    await replace(desk.sending, courier=courier).serve(desk.line.pk)
    assert desk.phones_sent() == []
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}


async def test_a_token_that_expires_is_renewed_and_the_message_goes_out(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    await desk.serve()
    desk.tokens.token = "expired"
    await desk.let_pauses_pass()
    await desk.serve_all()
    assert await in_orm(lists.counts, campaign) == {"accepted": 2}


async def test_a_number_without_whatsapp_fails_before_it_is_sent_to(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    desk.sandbox.knobs.set("not_on_whatsapp", phone="79990000000")
    courier = replace(desk.sending.courier, phone_check=True)
    checking = replace(desk, sending=replace(desk.sending, courier=courier))
    await checking.serve_all()
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, "failed": 1}
    assert (await messages(campaign))[0].code == "not_on_whatsapp"
    assert desk.phones_sent() == ["+79990000001"]


async def test_a_phone_check_that_fails_does_not_hold_the_message(desk: Desk) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    desk.sandbox.knobs.set("refuse", on="phone_check", status=400, code="Nope")
    courier = replace(desk.sending.courier, phone_check=True)
    await replace(desk.sending, courier=courier).serve(desk.line.pk)
    assert await in_orm(lists.counts, campaign) == {"accepted": 1}


async def test_campaigns_on_a_line_go_out_in_the_order_of_their_start(
    desk: Desk,
) -> None:
    first = await in_orm(lists.running, desk.line, 3)
    second = await in_orm(lists.running, desk.line, 3, start=100)
    await desk.serve_all()
    order = [f"+{send.phone}" for send in desk.sandbox.record.sends()]
    expected = await messages(first) + await messages(second)
    assert order == [m.phone for m in expected]


async def test_a_paused_campaign_stands_still_and_resumes_with_the_rest(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 4)
    await desk.serve()
    await in_orm(pause_campaign, campaign_id=campaign.pk, operator="anna")
    await desk.let_pauses_pass()
    assert await desk.serve() is None
    assert len(desk.phones_sent()) == 1
    await in_orm(resume_campaign, campaign_id=campaign.pk, operator="anna")
    await desk.serve_all()
    assert desk.phones_sent() == [m.phone for m in await messages(campaign)]


QUICK = Delays(0, 0.4, random.Random(2))


async def test_each_on_its_own_sends_all_that_is_due_together(desk: Desk) -> None:
    campaign = await in_orm(
        lists.running, desk.line, 60, pacing=Pacing.EACH_ON_ITS_OWN, delays=QUICK
    )
    own = replace(desk, sending=replace(desk.sending, delays=QUICK))
    again_at = await own.serve()
    assert again_at is not None
    assert await in_orm(lists.counts, campaign) == {"accepted": 60}
    rows = await messages(campaign)
    assert desk.phones_sent() == [m.phone for m in rows]
    begun = (await in_orm(Campaign.objects.get, pk=campaign.pk)).delays_from
    assert begun is not None
    for row in rows:
        assert row.claimed_at is not None
        due_at = begun + timedelta(milliseconds=row.delay_ms)
        # Not before its moment; a millisecond is what the drawn delay is rounded to.
        assert row.claimed_at >= due_at - timedelta(milliseconds=1)


async def test_what_comes_due_within_a_moment_leaves_with_one_claim(desk: Desk) -> None:
    delays = Delays(0, 1, random.Random(1))
    campaign = await in_orm(
        lists.running, desk.line, 60, pacing=Pacing.EACH_ON_ITS_OWN, delays=delays
    )
    own = replace(desk, sending=replace(desk.sending, delays=delays))
    await own.serve_all()
    rows = await messages(campaign)
    assert {row.status for row in rows} == {"accepted"}
    # A second has ten tenths; the first claim may come at any time within its own.
    assert len({row.claimed_at for row in rows}) <= 12


async def test_what_is_not_recorded_yet_keeps_no_slot_for_long(desk: Desk) -> None:
    campaign = await in_orm(
        lists.running, desk.line, 6, pacing=Pacing.EACH_ON_ITS_OWN, delays=QUICK
    )
    courier = desk.sending.courier
    recording = asyncio.Event()

    class SlowToRecord(Courier):
        async def record(self, outcome: Outcome) -> None:
            await recording.wait()
            await super().record(outcome)

    slow = SlowToRecord(courier.ledger, courier.chatapp, courier.source)
    own = replace(desk.sending, courier=slow, delays=QUICK)
    state = await own.ledger.look(desk.line.pk)
    assert state is not None
    job = asyncio.create_task(
        EachOnItsOwn(
            ledger=own.ledger,
            courier=slow,
            limiter=own.limiter,
            delays=QUICK,
            is_stopping=lambda: False,
            slots=2,
        ).serve(state)
    )
    # Twice the slots, and not one more before something is recorded.
    await eventually(lambda: len(desk.phones_sent()) == 4)
    most = (await in_orm(lists.counts, campaign)).get("claimed", 0)
    recording.set()
    await job
    assert most == 4
    assert await in_orm(lists.counts, campaign) == {"accepted": 6}


async def test_each_on_its_own_draws_anew_after_an_outage_and_does_not_burst(
    desk: Desk,
) -> None:
    campaign = await in_orm(
        lists.running,
        desk.line,
        30,
        pacing=Pacing.EACH_ON_ITS_OWN,
        delays=Delays(5, 50, random.Random(3)),
    )
    long_ago = "2001-01-01 00:00:00+00:00"
    await in_orm(
        lambda: Campaign.objects.filter(pk=campaign.pk).update(
            delays_from=long_ago, served_at=long_ago
        )
    )
    before = [m.delay_ms for m in await messages(campaign)]
    await desk.let_pauses_pass()
    again_at = await desk.serve()
    now = await desk.sending.ledger.now()
    assert again_at is not None and again_at - now > timedelta(seconds=3)
    assert desk.phones_sent() == []
    assert [m.delay_ms for m in await messages(campaign)] != before


async def test_each_on_its_own_stops_at_a_pause_and_frees_the_line(desk: Desk) -> None:
    campaign = await in_orm(
        lists.running, desk.line, 40, pacing=Pacing.EACH_ON_ITS_OWN, delays=QUICK
    )
    next_one = await in_orm(lists.running, desk.line, 1, start=500)
    desk.sandbox.knobs.set("delay", seconds=0.3)
    job = asyncio.create_task(desk.serve())
    await eventually(lambda: bool(desk.phones_sent()))
    await in_orm(pause_campaign, campaign_id=campaign.pk, operator="anna")
    again_at = await job
    counted = await in_orm(lists.counts, campaign)
    assert counted["waiting"] > 0 and "claimed" not in counted
    paused = await in_orm(Action.objects.get, campaign=campaign, verb="paused")
    claims = [m.claimed_at for m in await messages(campaign) if m.claimed_at]
    assert max(claims) <= paused.at
    now = await desk.sending.ledger.now()
    assert again_at is not None and again_at - now < timedelta(seconds=55)
    await desk.let_pauses_pass()
    await desk.serve()
    assert await in_orm(lists.counts, next_one) == {"accepted": 1}


async def test_each_on_its_own_gives_back_what_a_cut_connection_holds(
    desk: Desk,
) -> None:
    campaign = await in_orm(
        lists.running, desk.line, 20, pacing=Pacing.EACH_ON_ITS_OWN, delays=QUICK
    )
    desk.sandbox.knobs.set("rate_limit", retry_after="200")
    started = time.monotonic()
    again_at = await desk.serve()
    assert again_at is not None
    assert time.monotonic() - started < 40
    assert await in_orm(lists.counts, campaign) == {"waiting": 20}
    assert (await clock_of(desk)).setbacks == 1
    assert desk.accepted() == []


async def test_a_cancelled_campaign_never_sends_what_waited(desk: Desk) -> None:
    campaign = await in_orm(lists.running, desk.line, 3)
    await desk.serve()
    await in_orm(cancel_campaign, campaign_id=campaign.pk, operator="anna")
    await desk.let_pauses_pass()
    assert await desk.serve() is None
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, "cancelled": 2}
    assert len(desk.phones_sent()) == 1


def test_the_clock_counts_while_the_computer_sleeps() -> None:
    assert abs(boottime() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1


async def test_a_give_back_told_twice_does_not_undo_the_next_claim(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    ledger = desk.sending.ledger

    async def claim() -> Claimed:
        state = await ledger.look(desk.line.pk)
        assert state is not None
        due = await ledger.find_due(state, 1)
        (claimed,) = (await ledger.claim(state, due)).messages
        return claimed

    first = await claim()
    given_back = Outcome(first, MessageStatus.WAITING, await ledger.now())
    await ledger.record(given_back)
    await claim()
    # The answer to the first record was lost, so that it is told again.
    await ledger.record(given_back)
    assert await in_orm(lists.counts, campaign) == {"claimed": 1}


async def test_each_on_its_own_waits_as_long_as_the_limiter_says(
    desk: Desk, redis: Redis
) -> None:
    await in_orm(
        lists.running, desk.line, 5, pacing=Pacing.EACH_ON_ITS_OWN, delays=QUICK
    )
    await desk.sending.limiter.pause(300)
    sending = replace(desk.sending, delays=Delays(0, 0, random.Random(1)))
    await asyncio.sleep(0.5)
    again_at = await sending.serve(desk.line.pk)
    if again_at is not None and again_at <= await sending.ledger.now():
        again_at = await sending.serve(desk.line.pk)
    now = await sending.ledger.now()
    assert again_at is not None and again_at - now > timedelta(seconds=200)
    assert desk.phones_sent() == []


async def test_a_far_retry_after_does_not_take_the_line_away_for_good(
    desk: Desk,
) -> None:
    await in_orm(lists.running, desk.line, 1)
    desk.sandbox.knobs.set("rate_limit", retry_after="999999999")
    again_at = await desk.serve()
    now = await desk.sending.ledger.now()
    assert again_at is not None and again_at - now <= timedelta(hours=1)


async def test_one_hiccup_of_the_database_does_not_stop_the_line_for_long(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = await in_orm(
        lists.running, desk.line, 60, pacing=Pacing.EACH_ON_ITS_OWN, delays=QUICK
    )
    ledger = desk.sending.ledger
    find_due, times = ledger.find_due, iter(range(100))

    async def hiccup(*asked: Any) -> list[Claimed]:
        if next(times) == 3:
            raise DatabaseAway("a hiccup")
        return await find_due(*asked)

    monkeypatch.setattr(ledger, "find_due", hiccup)
    with pytest.raises(DatabaseAway):
        await desk.serve()
    state = await ledger.look(desk.line.pk)
    assert state is not None
    assert state.next_at - state.now < timedelta(seconds=52)
    assert "claimed" not in await in_orm(lists.counts, campaign)
    assert len(desk.phones_sent()) == len(set(desk.phones_sent()))
