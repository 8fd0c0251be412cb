from __future__ import annotations

from datetime import UTC, datetime, timedelta

from campaigns.activity import LONGEST, campaign_activity, gather, line_activity
from campaigns.models import Campaign, MinuteCount
from chatapp.models import Line
from tests.campaigns import lists

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def count(campaign: Campaign, kind: str, at: datetime, number: int) -> None:
    MinuteCount.objects.create(campaign=campaign, kind=kind, minute=at, count=number)


def started(line: Line, at: datetime) -> Campaign:
    campaign = lists.draft(line, 1)
    campaign.started_at = at
    campaign.save(update_fields=["started_at"])
    return campaign


def test_it_counts_every_step_once_in_its_bucket(line: Line, db: None) -> None:
    campaign = started(line, NOON + timedelta(seconds=20))
    count(campaign, "sent", NOON, 2)
    count(campaign, "sent", NOON + timedelta(minutes=2), 5)
    count(campaign, "delivered", NOON + timedelta(minutes=2), 1)
    activity = campaign_activity(campaign, NOON + timedelta(hours=1))
    assert activity is not None
    assert activity.step == timedelta(minutes=1)
    sent, delivered, failed = activity.series
    assert list(sent.counts) == [2, 0, 5]
    assert (sent.total, sent.peak, sent.peak_at) == (
        7,
        5,
        NOON + timedelta(minutes=2),
    )
    assert list(delivered.counts) == [0, 0, 1]
    assert failed.total == 0
    assert not activity.is_cut


def test_a_campaign_without_a_step_has_no_picture(line: Line, db: None) -> None:
    assert campaign_activity(started(line, NOON), NOON) is None


def test_longer_times_have_wider_buckets_and_never_more_than_a_week(
    line: Line, db: None
) -> None:
    campaign = started(line, NOON - timedelta(days=300))
    for days in (200, 6, 0):
        count(campaign, "sent", NOON - timedelta(days=days), 3)
    activity = campaign_activity(campaign, NOON + timedelta(hours=1))
    assert activity is not None
    assert activity.is_cut
    assert activity.step == timedelta(hours=1)
    assert activity.series[0].total == 6
    assert len(activity.series[0].counts) <= LONGEST / timedelta(hours=1) + 1


def test_ten_minutes_are_one_bucket_of_a_day(line: Line, db: None) -> None:
    campaign = started(line, NOON)
    for minute in (0, 9, 10):
        count(campaign, "sent", NOON + timedelta(minutes=minute), 1)
    rows = MinuteCount.objects.filter(campaign=campaign)
    activity = gather(rows, since=NOON, until=NOON + timedelta(hours=3))
    assert list(activity.series[0].counts)[:2] == [2, 1]
    assert len(activity.series[0].counts) == 19


def test_a_line_sums_its_campaigns_over_a_day(line: Line, db: None) -> None:
    for start in (0, 10):
        campaign = lists.draft(line, 1, start=start)
        count(campaign, "delivered", NOON - timedelta(hours=2), 4)
        count(campaign, "delivered", NOON - timedelta(hours=30), 9)
    activity = line_activity(line.pk, NOON)
    assert activity.series[1].total == 8
