from __future__ import annotations

import random
from datetime import timedelta

import pytest
from pytest_django import Settings

from asgi_app.database import in_orm, orm_now
from campaigns.decisions import retry_failed
from campaigns.forecast import Condition, Forecast
from campaigns.forecast_selectors import read_forecast
from campaigns.models import Campaign, LineClock, Message
from campaigns.pacing import Delays
from campaigns.services import note, pause_campaign, start_campaign
from campaigns.states import MessageStatus, Pacing
from campaigns.turns import campaigns_ahead
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.desk import Desk

SECOND = timedelta(seconds=1)
FIVE_TO_FIFTY = Delays(5, 50, random.Random(1))


def foreseen(campaign: Campaign) -> Forecast:
    campaign.refresh_from_db()
    forecast = read_forecast(campaign, orm_now())
    assert forecast is not None
    return forecast


def seconds_left(campaign: Campaign) -> float:
    return (foreseen(campaign).ends_at - orm_now()).total_seconds()


def test_a_campaign_waits_for_those_that_started_before_it(line: Line) -> None:
    first = lists.running(line, 11)
    second = lists.running(line, 21, start=100)
    draft = lists.draft(line, 1, start=200)
    second.refresh_from_db()
    assert campaigns_ahead(second) == [first]
    assert campaigns_ahead(draft) == [first, second]
    assert seconds_left(first) == pytest.approx(10 * 27.5, abs=2)
    assert seconds_left(second) == pytest.approx(31 * 27.5, abs=2)
    assert seconds_left(draft) == pytest.approx(32 * 27.5, abs=2)
    assert foreseen(draft).condition == Condition.STARTED


def test_a_trial_goes_before_campaigns_that_started_earlier(line: Line) -> None:
    first, trial = lists.running(line, 11), lists.running(line, 1, start=100)
    Campaign.objects.filter(pk=trial.pk).update(trial_of=lists.draft(line, 1, start=9))
    for campaign in (first, trial):
        campaign.refresh_from_db()
    assert campaigns_ahead(trial) == []
    assert campaigns_ahead(first) == [trial]
    assert seconds_left(trial) == pytest.approx(0, abs=2)


def test_a_paused_campaign_lets_others_by_and_says_on_what_it_depends(
    line: Line,
) -> None:
    first = lists.running(line, 11)
    second = lists.running(line, 21, start=100)
    pause_campaign(campaign_id=first.pk, operator="anna")
    assert seconds_left(second) == pytest.approx(20 * 27.5, abs=2)
    assert foreseen(first).condition == Condition.RESUMED
    # Resumed, it goes before the one that started later.
    assert seconds_left(first) == pytest.approx(10 * 27.5, abs=2)


def test_other_lines_do_not_matter(line: Line) -> None:
    lists.running(line, 500)
    other = Line.objects.create(licence_id="2", messenger="grWhatsApp")
    assert seconds_left(lists.running(other, 3)) == pytest.approx(55, abs=2)


def test_a_message_under_way_is_followed_by_a_new_pause(line: Line) -> None:
    campaign = lists.running(line, 1)
    # While it is claimed, the clock stands at the end of the claim.
    LineClock.objects.update(next_at=orm_now() + 90 * SECOND)
    assert seconds_left(campaign) == pytest.approx(90, abs=2)
    cancelled = lists.draft(line, 1, start=50)
    Campaign.objects.filter(pk=cancelled.pk).update(claimed=1, status="cancelled")
    assert seconds_left(campaign) == pytest.approx(27.5, abs=2)


def test_a_line_that_stands_still_is_a_condition(line: Line) -> None:
    campaign = lists.running(line, 1)
    LineClock.objects.update(stopped_at=orm_now(), stopped_code="unsure_in_a_row")
    assert foreseen(campaign).condition == Condition.LINE_GOES_ON


