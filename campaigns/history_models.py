"""Rows of what happened: events, earlier attempts, the shelf, and what is gone."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from campaigns.fields import OpaqueIdField


class EarlierAttempt(models.Model):
    """A try to send a message before its present one, with the outcome it had."""

    id = models.BigAutoField(primary_key=True)
    of = models.ForeignKey(
        "campaigns.Message", on_delete=models.CASCADE, related_name="earlier_attempts"
    )
    number = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=12)
    message_id = OpaqueIdField(null=True, db_index=True)
    answered_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=100, blank=True)
    reason = models.TextField(blank=True)

    class Meta:
        verbose_name = _("earlier attempt")
        constraints = [
            models.UniqueConstraint(fields=["of", "number"], name="one_row_an_attempt")
        ]

    def __str__(self) -> str:
        return f"{self.message_id} · {self.number}: {self.status}"


class Event(models.Model):
    """Something that happened to a message; a message is the fold of its events.

    `at` is when it happened, `arrived_at` when it was heard of. The same event heard
    again only adds to `copies`.
    """

    id = models.BigAutoField(primary_key=True)
    message = models.ForeignKey(
        "campaigns.Message", on_delete=models.CASCADE, related_name="events"
    )
    attempt = models.PositiveSmallIntegerField(default=1)
    kind = models.CharField(max_length=20)
    at = models.DateTimeField()
    arrived_at = models.DateTimeField()
    copies = models.PositiveIntegerField(default=1)
    detail = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("event")

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}"


class ShelvedStatus(models.Model):
    """A status that was heard of and has not found its message yet."""

    id = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=64, unique=True)
    licence_id = models.CharField(max_length=64, blank=True)
    messenger = models.CharField(max_length=64, blank=True)
    message_id = OpaqueIdField(db_index=True)
    # The row's own tracking, and the attempt that the send's tracking stood for.
    tracking = OpaqueIdField(db_index=True)
    attempt = models.PositiveSmallIntegerField(default=1)
    phone = models.CharField(max_length=20, blank=True)
    kind = models.CharField(max_length=20)
    type = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField(null=True)
    arrived_at = models.DateTimeField()
    code = models.CharField(max_length=100, blank=True)
    reason = models.TextField(blank=True)
    raw = models.TextField(blank=True)
    is_not_ours = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("shelved status")
        indexes = [
            models.Index(fields=["is_not_ours", "arrived_at"], name="shelf_by_age"),
            # The page of a phone.
            models.Index(fields=["phone"], name="shelf_phone"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.message_id}"


class GoneId(models.Model):
    """A hash of an id of a message that was removed, by which late statuses end."""

    digest = models.CharField(max_length=32, primary_key=True)
    gone_at = models.DateTimeField()

    class Meta:
        verbose_name = _("id that is gone")

    def __str__(self) -> str:
        return self.digest


class CallbackCount(models.Model):
    """How many events of a kind came on a day."""

    day = models.DateField()
    kind = models.CharField(max_length=40)
    count = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        verbose_name = _("callback count")
        constraints = [
            models.UniqueConstraint(fields=["day", "kind"], name="one_count_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.kind}: {self.count}"
