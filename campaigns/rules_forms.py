"""The form of a line's rules: hours, days off, caps, warm-up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from campaigns.hours import Hours, Window
from campaigns.rules import Rules
from campaigns.rules_text import (
    NotUnderstood,
    read_days,
    read_windows,
    write_days,
    write_windows,
)

ANY_HOUR, THESE_HOURS = "any", "these"
MOST = 1_000_000
MOST_STEPS = 60
EXAMPLE = "09:00–13:00, 14:00–19:00"


def _cap(label: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        min_value=1,
        max_value=MOST,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        error_messages={
            "min_value": lazy("With this nothing would ever be sent."),
            "invalid": lazy("Please type a whole number, or leave it empty."),
        },
    )


class RulesForm(forms.Form):
    """A line's rules; once valid, `rules` is what they mean."""

    when = forms.ChoiceField(
        choices=[
            (ANY_HOUR, lazy("At any hour")),
            (THESE_HOURS, lazy("Only in these hours")),
        ],
        widget=forms.RadioSelect,
    )
    days_off = forms.CharField(
        label=lazy("Days off"),
        required=False,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=lazy("One a row: 31.12.2026, or 01.01.2027 – 08.01.2027."),
    )
    in_recipients_zone = forms.BooleanField(
        label=lazy("By the recipient's own clock"),
        required=False,
    )
    hour_cap = _cap(lazy("At most in an hour"))
    day_cap = _cap(lazy("At most on a day"))
    warm_up = forms.CharField(
        label=lazy("Warm-up of a new line"),
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        help_text=lazy(
            "How many may leave on its first day of sending, its second, and so on: "
            "20, 50, 100, 200. A new line that sends much at once gets banned. Empty: "
            "none."
        ),
    )
    # Who opened the form before somebody else saved it must not undo that.
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        rules: Rules,
        seen: str,
        today: date,
    ) -> None:
        self._before = rules
        self._today = today
        hours = rules.hours
        initial: dict[str, Any] = {
            "when": ANY_HOUR if hours.windows is None else THESE_HOURS,
            "days_off": write_days(hours.days_off),
            "in_recipients_zone": rules.in_recipients_zone,
            "hour_cap": rules.hour_cap,
            "day_cap": rules.day_cap,
            "warm_up": ", ".join(map(str, rules.warm_up)),
            "seen": seen,
        }
        for number, windows in enumerate(hours.windows or [()] * 7):
            initial[f"day-{number}"] = write_windows(windows)
        super().__init__(data, initial=initial, label_suffix="")
        for number, name in WEEKDAYS.items():
            self.fields[f"day-{number}"] = forms.CharField(
                label=name,
                required=False,
                widget=forms.TextInput(
                    attrs={"placeholder": EXAMPLE, "autocomplete": "off"}
                ),
            )

    @property
    def weekdays(self) -> list[forms.BoundField]:
        return [self[f"day-{number}"] for number in WEEKDAYS]

    @property
    def rules(self) -> Rules:
        cleaned = self.cleaned_data
        return Rules(
            zone=self._before.zone,
            hours=Hours(cleaned["windows"], cleaned["days_off"]),
            in_recipients_zone=cleaned["in_recipients_zone"],
            hour_cap=cleaned["hour_cap"],
            day_cap=cleaned["day_cap"],
            warm_up=cleaned["warm_up"],
        )

    def clean_days_off(self) -> frozenset[date]:
        try:
            return read_days(self.cleaned_data["days_off"], today=self._today)
        except NotUnderstood as error:
            if error.why == "backwards":
                said = _("“%(piece)s” ends before it begins, or lasts over a year.")
            elif error.why == "too_many":
                said = _("These are more than 1,000 days, from “%(piece)s” on.")
            else:
                said = _("“%(piece)s” is no date. Please write it as 31.12.2026.")
            raise ValidationError(said % {"piece": error.piece}) from error

    def clean_warm_up(self) -> tuple[int, ...]:
        pieces = re.split(r"[\s,;]+", self.cleaned_data["warm_up"].strip())
        steps = []
        for piece in filter(None, pieces):
            if not re.fullmatch("[0-9]{1,6}", piece) or not int(piece):
                said = _("“%(piece)s” is no number of messages above 0.")
                raise ValidationError(said % {"piece": piece})
            steps.append(int(piece))
        if len(steps) > MOST_STEPS:
            raise ValidationError(_("Please give 60 steps at most."))
        return tuple(steps)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        cleaned["windows"] = None
        if cleaned.get("when") == THESE_HOURS:
            cleaned["windows"] = tuple(self._windows_of(n) for n in WEEKDAYS)
            if not any(cleaned["windows"]) and not self.errors:
                said = _("Please open at least one hour: nothing would ever be sent.")
                self.add_error("day-0", said)
        return cleaned

    def _windows_of(self, number: int) -> Sequence[Window]:
        name = f"day-{number}"
        try:
            return read_windows(self.cleaned_data.get(name, ""))
        except NotUnderstood as error:
            if error.why == "backwards":
                said = _("“%(piece)s” ends before it begins.")
            elif error.why == "overlap":
                said = _("“%(piece)s” overlaps with the window before it.")
            else:
                said = _("“%(piece)s” is no stretch of time. Please write it as 9–18.")
            self.add_error(name, said % {"piece": error.piece})
            return ()
