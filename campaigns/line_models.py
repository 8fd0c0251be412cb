"""Rows of a line: its clock, its rules, what it rested for, who writes to it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from chatapp.models import Line


class LineClock(models.Model):
    """When a line may send next.

    `turn` grows with each move, so that of two jobs that saw the same turn one wins.
    """

    line = models.OneToOneField(
        Line, on_delete=models.CASCADE, primary_key=True, related_name="clock"
    )
    next_at = models.DateTimeField()
    turn = models.PositiveBigIntegerField(default=0)
    # Tries in a row that did not leave, and why the last of them did not.
    setbacks = models.PositiveIntegerField(default=0)
    held_code = models.CharField(max_length=100, blank=True)
    held_reason = models.TextField(blank=True)
    held_at = models.DateTimeField(null=True)
    held_since = models.DateTimeField(null=True)
    # The pause that was drawn before `next_at`, in milliseconds.
    pause_ms = models.PositiveIntegerField(null=True)
    # The brake: outcomes of one kind in a row, and why the line stands still.
    refusals = models.PositiveIntegerField(default=0)
    refusal_code = models.CharField(max_length=100, blank=True)
    unsures = models.PositiveIntegerField(default=0)
    stopped_code = models.CharField(max_length=100, blank=True)
    stopped_reason = models.TextField(blank=True)
    stopped_at = models.DateTimeField(null=True)
    # Stops without an accepted message in between; the next probe waits longer.
    stops = models.PositiveIntegerField(default=0)
    # The delivery brake looks only at what was sent since somebody let the line go on.
    judged_from = models.DateTimeField(null=True)
    # What was claimed in the hour and on the day that begin then, by the clock of the
    # settings' zone; and on how many days, this one included, the warm-up has sent.
    hour_at = models.DateTimeField(null=True)
    hour_count = models.PositiveIntegerField(default=0)
    day_at = models.DateTimeField(null=True)
    day_count = models.PositiveIntegerField(default=0)
    warm_days = models.PositiveIntegerField(default=0)
    # Whether `next_at` is when its rules let it go on, and no pause.
    is_resting = models.BooleanField(default=False)
    # The worker that has claimed last; empty once it has moved the clock on.
    held_by = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("clock of a line")

    def __str__(self) -> str:
        return f"{self.line_id}: {self.next_at}"


class LineRules(models.Model):
    """When and how much a line may send, as people have set it; see `rules.py`."""

    line = models.OneToOneField(
        Line, on_delete=models.CASCADE, primary_key=True, related_name="rules"
    )
    # From Monday on, each weekday's windows: [["09:00", "13:00"], …]; null: always.
    windows = models.JSONField(null=True)
    # Dates on which nothing is sent: ["2026-12-31", …].
    days_off = models.JSONField(default=list)
    in_recipients_zone = models.BooleanField(default=False)
    hour_cap = models.PositiveIntegerField(null=True)
    day_cap = models.PositiveIntegerField(null=True)
    # How many on its first day of sending, its second, …; empty when it is warm.
    warm_up = models.JSONField(default=list)
    edited_by = models.CharField(max_length=150, blank=True)
    edited_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("rules of a line")

    def __str__(self) -> str:
        return f"rules of line {self.line_id}"


class LineSpell(models.Model):
    """A stretch of time in which a line sent nothing, or sent, for one reason.

    Written by the worker, which prolongs the last one as long as it holds.
    """

    id = models.BigAutoField(primary_key=True)
    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="spells")
    # A `hindrances.Kind`, or "sending".
    kind = models.CharField(max_length=30)
    code = models.CharField(max_length=100, blank=True)
    since = models.DateTimeField()
    until = models.DateTimeField()

    class Meta:
        verbose_name = _("spell of a line")
        indexes = [models.Index(fields=["line", "until"], name="spell_end")]

    def __str__(self) -> str:
        return f"{self.line_id}: {self.kind} since {self.since}"


class SliceMember(models.Model):
    """A message that was chosen at random to go first."""

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(
        "campaigns.Campaign", on_delete=models.CASCADE, related_name="slice"
    )
    message = models.OneToOneField("campaigns.Message", on_delete=models.CASCADE)

    class Meta:
        verbose_name = _("member of a trial slice")

    def __str__(self) -> str:
        return f"{self.campaign_id}: {self.message_id}"


class Writer(models.Model):
    """A person who has written to a line; of what was written nothing is kept."""

    id = models.BigAutoField(primary_key=True)
    line = models.ForeignKey(Line, on_delete=models.CASCADE, related_name="writers")
    phone = models.CharField(max_length=16)  # E.164
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        verbose_name = _("person who wrote")
        constraints = [
            models.UniqueConstraint(fields=["line", "phone"], name="one_writer_a_phone")
        ]

    def __str__(self) -> str:
        return self.phone
