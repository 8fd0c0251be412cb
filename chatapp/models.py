"""What is kept of the ChatApp account: its tokens and the lines it offers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Source(models.TextChoices):
    """Where the credentials of the last log-in came from."""

    ENVIRONMENT = "environment", _("the settings (CHATAPP_*)")
    TYPED = "typed", _("typed on this page")


class RequestKind(models.TextChoices):
    LOG_IN = "log_in", _("log-in")
    REFRESH = "refresh", _("refresh")


class RequestOutcome(models.TextChoices):
    """What became of a request for tokens."""

    PENDING = "pending", _("under way, or never answered")
    MADE = "made", _("made")
    SHORT_LIVED = "short_lived", _("made, but soon refused")
    REFUSED = "refused", _("refused")
    UNSURE = "unsure", _("answer lost")
    NOT_REACHED = "not_reached", _("not reached")
    PUT_OFF = "put_off", _("put off")


class Account(models.Model):
    """The one connected account (primary key 1) with its tokens, sealed.

    `version` grows with each claim and each new pair, so that of two processes that
    saw the same version one wins. A claim is over at `renewal_until`.
    """

    place = models.CharField(max_length=200, blank=True)
    email = models.CharField(max_length=254, blank=True)
    app_id = models.CharField(max_length=128, blank=True)
    source = models.CharField(max_length=12, choices=Source.choices, blank=True)
    cabinet_user_id = models.CharField(max_length=64, blank=True)
    sealed_access = models.TextField(blank=True)
    sealed_refresh = models.TextField(blank=True)
    access_ends_at = models.DateTimeField(null=True)
    refresh_ends_at = models.DateTimeField(null=True)
    obtained_at = models.DateTimeField(null=True)
    version = models.PositiveBigIntegerField(default=0)
    renewal_by = models.CharField(max_length=64, blank=True)
    renewal_until = models.DateTimeField(null=True)
    # What the API refused last and for good; empty once there is a new pair.
    refused_kind = models.CharField(
        max_length=12, choices=RequestKind.choices, blank=True
    )
    refused_code = models.CharField(max_length=100, blank=True)
    refused_text = models.CharField(max_length=500, blank=True)
    refused_at = models.DateTimeField(null=True)
    # A keyed hash of the credentials that were refused.
    refused_mark = models.CharField(max_length=64, blank=True)
    connected_by = models.CharField(max_length=150, blank=True)
    connected_at = models.DateTimeField(null=True)
    lines_fetched_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("account")

    def __str__(self) -> str:
        return self.email or "-"

    def __repr__(self) -> str:
        return f"<Account {self}, version {self.version}, tokens masked>"


class TokenRequest(models.Model):
    """A log-in or refresh: written before it is made, because each costs quota."""

    account = models.CharField(max_length=64)  # a digest of place, e-mail and appId
    kind = models.CharField(max_length=12, choices=RequestKind.choices)
    at = models.DateTimeField()
    outcome = models.CharField(
        max_length=12, choices=RequestOutcome.choices, default=RequestOutcome.PENDING
    )
    code = models.CharField(max_length=100, blank=True)
    text = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = _("token request")
        indexes = [models.Index(fields=["account", "at"], name="token_requests_lately")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.outcome}"


class Unusable(models.TextChoices):
    """Why nothing can be sent through a line."""

    NOT_LISTED = "not_listed", _("ChatApp no longer lists it")
    INACTIVE = "inactive", _("switched off at ChatApp")
    OVER = "over", _("the licence is over")


# ChatApp's words for the state of a licence, those that are known.
LICENCE_STATES: Mapping[str, StrOrPromise] = {
    "paid": pgettext_lazy("licence", "paid"),
    "failed": pgettext_lazy("licence", "not paid"),
}


class Line(models.Model):
    """A licence with a messenger: what campaigns send through."""

    licence_id = models.CharField(max_length=64)
    messenger = models.CharField(max_length=64)
    name = models.CharField(max_length=255, blank=True)
    phone = models.CharField(max_length=32, blank=True)
    paid_until = models.DateTimeField(null=True)
    active = models.BooleanField(null=True)
    status_code = models.CharField(max_length=64, blank=True)
    is_listed = models.BooleanField(default=True)
    is_chosen = models.BooleanField(default=False)
    chosen_by = models.CharField(max_length=150, blank=True)
    seen_at = models.DateTimeField(null=True)
    # What ChatApp calls for this line, as it was seen last; our secret is not in it.
    callback_state = models.CharField(max_length=10, blank=True)
    callback_url = models.CharField(max_length=500, blank=True)
    callback_events = models.CharField(max_length=200, blank=True)
    callback_checked_at = models.DateTimeField(null=True)
    callback_mark = models.CharField(max_length=32, blank=True)
    callback_is_wanted = models.BooleanField(default=True)
    # The first of the refusals in a row, the last of which is kept below.
    callback_refused_at = models.DateTimeField(null=True)
    callback_code = models.CharField(max_length=100, blank=True)
    callback_text = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = _("line")
        constraints = [
            models.UniqueConstraint(
                fields=["licence_id", "messenger"], name="one_line_a_messenger"
            )
        ]

    def __str__(self) -> str:
        name = self.name or self.licence_id
        return f"{name} · {self.messenger}" + (f" · {self.phone}" if self.phone else "")

    @property
    def licence_state(self) -> StrOrPromise:
        """In the page's language; as ChatApp put it where that is not known."""
        return LICENCE_STATES.get(self.status_code, self.status_code)


def why_unusable(line: Line, now: datetime) -> Unusable | None:
    """The reason why the line cannot send, None if it can. What is unknown is fine."""
    if not line.is_listed:
        return Unusable.NOT_LISTED
    if line.active is False:
        return Unusable.INACTIVE
    if line.paid_until is not None and line.paid_until <= now:
        return Unusable.OVER
    return None
