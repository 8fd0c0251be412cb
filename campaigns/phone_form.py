"""The field that adds a phone to a draft, with the values that the text needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext_lazy as lazy

from campaigns import list_words
from campaigns.recipients import PhoneList, read_phone
from campaigns.tables import VALUE_LENGTH


class PhoneForm(forms.Form):
    """The field that adds a phone to a draft."""

    phone = forms.CharField(
        label=lazy("One more phone"),
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        error_messages={"required": lazy("Please type a phone.")},
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        region: str,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """`names` are the variables of the text, by folded name."""
        super().__init__(data, label_suffix="")
        self._region = region
        self._names = dict(enumerate(names or {}))
        for place, name in enumerate((names or {}).values()):
            self.fields[f"value-{place}"] = forms.CharField(
                label=name,
                required=False,
                max_length=VALUE_LENGTH,
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )

    @property
    def values(self) -> list[forms.BoundField]:
        """The fields for the values."""
        return [self[f"value-{place}"] for place in self._names]

    def clean(self) -> dict[str, Any]:
        """Judges the phone, once the values of its row are known."""
        cleaned = self.cleaned_data
        if "phone" in cleaned:
            values = {
                name: cleaned[f"value-{place}"]
                for place, name in self._names.items()
                if cleaned.get(f"value-{place}")
            }
            try:
                cleaned["phone"] = self._judge(cleaned["phone"], values)
            except ValidationError as error:
                self.add_error("phone", error)
        return cleaned

    def _judge(self, text: str, values: Mapping[str, str]) -> PhoneList:
        phones = read_phone(text, region=self._region)
        fields = values if self._names else None
        recipients = tuple(replace(r, fields=fields) for r in phones.recipients)
        if said := list_words.why_nobody(phones):
            raise ValidationError(said)
        return replace(phones, recipients=recipients)
