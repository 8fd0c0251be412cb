"""What moved when: the counts of minutes, gathered for a sparkline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet, Sum
from django.db.models.functions import Left

from campaigns.charts import polyline
from campaigns.models import Campaign, MinuteCount

KINDS = ("sent", "delivered", "failed")
# How long a picture may look back, whatever the campaign's length.
LONGEST = timedelta(days=7)
# Buckets, and how much of a written time ("2026-11-25 22:23:00") tells one: a picture
# has at most 168 of them.
_STEPS = (
    (timedelta(hours=2), timedelta(minutes=1), len("2026-11-25 22:23")),
    (timedelta(hours=24), timedelta(minutes=10), len("2026-11-25 22:2")),
    (LONGEST, timedelta(hours=1), len("2026-11-25 22")),
)
WIDTH, HEIGHT = 600, 72


@dataclass(frozen=True)
class Series:
    """How many messages took one kind of step, bucket by bucket."""

    kind: str
    counts: Sequence[int]
    peak_at: datetime

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def peak(self) -> int:
        return max(self.counts)


@dataclass(frozen=True)
class Activity:
    """The steps between `since` and `until`, `step` a bucket; times are aware."""

    since: datetime
    until: datetime
    step: timedelta
    series: Sequence[Series]

    @property
    def is_cut(self) -> bool:
        """Whether it shows only the last days of what there is."""
        return self.until - self.since >= LONGEST

    @property
    def has_shape(self) -> bool:
        """Whether there is more than one bucket, so that a curve would tell more."""
        return any(len(series.counts) > 1 for series in self.series)

    @property
    def total(self) -> int:
        return sum(series.total for series in self.series)

    @property
    def top(self) -> int:
        return max(series.peak for series in self.series)

    @property
    def curves(self) -> list[tuple[str, str]]:
        """Kind and polyline points, in a picture of WIDTH x HEIGHT."""
        return [
            (s.kind, polyline(s.counts, width=WIDTH, height=HEIGHT, top=self.top))
            for s in self.series
        ]


def campaign_activity(campaign: Campaign, now: datetime) -> Activity | None:
    """What a campaign did from its start to its last step; None before the first."""
    rows = MinuteCount.objects.filter(campaign=campaign)
    # Three looks at an end of the index (campaign, kind, minute).
    last = [
        rows.filter(kind=kind).order_by("-minute").values_list("minute").first()
        for kind in KINDS
    ]
    ends = [row[0] for row in last if row]
    if not ends or campaign.started_at is None:
        return None
    until = min(max(ends), now)
    return gather(rows, since=min(campaign.started_at, until), until=until)


def line_activity(line_id: int, now: datetime) -> Activity:
    """What all campaigns of a line did in the last 24 hours."""
    rows = MinuteCount.objects.filter(campaign__line=line_id)
    return gather(rows, since=now - timedelta(hours=24), until=now)


def gather(
    rows: QuerySet[MinuteCount], *, since: datetime, until: datetime
) -> Activity:
    """Sums counts into buckets; of a longer time only the last week is looked at.

    Reads at most a week of minutes by the index (campaign, kind, minute).
    """
    since = max(since, until - LONGEST)
    step, length = next(
        (step, length) for most, step, length in _STEPS if until - since <= most
    )
    first = _floor(since, step)
    buckets = (_floor(until, step) - first) // step + 1
    counts = {kind: [0] * buckets for kind in KINDS}
    # Both databases write a time in the same shape, so its beginning is the bucket.
    found = (
        rows.filter(kind__in=KINDS, minute__gte=first, minute__lte=until)
        .order_by()
        .annotate(bucket=Left("minute", length))
        .values_list("kind", "bucket")
        .annotate(sum=Sum("count"))
    )
    for kind, bucket, count in found:
        place = (_read(bucket) - first) // step
        if 0 <= place < buckets:
            counts[kind][place] += count
    series = [
        Series(kind, counts[kind], first + step * counts[kind].index(max(counts[kind])))
        for kind in KINDS
    ]
    return Activity(first, until, step, series)


def _floor(at: datetime, step: timedelta) -> datetime:
    at = at.astimezone(UTC)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (at - midnight) // step * step


def _read(bucket: str) -> datetime:
    # "2026-11-25 22:2" is ten minutes from 22:20 on.
    written = bucket + "0" if len(bucket) == len("2026-11-25 22:2") else bucket
    return datetime.fromisoformat(written).replace(tzinfo=UTC)
