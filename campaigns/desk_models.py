"""Rows that the operator's desk reads: who opted out, what moved when, who works."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Right
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class StopEntry(models.Model):
    """A phone to which nothing is sent; `added_by` is empty where its owner wrote."""

    phone = models.CharField(max_length=16, unique=True)  # E.164
    # Its last four digits, by which people search.
    phone_tail = models.GeneratedField(
        expression=Right("phone", 4),
        output_field=models.CharField(max_length=4),
        db_persist=True,
    )
    added_by = models.CharField(max_length=150, blank=True)
    added_at = models.DateTimeField(default=timezone.now)
    # Why: the stop word that its owner wrote, the file it came from, a remark.
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("entry of the stop list")
        indexes = [models.Index(fields=["phone_tail"], name="stop_tail")]

    def __str__(self) -> str:
        return self.phone


class MinuteCount(models.Model):
    """How many messages of a campaign took a step in a minute.

    `kind` is *sent* (ChatApp took it), *delivered* or *failed*; *heard* counts the
    statuses that came. Written in the transaction that changes the rows.
    """

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(
        "campaigns.Campaign", on_delete=models.CASCADE, related_name="minutes"
    )
    minute = models.DateTimeField()
    kind = models.CharField(max_length=12)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name = _("count of a minute")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "kind", "minute"], name="one_count_a_minute"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.minute}: {self.count}"


class WorkerBeat(models.Model):
    """A worker process and when it was last seen."""

    name = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField()
    beat_at = models.DateTimeField()
    # When a worker of its machine found that it had died.
    died_at = models.DateTimeField(null=True)
    # By the name of the job: how many ended, how many of them with an error, and when
    # the last one did: {"sweep": {"ended": 12, "failed": 0, "last_at": "2026-…"}}.
    jobs = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("worker")
        indexes = [models.Index(fields=["beat_at"], name="worker_beat")]

    def __str__(self) -> str:
        return self.name


class TimingCount(models.Model):
    """How often something took so long: an answer, a pause, a delay.

    Up to `upto_ms`, and longer than the bound below; workers add to it with each beat.
    """

    kind = models.CharField(max_length=12)
    # The pacing, or the code of an answer.
    label = models.CharField(max_length=40)
    upto_ms = models.PositiveIntegerField()
    count = models.PositiveBigIntegerField(default=0)
    total_ms = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = _("count of times")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "label", "upto_ms"], name="one_count_a_bound"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.label} up to {self.upto_ms} ms: {self.count}"


class FailedJob(models.Model):
    """A job that ended with an error of the program; the last ones are kept."""

    at = models.DateTimeField()
    job = models.CharField(max_length=200)
    worker = models.CharField(max_length=64, blank=True)
    error = models.TextField()

    class Meta:
        verbose_name = _("failed job")

    def __str__(self) -> str:
        return f"{self.job} at {self.at}"


class KeptAnswer(models.Model):
    """What was answered to an order of a program, for when it asks again.

    `mark` is a digest of the operator and the key, `digest` one of what was asked.
    """

    mark = models.CharField(max_length=64, primary_key=True)
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    place = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)
    kept_at = models.DateTimeField()

    class Meta:
        verbose_name = _("kept answer")
        indexes = [models.Index(fields=["kept_at"], name="answer_kept")]

    def __str__(self) -> str:
        return f"{self.status} at {self.kept_at}"
