"""What a monitoring system is told: numbers for Prometheus, and whether all is ready.

Everything is read when it is asked for, from the database, Redis and the disk, with the
limits of the queue page: what does not answer is left out, and `campaigns_up` says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Sum
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from asgi_app.database import orm_now
from campaigns.models import CallbackCount, Campaign
from campaigns.queue_report import FAR_TOO_LATE, QueueReport
from campaigns.states import MessageStatus
from campaigns.timings import Histogram, Timed, read_histograms
from chatapp.status import AccountStatus

# By what is timed: the name, the label and what it is.
TIMED = {
    Timed.PAUSE: ("pause_seconds", "pacing", "Pauses drawn before messages that left"),
    Timed.LATENESS: (
        *("message_lateness_seconds", "pacing"),
        "How long after its moment a message was claimed",
    ),
    Timed.ANSWER: (
        *("answer_seconds", "code"),
        "How long ChatApp took, by HTTP status or why there was no answer",
    ),
}
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Numbers:
    """What the counters of the database say at `now`; nothing of it grows to read."""

    now: datetime
    account: AccountStatus
    pending_migrations: int
    messages: Mapping[str, int] = field(default_factory=dict)
    campaigns: Mapping[str, int] = field(default_factory=dict)
    callbacks: Mapping[str, int] = field(default_factory=dict)
    histograms: Sequence[Histogram] = ()


def read_numbers(account: AccountStatus) -> Numbers:
    """Reads them; raises the ORM's Error. Messages are told by their campaigns."""
    now = orm_now()
    names = [str(status) for status in MessageStatus]
    sums = Campaign.objects.aggregate(**{name: Sum(name) for name in names})
    orders = Campaign.objects.order_by().values_list("status")
    kinds = CallbackCount.objects.order_by().values_list("kind")
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return Numbers(
        now=now,
        account=account,
        pending_migrations=len(plan),
        messages={name: sums[name] or 0 for name in names},
        campaigns=dict(orders.annotate(count=Count("pk"))),
        callbacks=dict(kinds.annotate(sum=Sum("count"))),
        histograms=read_histograms(),
    )


