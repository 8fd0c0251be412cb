"""Campaigns, their messages, and the clock of each line."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import models
from django.db.models.functions import Right
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.desk_models import (
    FailedJob,
    KeptAnswer,
    MinuteCount,
    StopEntry,
    TimingCount,
    WorkerBeat,
)
from campaigns.fields import OpaqueIdField
from campaigns.history_models import (
    CallbackCount,
    EarlierAttempt,
    Event,
    GoneId,
    ShelvedStatus,
)
from campaigns.line_models import LineClock, LineRules, LineSpell, SliceMember, Writer
from campaigns.list_models import ListRemark, Upload, UploadPiece
from campaigns.managers import KeptManager
from campaigns.recipients import TEXT_LIMIT
from campaigns.states import (
    FINISHED,
    SENT_OUT,
    CampaignStatus,
    MessageStatus,
    Pacing,
)
from chatapp.models import Line

__all__ = [
    "TEXT_LIMIT",
    "Action",
    "CallbackCount",
    "Campaign",
    "EarlierAttempt",
    "Event",
    "FailedJob",
    "GoneId",
    "KeptAnswer",
    "LineClock",
    "LineRules",
    "LineSpell",
    "ListRemark",
    "Message",
    "MinuteCount",
    "ShelvedStatus",
    "SliceMember",
    "StopEntry",
    "TimingCount",
    "Upload",
    "UploadPiece",
    "WorkerBeat",
    "Writer",
]


def new_tracking() -> str:
    """A short ASCII value that ChatApp echoes, so that no send is ever mistaken."""
    return secrets.token_hex(12)


class Campaign(models.Model):
    """A text for a list of recipients.

    The counters hold how many messages have each status; they change in the
    transaction that changes the messages.
    """

    name = models.CharField(max_length=200)
    text = models.TextField()
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="campaigns")
    pacing = models.CharField(
        max_length=20,
        choices=[
            (Pacing.ONE_AFTER_ANOTHER, _("one after another")),
            (Pacing.EACH_ON_ITS_OWN, _("each on its own")),
        ],
        default=Pacing.ONE_AFTER_ANOTHER,
    )
    status = models.CharField(max_length=12, default=CampaignStatus.DRAFT)
    note = models.TextField(blank=True)
    # Lines of the list that were read, empty ones left out.
    list_lines = models.PositiveIntegerField(default=0)
    # A text sent to the operator's own phone first stands in a campaign of its own.
    trial_of = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="trials"
    )
    # Such a test lets a line go on that the delivery brake has stopped.
    is_line_test = models.BooleanField(default=False)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(default=timezone.now)
    # When it is to start by itself, and the moment after which nothing of it is of use.
    start_at = models.DateTimeField(null=True)
    use_until = models.DateTimeField(null=True)
    # How many get it first, and whether the others wait for what becomes of them.
    slice_size = models.PositiveIntegerField(null=True)
    slice_is_open = models.BooleanField(default=False)
    # The key of the page on which Start was pressed: the same page starts it once.
    start_key = models.CharField(max_length=40, blank=True)
    # When it was to end, and how far off that may well be, as said before the start.
    planned_end_at = models.DateTimeField(null=True)
    planned_band_s = models.PositiveIntegerField(null=True)
    started_at = models.DateTimeField(null=True)
    # The moment from which the delays of "each on its own" count; the worker sets it
    # when the campaign's turn on the line comes.
    delays_from = models.DateTimeField(null=True)
    draw_anew = models.BooleanField(default=False)
    served_at = models.DateTimeField(null=True)
    # When it was started or resumed last, and why the program itself paused it.
    woken_at = models.DateTimeField(null=True)
    paused_because = models.CharField(max_length=40, blank=True)
    # The books: what was counted from the rows, and when.
    books_at = models.DateTimeField(null=True)
    books = models.JSONField(null=True)
    # Once it is set no page shows it, and from this moment on the worker removes its
    # rows. A copy that is being made is hidden by a moment that it never lives to see.
    deleted_at = models.DateTimeField(null=True)

    total = models.PositiveIntegerField(default=0)
    waiting = models.PositiveIntegerField(default=0)
    claimed = models.PositiveIntegerField(default=0)
    unsure = models.PositiveIntegerField(default=0)
    assumed_sent = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    sent = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    delivered = models.PositiveIntegerField(default=0)
    read = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    expired = models.PositiveIntegerField(default=0)

    objects = KeptManager()
    including_deleted: models.Manager[Campaign] = models.Manager()

    class Meta:
        verbose_name = _("campaign")
        indexes = [
            # The head of a line: running, with something waiting.
            models.Index(fields=["line", "status", "waiting"], name="campaign_head"),
            # The sweep: campaigns with claims that may be past their deadline.
            models.Index(fields=["claimed"], name="campaign_claimed"),
            # The sweep: what is to start by itself, and what is of no use any more.
            models.Index(fields=["status", "start_at"], name="campaign_start"),
            models.Index(fields=["use_until"], name="campaign_use"),
            # What the worker has to remove.
            models.Index(fields=["deleted_at"], name="campaign_deleted"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_trial(self) -> bool:
        """Whether it is one message to an operator's own phone."""
        return self.trial_of_id is not None or self.is_line_test

    @property
    def has_started(self) -> bool:
        return self.started_at is not None

    @property
    def is_sent_out(self) -> bool:
        """Nothing waits and nothing is under way; statuses may still climb."""
        return self.has_started and not (self.waiting or self.claimed)

    @property
    def is_finished(self) -> bool:
        """Sent out, and nothing is unsure either."""
        return self.is_sent_out and not self.unsure

    @property
    def state(self) -> str:
        """The state in which people think of it: as ordered, or how far it has got."""
        if self.status == CampaignStatus.CANCELLED or not self.is_sent_out:
            return self.status
        return FINISHED if self.is_finished else SENT_OUT

    @property
    def answered(self) -> int:
        """Messages that need nothing more from the sender."""
        return self.total - self.waiting - self.claimed

    @property
    def taken(self) -> int:
        """Messages that ChatApp has accepted, whatever became of them later."""
        return self.accepted + self.sent + self.delivered + self.read


