"""What leaves next is named with its time, as far as that can be told."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from asgi_app.database import orm_now
from campaigns.hindrances import Hindrance, Kind, look_around
from campaigns.models import (
    Campaign,
    LineClock,
    LineRules,
    Message,
    SliceMember,
    WorkerBeat,
)
from campaigns.next_up import next_of, next_on_line
from campaigns.services import start_campaign
from campaigns.states import Pacing
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.frozen import FrozenClock, clock
from tests.campaigns.test_resting import BY_DAY, FRIDAY, THURSDAY

__all__ = ["clock"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def now(worker: WorkerBeat) -> datetime:
    return orm_now()


def reread(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_related("line").get(pk=campaign.pk)


def test_the_next_are_named_across_campaigns_with_their_times(
    line: Line, now: datetime
) -> None:
    first = lists.running(line, 2)
    second = lists.running(line, 5, start=10)
    lists.due(line, now)
    around = look_around([reread(first), reread(second)])
    due = next_on_line(line.pk, around, None, most=4)
    assert [d.message.phone[-2:] for d in due] == ["00", "01", "10", "11"]
    assert [d.is_about for d in due] == [False, True, True, True]
    mean = timedelta(seconds=27.5)
    assert [d.at for d in due] == [now + mean * n for n in range(4)]
    stopped = Hindrance(Kind.LINE_STOPPED)
    untold = next_on_line(line.pk, around, stopped, most=4)
    assert [d.at for d in untold] == [None] * 4


def test_on_an_idle_line_the_first_is_due_at_its_start(
    line: Line, now: datetime
) -> None:
    campaign = lists.running(line, 1)
    LineClock.objects.update(next_at=now - timedelta(minutes=5))
    campaign = reread(campaign)
    due = next_of(campaign, look_around([campaign]))
    assert due is not None and due.at == campaign.woken_at


def test_while_a_trial_slice_is_out_the_next_is_of_its_members(
    line: Line, now: datetime
) -> None:
    campaign = lists.draft(line, 6)
    rows = list(Message.objects.filter(campaign=campaign).order_by("pk"))
    Message.objects.filter(pk=rows[0].pk).update(zone="Asia/Yekaterinburg")
    start_campaign(campaign_id=campaign.pk, operator="anna")
    SliceMember.objects.create(campaign=campaign, message=rows[4])
    Campaign.objects.filter(pk=campaign.pk).update(slice_is_open=True)
    LineRules.objects.create(line=line, windows=BY_DAY, in_recipients_zone=True)
    campaign = reread(campaign)
    around = look_around([campaign])
    due = next_of(campaign, around)
    assert due is not None and due.message == rows[4]
    assert [d.message for d in next_on_line(line.pk, around, None, most=5)] == [rows[4]]
    assert around.zones[line.pk] == [""], "where the others live does not matter yet"


def test_each_on_its_own_has_exact_times_once_they_count(
    line: Line, now: datetime
) -> None:
    campaign = lists.running(line, 2, pacing=Pacing.EACH_ON_ITS_OWN)
    campaign.messages.update(delay_ms=7_000)
    due = next_of(reread(campaign), look_around([reread(campaign)]))
    assert due is not None and due.at is None
    Campaign.objects.update(delays_from=now)
    due = next_of(reread(campaign), look_around([reread(campaign)]))
    assert due is not None
    assert (due.at, due.is_about) == (now + timedelta(seconds=7), False)


def test_the_time_is_one_at_which_it_is_day_where_he_lives(
    transactional_db: None, clock: FrozenClock, line: Line
) -> None:
    LineRules.objects.create(line=line, windows=BY_DAY, in_recipients_zone=True)
    clock.show(THURSDAY, "17:30")  # 19:30 in Yekaterinburg
    campaign = lists.running(line, 1)
    lists.due(line, clock.now)
    due = next_of(reread(campaign), look_around([reread(campaign)]))
    assert due is not None and due.at == clock.now
    Message.objects.update(zone="Asia/Yekaterinburg")
    due = next_of(reread(campaign), look_around([reread(campaign)]))
    assert due is not None
    assert due.at == FrozenClock(clock.now).show(FRIDAY, "07:00")
