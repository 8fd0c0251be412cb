"""What people type to put phones on the stop list."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxLengthValidator
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from campaigns import list_words
from campaigns.forms import UPLOAD_LIMIT_MB
from campaigns.recipients import PhoneList, Reason, Remark, read_text
from campaigns.spreadsheets import Unreadable, UnreadableFile, read_file

REASON_LIMIT = 200
MOST_LINES = 100_000

_TOO_MANY = lazy("There are more than 100,000 rows. Please split the list.")
_NO_COLUMN = lazy("No column with phones was found in the file.")


class StopForm(forms.Form):
    """Phones for the stop list, typed or from a file, and why.

    Once it is read, `phone_list` holds what was understood, `wrong` the lines that
    name no phone. `keep_wrong` leaves only those in the field.
    """

    phones = forms.CharField(
        label=lazy("Phones"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text=lazy("Paste them in any shape: one a row, or with commas or words."),
    )
    upload = forms.FileField(
        label=lazy("Or a file"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".txt,.csv,.tsv,.xlsx"}),
        help_text=lazy(".txt, .csv or .xlsx; what is pasted above is added as well."),
    )
    reason = forms.CharField(
        label=lazy("Why (may stay empty)"),
        required=False,
        validators=[MaxLengthValidator(REASON_LIMIT)],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        files: MultiValueDict[str, UploadedFile[Any]] | None = None,
        *,
        region: str,
    ) -> None:
        super().__init__(data, files, label_suffix="")
        self._region = region
        self.phone_list = PhoneList()

    @property
    def found(self) -> list[str]:
        """The phones in E.164."""
        return [recipient.phone for recipient in self.phone_list.recipients]

    @property
    def wrong(self) -> list[Remark]:
        """What was not understood; a phone that stands there twice is no mistake."""
        return [
            remark
            for remark in self.phone_list.remarks
            if not remark.kept and remark.reason is not Reason.DOUBLE
        ]

    @property
    def why(self) -> str:
        """The reason as typed, else the file's name."""
        typed: str = self.cleaned_data.get("reason", "")
        upload = self.cleaned_data.get("upload")
        source = next((r.source for r in upload.recipients), "") if upload else ""
        return typed or source[:REASON_LIMIT]

    def keep_wrong(self) -> None:
        """Leaves in the field what is still to be mended, and says so."""
        assert isinstance(self.data, QueryDict)
        data = self.data.copy()
        data["phones"] = "\n".join(remark.raw for remark in self.wrong)
        self.data = data

    def clean_phones(self) -> PhoneList:
        text = self.cleaned_data["phones"].replace("\r\n", "\n").replace("\r", "\n")
        if text.count("\n") >= MOST_LINES:
            raise ValidationError(_TOO_MANY)
        return read_text(text, region=self._region)

    def clean_upload(self) -> PhoneList | None:
        upload = self.cleaned_data["upload"]
        if not upload:
            return None
        if upload.size > UPLOAD_LIMIT_MB * 1024 * 1024:
            raise ValidationError(
                _("The file is bigger than %(limit)d MB. Please split it.")
                % {"limit": UPLOAD_LIMIT_MB}
            )
        try:
            data = upload.read()
            return read_file(
                upload.name, data, region=self._region, max_rows=MOST_LINES
            )
        except UnreadableFile as error:
            if error.code == Unreadable.TOO_MANY_ROWS:
                raise ValidationError(_TOO_MANY) from error
            if error.code == Unreadable.NO_PHONE_COLUMN:
                raise ValidationError(_NO_COLUMN) from error
            raise ValidationError(list_words.UNREADABLE[error.code]) from error

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        phones: PhoneList = cleaned.get("phones") or PhoneList()
        if from_file := cleaned.get("upload"):
            known = {recipient.phone for recipient in phones.recipients}
            new = (r for r in from_file.recipients if r.phone not in known)
            phones += replace(from_file, recipients=tuple(new))
        self.phone_list = phones
        if not (phones.recipients or self.errors):
            self.add_error(
                "phones",
                _("None of these is a phone; the reasons are listed below.")
                if phones.remarks
                else _("Please paste at least one phone, or choose a file."),
            )
        return cleaned