def exposition(report: QueueReport, numbers: Numbers | None) -> bytes:
    """All of it in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Once([*_of_queue(report), *_of_numbers(numbers)]))
    return generate_latest(registry)


@dataclass(frozen=True)
class Readiness:
    """By part what is to be said of it, and of which parts it is bad news."""

    said: Mapping[str, str]
    bad: frozenset[str]

    @property
    def is_ready(self) -> bool:
        return not self.bad


def readiness(report: QueueReport, numbers: Numbers | None) -> Readiness:
    """Tells database, Redis, worker, clock, token and migrations apart."""
    said: dict[str, str] = {}
    bad: set[str] = set()

    def say(part: str, good: str | None, otherwise: str) -> None:
        said[part] = good or otherwise
        if good is None:
            bad.add(part)

    facts = report.facts
    say("database", "answers" if numbers else None, "does not answer")
    say("redis", "answers" if report.jobs else None, "does not answer")
    if facts is not None:
        alive = f"{facts.alive} alive" if facts.alive else None
        seen = facts.last_seen
        died = seen is not None and seen.has_died
        say("worker", alive, "it died" if died else "none was seen for 30 s")
        late_s = round(report.late.total_seconds())
        on_time = report.late <= FAR_TOO_LATE
        say("clock", "on time" if on_time else None, f"{late_s} s late")
    if numbers is not None:
        ends_at = numbers.account.refresh_ends_at or numbers.account.access_ends_at
        connected = numbers.account.is_connected and ends_at is not None
        until = f"good until {ends_at:%Y-%m-%d %H:%M} UTC" if ends_at else ""
        say("token", until if connected else None, "there is none: see Connect")
        count = numbers.pending_migrations
        say("migrations", None if count else "applied", f"{count} to apply")
    return Readiness(said, frozenset(bad))


class _Once(Collector):
    """Hands over what was collected before."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _of_queue(report: QueueReport) -> Iterator[Metric]:
    up = {"database": report.facts is not None, "redis": report.jobs is not None}
    yield _gauge("up", "Whether it answers", up, "part")
    yield _gauge("lateness_seconds", "How late the clock runs", report.late)
    if report.spooled is not None:
        text = "Callbacks on the web's disk that wait for the database"
        yield _gauge("spooled_callbacks", text, report.spooled)
    if jobs := report.jobs:
        counts = {
            "running": jobs.running,
            "waiting": jobs.waiting,
            "deferred": jobs.deferred,
        }
        yield _gauge("queue_jobs", "arq's jobs", counts, "state")
    if facts := report.facts:
        text = "Workers seen within 30 s, and not known to have died"
        yield _gauge("workers_alive", text, facts.alive)
        died = sum(worker.has_died for worker in facts.workers)
        yield _gauge("workers_died", "Workers killed within 24 h", died)
        if seen := facts.last_seen:
            text = "Since a worker was seen last"
            yield _gauge("worker_beat_age_seconds", text, seen.silent_for)
        lines = {
            "waiting": facts.waiting_line_count,
            "stopped": facts.stopped_line_count,
        }
        yield _gauge("lines", "Lines with something to send", lines, "state")
        yield _gauge("claims", "Messages under way", facts.claims)
        text = "Messages under way past their deadline"
        yield _gauge("claims_overdue", text, facts.overdue_claims)
        yield _gauge("jobs_failed", "Failed jobs that are kept", facts.failure_count)
        text = "Statuses that wait for their message, 10,001 for more"
        yield _gauge("shelf_statuses", text, facts.shelf.count)
        oldest = facts.shelf.oldest_at
        age = facts.now - oldest if oldest else timedelta()
        yield _gauge("shelf_oldest_seconds", "Age of the oldest of these", age)


def _of_numbers(numbers: Numbers | None) -> Iterator[Metric]:
    if numbers is None:
        return
    yield _gauge("messages", "Messages by status", numbers.messages, "status")
    yield _gauge("campaigns", "Campaigns by order", numbers.campaigns, "order")
    heard = CounterMetricFamily(
        "campaigns_callbacks", "Events heard of by callback", labels=["kind"]
    )
    for kind, count in sorted(numbers.callbacks.items()):
        heard.add_metric([kind], count)
    yield heard
    yield from _histograms(numbers.histograms)
    account = numbers.account
    ends = {"access": account.access_ends_at, "refresh": account.refresh_ends_at}
    left = {kind: (at - numbers.now).total_seconds() for kind, at in ends.items() if at}
    yield _gauge("token_left_seconds", "Until the token ends", left, "kind")
    text = "Log-ins and refreshes that are left within 24 h"
    yield _gauge("token_requests_left", text, account.left)
    pending = numbers.pending_migrations
    yield _gauge("migrations_pending", "Migrations to apply", pending)


def _histograms(found: Sequence[Histogram]) -> Iterator[Metric]:
    for kind, (name, label, text) in TIMED.items():
        family = HistogramMetricFamily(f"campaigns_{name}", text, labels=[label])
        for one in found:
            if one.kind == kind:
                family.add_metric([one.label], list(one.upto.items()), one.total_s)
        yield family


def _gauge(
    name: str,
    text: str,
    value: float | timedelta | Mapping[str, float],
    label: str = "",
) -> Metric:
    gauge = GaugeMetricFamily(
        f"campaigns_{name}", text, labels=[label] if label else None
    )
    if isinstance(value, Mapping):
        for key, number in sorted(value.items()):
            gauge.add_metric([key], float(number))
    elif isinstance(value, timedelta):
        gauge.add_metric([], value.total_seconds())
    else:
        gauge.add_metric([], float(value))
    return gauge
