"""A campaign's list: uploads in pieces until imported, and what was left out."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from campaigns.states import UploadState


class ListRemark(models.Model):
    """A number of the list that was left out, or kept but worth naming."""

    campaign = models.ForeignKey(
        "campaigns.Campaign", on_delete=models.CASCADE, related_name="remarks"
    )
    source = models.CharField(max_length=255, blank=True)
    line = models.PositiveIntegerField()
    raw = models.CharField(max_length=200)
    reason = models.CharField(max_length=20)
    phone = models.CharField(max_length=16, blank=True)
    first_line = models.PositiveIntegerField(null=True)
    first_source = models.CharField(max_length=255, blank=True)
    is_kept = models.BooleanField(default=False)
    # The columns without a value, and the values that there are, for a correction.
    about = models.CharField(max_length=200, blank=True)
    fields = models.JSONField(null=True)

    class Meta:
        verbose_name = _("remark")
        ordering = ["id"]
        indexes = [
            # A group of the receipt, counted and page by page.
            models.Index(fields=["campaign", "is_kept", "reason"], name="remark_group"),
        ]

    def __str__(self) -> str:
        return f"{self.line}: {self.reason}"


class Upload(models.Model):
    """A file, or a long paste, whose lines become messages and remarks of a draft.

    It belongs to no campaign while its form has not been saved. `layout` is a
    `Layout` as JSON. `rows_done` is the last line that was stored.
    """

    campaign = models.OneToOneField(
        "campaigns.Campaign", on_delete=models.CASCADE, null=True, related_name="upload"
    )
    name = models.CharField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField()
    layout = models.JSONField()
    state = models.CharField(max_length=12, default=UploadState.KEPT)
    rows_total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    # Errors of the program in a row, and what ended it.
    errors = models.PositiveSmallIntegerField(default=0)
    code = models.CharField(max_length=40, blank=True)
    touched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("upload")
        indexes = [
            # What stands still, and what was never saved.
            models.Index(fields=["state", "touched_at"], name="upload_touched"),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.state}"

    @property
    def is_under_way(self) -> bool:
        return self.state == UploadState.IMPORTING

    @property
    def has_failed(self) -> bool:
        return self.state == UploadState.FAILED


class UploadPiece(models.Model):
    """Up to 512 KiB of an upload, which any `max_allowed_packet` lets through."""

    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        verbose_name = _("piece of an upload")
        constraints = [
            models.UniqueConstraint(fields=["upload", "number"], name="one_piece_each")
        ]

    def __str__(self) -> str:
        return f"{self.upload_id}: {self.number}"
