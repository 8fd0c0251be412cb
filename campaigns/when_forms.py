"""When a campaign starts, until when it is of use, and who gets it first."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from campaigns.models import Campaign
from campaigns.states import CampaignStatus
from campaigns.timing import Timing

NOW, AT = "now", "at"
MOST_IN_SLICE = 500
_FORMAT = "%Y-%m-%dT%H:%M"


def _moment(label: Any, help_text: Any = "") -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        help_text=help_text,
        input_formats=[_FORMAT, "%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M"],
        widget=forms.DateTimeInput(format=_FORMAT, attrs={"type": "datetime-local"}),
        error_messages={
            "invalid": lazy("Please give a date and a time, such as 31.12.2026 18:00.")
        },
    )


class WhenForm(forms.Form):
    """Of a campaign that was started only its last moment can be changed."""

    when = forms.ChoiceField(
        label=lazy("Start"),
        required=False,
        choices=[(NOW, lazy("As soon as I press Send")), (AT, lazy("By itself, at"))],
        widget=forms.RadioSelect,
    )
    start_at = _moment(lazy("Date and time of the start"))
    use_until = _moment(
        lazy("Of no use after"),
        lazy(
            "What is still waiting then is never sent, whatever happened meanwhile. "
            "Empty: no limit."
        ),
    )
    slice_size = forms.IntegerField(
        label=lazy("Send it to a few first"),
        required=False,
        min_value=1,
        max_value=MOST_IN_SLICE,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=lazy(
            "To so many, chosen at random; the others wait until you have seen what "
            "became of these. 20 tell a lot. Empty: to all at once."
        ),
        error_messages={
            "invalid": lazy("Please type a whole number, or leave it empty."),
        },
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        campaign: Campaign,
        now: datetime,
        proposed: datetime | None = None,
    ) -> None:
        self._campaign = campaign
        self._now = now
        initial = {
            "when": AT if campaign.start_at else NOW,
            "start_at": campaign.start_at,
            "use_until": campaign.use_until or proposed,
            "slice_size": campaign.slice_size,
        }
        super().__init__(data, initial=initial, label_suffix="")
        if not self.is_draft:
            for name in ("when", "start_at", "slice_size"):
                del self.fields[name]

    @property
    def is_draft(self) -> bool:
        return self._campaign.status == CampaignStatus.DRAFT

    @property
    def timing(self) -> Timing:
        cleaned = self.cleaned_data
        return Timing(
            start_at=cleaned.get("start_at"),
            use_until=cleaned["use_until"],
            slice_size=cleaned.get("slice_size"),
        )

    def clean_slice_size(self) -> int | None:
        size: int | None = self.cleaned_data["slice_size"]
        waiting = self._campaign.waiting
        if size is not None and size >= waiting:
            said = ngettext(
                "There is only {n} on the list.",
                "There are only {n} on the list.",
                waiting,
            )
            raise ValidationError(said.format(n=waiting))
        return size

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("when") != AT:
            cleaned["start_at"] = None
        elif "start_at" not in self.errors:
            self._check_start(cleaned)
        begins = cleaned.get("start_at") or self._starts_at()
        use_until = cleaned.get("use_until")
        if use_until is not None and use_until <= begins:
            said = _("This is before the start, or over already.")
            self.add_error("use_until", said)
        return cleaned

    def _starts_at(self) -> datetime:
        """When a campaign that is timed no more starts by itself, else now."""
        start_at = self._campaign.start_at
        is_scheduled = self._campaign.status == CampaignStatus.SCHEDULED
        return start_at if is_scheduled and start_at is not None else self._now

    def _check_start(self, cleaned: dict[str, Any]) -> None:
        start_at = cleaned.get("start_at")
        if start_at is None:
            self.add_error("start_at", _("Please give the date and the time."))
        elif start_at <= self._now:
            self.add_error("start_at", _("This moment has passed."))