def test_the_drawn_delays_of_each_on_its_own_are_known(line: Line) -> None:
    campaign = lists.draft(
        line, 30, pacing=Pacing.EACH_ON_ITS_OWN, delays=FIVE_TO_FIFTY
    )
    last = Message.objects.order_by("-delay_ms").first()
    assert last
    assert seconds_left(campaign) == pytest.approx(last.delay_ms / 1000, abs=1)
    assert foreseen(campaign).band < SECOND
    start_campaign(campaign_id=campaign.pk, operator="anna")
    began = orm_now() - 20 * SECOND
    Campaign.objects.update(delays_from=began)
    assert seconds_left(campaign) == pytest.approx(last.delay_ms / 1000 - 20, abs=1)
    # Missed by far, or resumed, they are drawn anew.
    Campaign.objects.update(delays_from=orm_now() - timedelta(hours=1))
    assert seconds_left(campaign) == pytest.approx(5 + 45 * 30 / 31, abs=1)
    Campaign.objects.update(delays_from=None, draw_anew=True)
    assert foreseen(campaign).band > SECOND


def test_while_the_line_is_held_back_each_on_its_own_waits_too(line: Line) -> None:
    each = Pacing.EACH_ON_ITS_OWN
    campaign = lists.running(line, 30, pacing=each, delays=FIVE_TO_FIFTY)
    Campaign.objects.update(delays_from=orm_now())
    last = Message.objects.order_by("-delay_ms")[0].delay_ms / 1000
    assert seconds_left(campaign) == pytest.approx(last, abs=1)
    LineClock.objects.update(next_at=orm_now() + (last + 30) * SECOND)
    assert seconds_left(campaign) == pytest.approx(last + 30, abs=1)
    # Missed by far, they will be drawn anew when the line goes on.
    LineClock.objects.update(next_at=orm_now() + 300 * SECOND)
    assert seconds_left(campaign) == pytest.approx(305 + 45 * 30 / 31, abs=1)


def test_nothing_is_foreseen_where_nothing_waits(line: Line) -> None:
    assert read_forecast(lists.draft(line, 0), orm_now()) is None
    done = lists.running(line, 1)
    Campaign.objects.filter(pk=done.pk).update(waiting=0, accepted=1)
    done.refresh_from_db()
    assert read_forecast(done, orm_now()) is None


def test_the_pauses_since_its_plan_are_known(line: Line) -> None:
    campaign = lists.running(line, 5)
    assert foreseen(campaign).paused == timedelta()
    now = orm_now()
    for verb, minutes in (
        ("paused", 60),
        ("continued", 50),
        ("paused", 40),
        ("resumed", 30),
        ("resumed", 20),  # what the program itself had paused
        ("paused", 5),
    ):
        at = now - timedelta(minutes=minutes)
        note(campaign.pk, verb, "anna", at)
    assert foreseen(campaign).paused.total_seconds() == pytest.approx(15 * 60, abs=5)


def test_a_retry_of_what_was_sent_out_is_not_held_against_the_plan(
    line: Line,
) -> None:
    campaign = lists.running(line, 2)
    assert foreseen(campaign).behind is not None
    Message.objects.update(status=MessageStatus.FAILED)
    Campaign.objects.update(waiting=0, failed=2)
    assert retry_failed(campaign_id=campaign.pk, operator="anna") == 2
    assert foreseen(campaign).behind is None


async def test_the_answers_of_the_line_are_measured_between_the_pauses(
    desk: Desk, settings: Settings
) -> None:
    settings.SEND_DELAY_MIN = settings.SEND_DELAY_MAX = 0
    campaign = await in_orm(lists.running, desk.line, 5)
    await desk.serve()
    later = await in_orm(lists.draft, desk.line, 1_001, start=50)

    def set_back() -> None:
        """Makes the one answer so far look as if it had taken four seconds."""
        answered = Message.objects.get(campaign=campaign, answered_at__isnull=False)
        event = answered.events.get(kind="claimed")
        assert answered.answered_at
        planned_at = answered.answered_at - 4 * SECOND
        event.detail["planned_at"] = planned_at.isoformat()
        event.save(update_fields=["detail"])
        LineClock.objects.update(next_at=orm_now())

    await in_orm(set_back)
    assert await in_orm(seconds_left, later) == pytest.approx(4 * 1_005, abs=2)
