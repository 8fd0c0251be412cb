from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from asgi_app.database import in_orm
from campaigns.history import EventKind
from campaigns.models import Campaign, Event, LineClock, Message
from campaigns.settling import Settling
from chatapp.client import ChatApp
from chatapp.errors import TokenUnavailable
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.desk import Desk, messages


@pytest.fixture
def settling(desk: Desk) -> Settling:
    return Settling(desk.sending.ledger, desk.sending.courier.chatapp)


async def unsure(desk: Desk, count: int = 1, knob: str = "error_after") -> Campaign:
    """A campaign whose answers were all lost."""
    campaign = await in_orm(lists.running, desk.line, count)
    desk.sandbox.knobs.set(knob)
    for _ in range(count):
        await desk.serve()
        await desk.let_pauses_pass()
    desk.sandbox.knobs.clear()
    return campaign


async def let_time_pass(by: timedelta) -> None:
    def pass_by() -> None:
        for message in Message.objects.filter(look_at__isnull=False):
            assert message.look_at is not None
            message.look_at -= by
            message.save(update_fields=["look_at"])

    await in_orm(pass_by)


async def test_an_unsure_message_is_looked_for_after_a_minute(
    desk: Desk, settling: Settling
) -> None:
    campaign = await unsure(desk)
    assert await settling.look() == 0
    assert await in_orm(lists.counts, campaign) == {"unsure": 1}
    await let_time_pass(timedelta(seconds=61))
    assert await settling.look() == 1
    (row,) = await messages(campaign)
    (sent,) = desk.sandbox.record.sends()
    assert (row.status, row.message_id, row.code) == ("accepted", sent.message_id, "")
    assert await in_orm(lists.counts, campaign) == {"accepted": 1}


async def test_what_is_not_in_the_history_is_looked_for_twice_and_stays_unsure(
    desk: Desk, settling: Settling
) -> None:
    campaign = await unsure(desk, knob="error_before")
    await let_time_pass(timedelta(seconds=61))
    assert await settling.look() == 0
    assert await settling.look() == 0
    await let_time_pass(timedelta(minutes=14, seconds=1))
    assert await settling.look() == 0
    (row,) = await messages(campaign)
    assert (row.status, row.looks, row.look_at) == ("unsure", 2, None)
    kinds = await in_orm(
        lambda: list(Event.objects.order_by("id").values_list("kind", flat=True))
    )
    assert kinds == ["claimed", "unsure", EventKind.LOOKED, EventKind.LOOKED]


async def test_a_look_that_chatapp_cannot_answer_is_put_off(
    desk: Desk, settling: Settling
) -> None:
    campaign = await unsure(desk)
    await let_time_pass(timedelta(seconds=61))
    desk.sandbox.knobs.set("rate_limit", on="history", retry_after="120")
    assert await settling.look() == 0
    (row,) = await messages(campaign)
    assert (row.status, row.looks) == ("unsure", 0)
    assert row.look_at is not None
    assert row.look_at > await settling.ledger.now() + timedelta(seconds=30)


async def test_three_unsure_in_a_row_stop_the_line_and_nothing_more_leaves(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 6)
    desk.sandbox.knobs.set("error_after")
    for _ in range(6):
        await desk.serve()
        await desk.let_pauses_pass()
    assert await in_orm(lists.counts, campaign) == {"unsure": 3, "waiting": 3}
    clock = await in_orm(LineClock.objects.get, line=desk.line)
    assert clock.stopped_code == "unsure_in_a_row"
    assert "http_5" in clock.stopped_reason
    assert await desk.serve() is None
    assert await desk.sending.ledger.overdue(by_s=-1) == []


async def stopped_for(desk: Desk, seconds: float) -> None:
    at = await desk.sending.ledger.now() - timedelta(seconds=seconds)
    await in_orm(lambda: LineClock.objects.filter(line=desk.line).update(stopped_at=at))


async def test_after_unsure_ones_the_line_goes_on_once_chatapp_answers(
    desk: Desk, settling: Settling
) -> None:
    campaign = await unsure(desk, 3)
    await in_orm(lists.running, desk.line, 1, start=50)
    assert await settling.probe() == []
    await stopped_for(desk, 61)
    assert await settling.probe() == [desk.line.pk]
    assert await settling.probe() == []
    await desk.serve()
    assert len(desk.sandbox.record.sends()) == 4
    assert await in_orm(lists.counts, campaign) == {"unsure": 3}


async def test_while_chatapp_does_not_answer_the_line_stays_stopped(
    desk: Desk, settling: Settling
) -> None:
    await unsure(desk, 3)
    await stopped_for(desk, 61)
    desk.sandbox.knobs.set("error_before", on="licenses")
    chatapp = ChatApp(
        desk.tokens.calls, desk.tokens, desk.sending.limiter, sleep=_at_once
    )
    assert await Settling(settling.ledger, chatapp).probe() == []
    clock = await in_orm(LineClock.objects.get, line=desk.line)
    assert clock.stopped_code == "unsure_in_a_row"