# Names of indexes that the ledger asks for.
BY_DELAY, BY_ZONE = "message_due", "message_awake"


class Message(models.Model):
    """One text to one recipient, and what the API answered."""

    id = models.BigAutoField(primary_key=True)
    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="messages"
    )
    phone = models.CharField(max_length=16)  # E.164, at most 15 digits and a plus
    # Its last four digits, by which people search.
    phone_tail = models.GeneratedField(
        expression=Right("phone", 4),
        output_field=models.CharField(max_length=4),
        db_persist=True,
    )
    # What its row says for the variables of the text, by folded name; null without.
    fields = models.JSONField(null=True)
    # In which zone its phone is, see `zones.py`; empty for that of the settings.
    zone = models.CharField(max_length=80, blank=True)
    # Where it stood: the line, and whether in the upload or among what was pasted.
    list_line = models.PositiveIntegerField(null=True)
    is_from_upload = models.BooleanField(default=False)
    status = models.CharField(max_length=12, default=MessageStatus.WAITING)
    # "Each on its own": drawn with the row. "One after another": 0.
    delay_ms = models.PositiveIntegerField(default=0)
    tracking = OpaqueIdField(max_length=64, unique=True, default=new_tracking)
    claimed_by = models.CharField(max_length=64, blank=True)
    claimed_at = models.DateTimeField(null=True)
    claim_deadline = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    message_id = OpaqueIdField(null=True, db_index=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    code = models.CharField(max_length=100, blank=True)
    reason = models.TextField(blank=True)
    answer = models.TextField(blank=True)
    # Tries to send it, the present one included; each has a tracking of its own.
    attempt = models.PositiveSmallIntegerField(default=1)
    # When, by its statuses, it was sent, delivered, read, or failed.
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    # While unsure: when to look in the chat's history, and how often that was done.
    look_at = models.DateTimeField(null=True)
    looks = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("message")
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "phone"], name="one_message_a_phone"
            )
        ]
        indexes = [
            # Pages, exports and copies in the list's own order: MySQL drops the
            # foreign key's index for any other that begins with it.
            models.Index(fields=["campaign", "id"], name="message_place"),
            # What may be claimed now, and the page filtered by status.
            models.Index(fields=["campaign", "status", "delay_ms"], name=BY_DELAY),
            # The page filtered by reason, sorted by time, searched by last digits.
            models.Index(fields=["campaign", "status", "code"], name="message_reason"),
            # What may be claimed now, where only some zones are awake.
            models.Index(
                fields=["campaign", "status", "zone", "delay_ms"], name=BY_ZONE
            ),
            models.Index(fields=["campaign", "answered_at"], name="message_answered"),
            models.Index(fields=["campaign", "phone_tail"], name="message_tail"),
            # The page of a phone.
            models.Index(fields=["phone"], name="message_phone"),
        ]

    def __str__(self) -> str:
        return f"{self.phone} · {self.status}"

    @property
    def left_at(self) -> datetime | None:
        """When it left; None while it waits, also for another try."""
        return None if self.status == MessageStatus.WAITING else self.claimed_at


class Action(models.Model):
    """What an operator did to a campaign, and when."""

    campaign = models.ForeignKey(
        Campaign, on_delete=models.CASCADE, related_name="actions"
    )
    verb = models.CharField(max_length=20)
    operator = models.CharField(max_length=150)
    at = models.DateTimeField()
    # Of how many messages, where it was not the whole campaign.
    count = models.PositiveIntegerField(null=True)

    class Meta:
        verbose_name = _("action")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.operator}: {self.verb}"
