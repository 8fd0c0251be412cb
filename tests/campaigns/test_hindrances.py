from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from asgi_app.database import orm_now
from campaigns.hindrance_words import in_words
from campaigns.hindrances import Hindrance, Kind, look_around, why_not_now
from campaigns.models import Campaign, LineClock, LineRules, WorkerBeat
from campaigns.services import cancel_campaign, pause_campaign
from chatapp.models import Account, Line
from tests.campaigns import lists

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(worker: WorkerBeat) -> datetime:
    return orm_now()


def reread(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_related("line").get(pk=campaign.pk)


def why(campaign: Campaign) -> Hindrance | None:
    return why_not_now(reread(campaign))


def said(campaign: Campaign) -> str:
    hindrance = why(campaign)
    assert hindrance is not None
    return in_words(hindrance)


def clock(line: Line, **values: object) -> None:
    LineClock.objects.filter(line=line).update(**values)


def test_a_running_campaign_in_its_turn_goes_its_way(line: Line, now: datetime) -> None:
    assert why(lists.running(line, 1)) is None


def test_a_draft_is_not_started(line: Line, now: datetime) -> None:
    assert said(lists.draft(line, 1)) == "It has not been started yet."


def test_it_names_who_paused_and_when(line: Line, now: datetime) -> None:
    campaign = lists.running(line, 1)
    pause_campaign(campaign_id=campaign.pk, operator="boris")
    assert said(campaign).startswith("Paused by boris at ")


def test_the_program_that_paused_says_why(line: Line, now: datetime) -> None:
    campaign = lists.running(line, 1)
    Campaign.objects.update(status="paused", paused_because="idle")
    assert "more than 6 hours" in said(campaign)


def test_a_start_that_nobody_makes_is_not_promised(line: Line, now: datetime) -> None:
    campaign = lists.running(line, 1)
    start_at = now - timedelta(minutes=5)
    Campaign.objects.update(status="scheduled", started_at=None, start_at=start_at)
    assert said(campaign).startswith("It starts by itself: ")
    WorkerBeat.objects.update(beat_at=now - timedelta(minutes=6))
    assert said(campaign).startswith("No worker has been seen for 6 min.")
    WorkerBeat.objects.all().delete()
    assert said(campaign).startswith("No worker has been seen yet.")
    # As long as its time has not come, that may still be put right.
    Campaign.objects.update(start_at=now + timedelta(minutes=5))
    assert said(campaign).startswith("It starts by itself: ")


def test_what_is_cancelled_or_sent_out_says_so(line: Line, now: datetime) -> None:
    campaign = lists.running(line, 1)
    Campaign.objects.update(waiting=0, read=1)
    assert said(campaign) == "Nothing waits any more."
    Campaign.objects.update(waiting=1, read=0)
    cancel_campaign(campaign_id=campaign.pk, operator="anna")
    assert said(campaign).startswith("Cancelled by anna at ")


def test_without_a_beat_no_worker_was_seen_yet(line: Line) -> None:
    campaign = lists.running(line, 1)
    assert said(campaign).startswith("No worker has been seen yet.")


def test_a_silent_worker_is_named_with_its_silence(line: Line, now: datetime) -> None:
    campaign = lists.running(line, 1)
    WorkerBeat.objects.update(beat_at=now - timedelta(seconds=25))
    assert why(campaign) is None
    WorkerBeat.objects.update(beat_at=now - timedelta(seconds=40))
    assert said(campaign).startswith("No worker has been seen for 4")
    WorkerBeat.objects.create(name="w2", started_at=now, beat_at=now)
    assert why(campaign) is None
    WorkerBeat.objects.update(died_at=now)
    assert said(campaign).startswith("No worker has been seen for ")


def test_a_refused_log_in_is_the_reason(line: Line, now: datetime) -> None:
    campaign = lists.running(line, 1)
    Account.objects.create(pk=1, refused_kind="log_in", refused_at=now)
    assert said(campaign).startswith("ChatApp refused the log-in.")


def test_a_licence_that_is_over_is_the_reason(line: Line, now: datetime) -> None:
    campaign = lists.running(line, 1)
    Line.objects.update(paid_until=now - timedelta(days=1))
    assert said(campaign) == "The line's licence is over."


def test_a_braked_line_is_the_reason_for_all_in_its_queue(
    line: Line, now: datetime
) -> None:
    lists.running(line, 1)
    second = lists.running(line, 1, start=10)
    clock(line, stopped_at=now, stopped_code="refused_in_a_row")
    assert said(second).startswith("The line was stopped at ")
    assert "ten messages in a row" in said(second)


def test_a_busy_line_names_the_campaign_and_about_when(
    line: Line, now: datetime
) -> None:
    first = lists.running(line, 100)
    second = lists.running(line, 1, start=200)
    clock(line, next_at=now)
    hindrance = why(second)
    assert hindrance is not None and hindrance.until is not None
    assert hindrance.ahead == first and hindrance.is_calm
    # A hundred pauses of 5 to 50 seconds.
    assert abs(hindrance.until - now - timedelta(seconds=2750)) < timedelta(seconds=9)
    assert "busy with ‹Sale› until about" in in_words(hindrance)
    assert why(first) is None


def test_a_line_held_back_tells_the_code_and_the_next_try(
    line: Line, now: datetime
) -> None:
    campaign = lists.running(line, 1)
    clock(line, held_code="limiter_away", next_at=now + timedelta(minutes=1))
    assert "Redis does not answer" in said(campaign)
    assert "The next try is at" in said(campaign)


def test_a_pause_of_the_account_holds_back_every_line(
    line: Line, now: datetime
) -> None:
    other = Line.objects.create(licence_id="77", messenger="grWhatsApp")
    until = now + timedelta(minutes=2)
    LineClock.objects.create(line=other, next_at=until, held_code="account_paused")
    campaign = lists.running(line, 1)
    lists.due(line, now - timedelta(seconds=30))
    found = why(campaign)
    assert found is not None and found.kind == Kind.HELD_BACK and found.until == until
    assert said(campaign).startswith("ChatApp asked for a pause")
    # Once it is over, it holds back nobody, whatever is still written.
    LineClock.objects.filter(line=other).update(next_at=now - timedelta(seconds=1))
    found = why(campaign)
    assert found is not None and found.kind == Kind.LATE


def test_what_held_back_the_campaign_before_is_not_told_of_this_one(
    line: Line, now: datetime
) -> None:
    campaign = lists.running(line, 1)
    clock(line, held_code="not_reached", next_at=now - timedelta(minutes=5))
    assert why(campaign) is None


def test_a_line_that_is_late_says_since_when(line: Line, now: datetime) -> None:
    campaign = lists.running(line, 1)
    clock(line, next_at=now - timedelta(seconds=10))
    assert why(campaign) is None
    lists.due(line, now - timedelta(seconds=30))
    assert "has been due since" in said(campaign)
    # What is on its way may take its time.
    Campaign.objects.update(claimed=1)
    assert why(campaign) is None


def test_what_starts_on_an_idle_line_is_not_late_since_the_campaign_before(
    line: Line, now: datetime
) -> None:
    campaign = lists.running(line, 1)
    clock(line, next_at=now - timedelta(minutes=5))
    assert why(campaign) is None
    Campaign.objects.update(woken_at=now - timedelta(seconds=30))
    found = why(campaign)
    assert found == Hindrance(Kind.LATE, since=now - timedelta(seconds=30))


@pytest.mark.parametrize("kind", list(Kind))
def test_every_hindrance_has_a_sentence(kind: Kind, line: Line, now: datetime) -> None:
    told = Hindrance(
        kind,
        code="line_over",
        since=now,
        until=now,
        by="anna",
        ahead=Campaign(name="Sale"),
        silence=timedelta(seconds=40),
    )
    assert in_words(told)


def test_the_weightiest_reason_is_told_alone(line: Line, now: datetime) -> None:
    campaign = lists.running(line, 1)
    clock(line, held_code="limiter_away", stopped_at=now, stopped_code="x")
    Account.objects.create(pk=1, refused_kind="log_in", refused_at=now)
    WorkerBeat.objects.update(beat_at=now - timedelta(minutes=5))
    found = why(campaign)
    assert found is not None and found.kind == Kind.NO_WORKER
    pause_campaign(campaign_id=campaign.pk, operator="anna")
    found = why(campaign)
    assert found is not None and found.kind == Kind.PAUSED


def test_a_trial_and_a_test_of_the_line_go_where_others_are_kept(
    line: Line, now: datetime
) -> None:
    campaign = lists.running(line, 1)
    days_off = [(now + timedelta(days=n)).date().isoformat() for n in (-1, 0, 1)]
    LineRules.objects.create(line=line, days_off=days_off)
    found = why(campaign)
    assert found is not None and found.kind == Kind.DAY_OFF
    trial = lists.running(line, 1, start=10)
    Campaign.objects.filter(pk=trial.pk).update(trial_of=campaign)
    assert why(trial) is None
    clock(line, stopped_at=now, stopped_code="delivery_collapsed")
    found = why(trial)
    assert found is not None and found.kind == Kind.LINE_STOPPED
    Campaign.objects.filter(pk=trial.pk).update(trial_of=None, is_line_test=True)
    assert why(trial) is None


def test_looking_around_costs_the_same_for_many(
    line: Line,
    now: datetime,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    campaigns = [reread(lists.running(line, 1, start=n)) for n in range(5)]
    with django_assert_max_num_queries(9):
        around = look_around(campaigns)
    assert [c.pk for c in around.queues[line.pk]] == [c.pk for c in campaigns]
