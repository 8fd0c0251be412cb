"""What people type about a campaign, and the values that it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import MaxLengthValidator
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from campaigns import receipts, wording
from campaigns.models import TEXT_LIMIT
from campaigns.recipients import PhoneList, merge, read_phone, read_text
from campaigns.spreadsheets import MAX_ROWS, Unreadable, UnreadableFile, read_file
from campaigns.states import Pacing
from chatapp.models import Line, why_unusable

NAME_LIMIT = 200
UPLOAD_LIMIT_MB = 10
SAVE = "save"


class CampaignForm(forms.Form):
    """A campaign that is not stored yet.

    Unless it is to be saved only the list matters, and the other fields may wait.
    `cleaned_data` holds a Line, a Pacing and, under "phones", a PhoneList; the list
    is also there when something else is wrong.
    """

    # No `max_length`: its attribute would make browsers cut what is pasted.
    name = forms.CharField(
        label=lazy("Name"),
        help_text=lazy("For you and your colleagues; recipients do not see it."),
        validators=[MaxLengthValidator(NAME_LIMIT)],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    text = forms.CharField(label=lazy("Text"), widget=forms.Textarea(attrs={"rows": 7}))
    line = forms.ChoiceField(label=lazy("Line"), widget=forms.RadioSelect)
    pacing = forms.TypedChoiceField(
        label=lazy("Pacing"),
        choices=list(wording.PACINGS.items()),
        coerce=Pacing,
        widget=forms.RadioSelect,
        initial=Pacing.ONE_AFTER_ANOTHER,
    )
    phones = forms.CharField(
        label=lazy("Phones"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 9, "spellcheck": "false"}),
        help_text=lazy(
            "Paste them in any shape: one a line, or with commas, semicolons, tabs or "
            "words between them."
        ),
    )
    upload = forms.FileField(
        label=lazy("Or a file"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".txt,.csv,.tsv,.xlsx"}),
        help_text=lazy(".txt, .csv or .xlsx; what is pasted above is kept as well."),
    )
    said_of_file = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None = None,
        files: MultiValueDict[str, UploadedFile[Any]] | None = None,
        *,
        lines: Sequence[Line],
        region: str,
        now: datetime,
    ) -> None:
        self.lines = [(line, why_unusable(line, now)) for line in lines]
        first = next((str(line.pk) for line, why in self.lines if why is None), None)
        super().__init__(data, files, initial={"line": first}, label_suffix="")
        self.is_to_be_saved = data is not None and data.get("do") == SAVE
        self.phone_list: PhoneList | None = None
        self.was_file_read = False
        self._region = region
        line = self.fields["line"]
        assert isinstance(line, forms.ChoiceField)
        line.choices = [(str(line.pk), str(line)) for line in lines]
        for field in ("name", "text", "line"):
            self.fields[field].required = data is None or self.is_to_be_saved

    @cached_property
    def text_length(self) -> int:
        """Characters of the typed text, a line break as one."""
        return len(_plain(str(self["text"].value() or "")))

    def clean_text(self) -> str:
        text = _plain(self.cleaned_data["text"])
        if len(text) > TEXT_LIMIT:
            raise ValidationError(
                ngettext(
                    "The text is %(over)d character too long: WhatsApp takes "
                    "%(limit)d at most.",
                    "The text is %(over)d characters too long: WhatsApp takes "
                    "%(limit)d at most.",
                    len(text) - TEXT_LIMIT,
                )
                % {"over": len(text) - TEXT_LIMIT, "limit": TEXT_LIMIT}
            )
        return text

    def clean_line(self) -> Line | None:
        chosen = self.cleaned_data["line"]
        for line, why in self.lines:
            if str(line.pk) == chosen and why is None:
                return line
        if chosen:
            raise ValidationError(_("Nothing can be sent through this line now."))
        return None

    def clean_phones(self) -> PhoneList:
        text = _plain(self.cleaned_data["phones"])
        if text.count("\n") >= MAX_ROWS:
            raise ValidationError(wording.UNREADABLE[Unreadable.TOO_MANY_ROWS])
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
            return read_file(upload.name, upload.read(), region=self._region)
        except UnreadableFile as error:
            raise ValidationError(wording.UNREADABLE[error.code]) from error

    def clean(self) -> dict[str, Any]:
        """Makes one list of what is typed, of the file, and of an earlier file."""
        cleaned = self.cleaned_data
        typed: PhoneList = cleaned.get("phones") or PhoneList()
        earlier = receipts.unpack(cleaned.get("said_of_file", ""))
        phones = receipts.with_earlier(typed, earlier)
        if from_file := cleaned.get("upload"):
            phones = merge(phones, from_file)
            self._keep(typed, phones)
        self.phone_list = cleaned["phones"] = phones
        if not (
            phones.recipients or self.has_error("upload") or "phones" in self.errors
        ):
            self.add_error("phones", self._nobody(phones))
        return cleaned

    def _keep(self, typed: PhoneList, phones: PhoneList) -> None:
        """Puts the file's numbers into the field, as the file cannot be sent twice."""
        assert isinstance(self.data, QueryDict)
        data = self.data.copy()
        new = [r.phone for r in phones.recipients[len(typed.recipients) :]]
        before = str(data.get("phones", "")).rstrip()
        data["phones"] = "\n".join([*([before] if before else []), *new])
        data["said_of_file"] = receipts.pack(r for r in phones.remarks if r.source)
        self.data = data
        self.was_file_read = True

    @staticmethod
    def _nobody(phones: PhoneList) -> str:
        if phones.remarks:
            return _("None of these can be sent to; the reasons are listed below.")
        return _("Please paste at least one phone, or choose a file.")


class PhoneForm(forms.Form):
    """The field that adds a phone to a draft."""

    phone = forms.CharField(
        label=lazy("One more phone"),
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
        error_messages={"required": lazy("Please type a phone.")},
    )

    def __init__(self, data: QueryDict | None = None, *, region: str) -> None:
        super().__init__(data, label_suffix="")
        self._region = region

    def clean_phone(self) -> PhoneList:
        phones = read_phone(self.cleaned_data["phone"], region=self._region)
        for remark in phones.remarks:
            if not remark.kept:
                raise ValidationError(
                    _("%(raw)s: %(reason)s.")
                    % {"raw": remark.raw, "reason": wording.REASONS[remark.reason]}
                )
        return phones


def _plain(text: str) -> str:
    """The text with the line breaks that people see; browsers send two characters."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