async def _at_once(_: float) -> None:
    return None


async def test_ten_equal_refusals_stop_the_line_until_somebody_clicks(
    desk: Desk, settling: Settling
) -> None:
    campaign = await in_orm(lists.running, desk.line, 15)
    desk.sandbox.knobs.set("refuse", status=403, code="ApiLicenseOff")
    for _ in range(15):
        await desk.serve()
        await desk.let_pauses_pass()
    assert await in_orm(lists.counts, campaign) == {"failed": 10, "waiting": 5}
    await stopped_for(desk, 10_000)
    assert await settling.probe() == []


async def test_a_refusal_of_another_kind_begins_the_count_anew(desk: Desk) -> None:
    campaign = await in_orm(lists.running, desk.line, 12)
    desk.sandbox.knobs.set("refuse", status=400, code="ApiNo")
    desk.sandbox.knobs.set("refuse", phone="79990000005", status=400, code="ApiOther")
    for _ in range(12):
        await desk.serve()
        await desk.let_pauses_pass()
    assert await in_orm(lists.counts, campaign) == {"failed": 12}


async def test_a_campaign_that_lay_idle_for_hours_waits_for_a_click(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    long_ago = await desk.sending.ledger.now() - timedelta(hours=7)
    await desk.let_pauses_pass()
    await in_orm(
        lambda: Campaign.objects.filter(pk=campaign.pk).update(woken_at=long_ago)
    )
    await desk.serve()
    await in_orm(campaign.refresh_from_db)
    assert (campaign.status, campaign.paused_because) == ("paused", "idle")
    assert desk.sandbox.record.sends() == []


async def test_a_line_that_was_held_back_for_hours_waits_for_a_click_too(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    desk.tokens.away = TokenUnavailable("log_in_refused", "Wrong password")
    await desk.serve()
    await desk.let_pauses_pass()
    await desk.serve()
    clock = await in_orm(LineClock.objects.get, line=desk.line)
    assert clock.setbacks == 2
    assert clock.held_since is not None and clock.held_at is not None
    assert clock.held_since < clock.held_at
    long_ago = clock.held_since - timedelta(hours=7)
    await in_orm(lambda: LineClock.objects.update(held_since=long_ago))
    await in_orm(lambda: Campaign.objects.update(woken_at=long_ago))
    desk.tokens.away = None
    # Its last setback is over only now.
    now = await desk.sending.ledger.now()
    await in_orm(lambda: LineClock.objects.update(next_at=now))
    await desk.serve()
    await in_orm(campaign.refresh_from_db)
    assert campaign.paused_because == "idle"
    assert desk.sandbox.record.sends() == []


async def test_each_further_stop_is_looked_into_after_twice_as_long(
    desk: Desk, settling: Settling
) -> None:
    await unsure(desk, 3)
    await in_orm(lambda: LineClock.objects.filter(line=desk.line).update(stops=3))
    await stopped_for(desk, 200)
    assert await settling.probe() == []
    await stopped_for(desk, 241)
    assert await settling.probe() == [desk.line.pk]


@pytest.mark.parametrize("busy", ["next_at", "served_at"])
async def test_a_campaign_that_takes_longer_than_that_is_not_called_idle(
    desk: Desk, busy: str
) -> None:
    campaign = await in_orm(lists.running, desk.line, 2)
    now = await desk.sending.ledger.now()
    moments = dict.fromkeys(["next_at", "served_at"], now - timedelta(hours=7))
    moments[busy] = now

    def work_for_hours() -> None:
        LineClock.objects.update(next_at=moments["next_at"])
        Campaign.objects.update(
            woken_at=now - timedelta(hours=7), served_at=moments["served_at"]
        )

    await in_orm(work_for_hours)
    await desk.serve()
    assert await in_orm(lists.counts, campaign) == {"accepted": 1, "waiting": 1}


async def test_over_a_licence_past_its_date_nothing_leaves_until_it_is_paid(
    desk: Desk,
) -> None:
    campaign = await in_orm(lists.running, desk.line, 1)
    now = await desk.sending.ledger.now()

    async def paid_until(at: datetime) -> None:
        await in_orm(lambda: Line.objects.update(paid_until=at))

    await paid_until(now - timedelta(minutes=1))
    again_at = await desk.serve()
    assert again_at is not None and again_at > now + timedelta(seconds=30)
    clock = await in_orm(LineClock.objects.get, line=desk.line)
    assert clock.held_code == "over"
    assert await in_orm(lists.counts, campaign) == {"waiting": 1}
    assert desk.sandbox.record.sends() == []
    await paid_until(now + timedelta(days=30))
    await desk.let_pauses_pass()
    await desk.serve()
    assert await in_orm(lists.counts, campaign) == {"accepted": 1}
