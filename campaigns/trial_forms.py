"""The field for the operator's own phone."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as lazy

from campaigns import list_words
from campaigns.recipients import read_phone


class TrialForm(forms.Form):
    """The phone to which a text goes first; `cleaned_data` holds it in E.164."""

    phone = forms.CharField(
        label=lazy("Your own phone"),
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "tel"}),
        error_messages={"required": lazy("Please type a phone.")},
    )

    def __init__(
        self, data: QueryDict | None = None, *, region: str, last: str = ""
    ) -> None:
        super().__init__(data, initial={"phone": last}, label_suffix="")
        self._region = region

    def clean_phone(self) -> str:
        found = read_phone(self.cleaned_data["phone"], region=self._region)
        if said := list_words.why_nobody(found):
            raise ValidationError(said)
        return found.recipients[0].phone
