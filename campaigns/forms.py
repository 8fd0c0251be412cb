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

from campaigns import list_words, previews, text_words, wording
from campaigns.layouts import Unreadable, UnreadableFile
from campaigns.list_files import (
    ListSource,
    from_file,
    from_text,
    from_upload,
    judge_all,
)
from campaigns.models import TEXT_LIMIT, Upload
from campaigns.previews import Sample
from campaigns.recipients import PhoneList
from campaigns.states import Pacing
from campaigns.texts import BadText, Template, fold, read_template
from chatapp.models import Line, why_unusable

NAME_LIMIT = 200
UPLOAD_LIMIT_MB = 50
PASTE_LIMIT = 100_000
SAVE = "save"
LEAVE_FILE_OUT = "without-file"


class CampaignForm(forms.Form):
    """A campaign that is not stored yet.

    Unless it is to be saved only the list matters, and the other fields may wait.
    `cleaned_data` holds a Line and a Pacing. `phone_list` is the judged list, also when
    something else is wrong; of a big list only its beginning (`is_beginning`).
    `file` and `pasted` are where it comes from. `kept` is a file of an earlier try,
    which a browser does not send again.
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
            "Paste them in any shape: one a row, with commas, semicolons, tabs or "
            "words between them, or a whole table with its header."
        ),
    )
    upload = forms.FileField(
        label=lazy("Or a file"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".txt,.csv,.tsv,.xlsx"}),
        help_text=lazy(
            ".txt, .csv or .xlsx, up to 50 MB; what is pasted above is kept as well."
        ),
    )
    column = forms.IntegerField(required=False, min_value=0, max_value=999)

    def __init__(
        self,
        data: QueryDict | None = None,
        files: MultiValueDict[str, UploadedFile[Any]] | None = None,
        *,
        lines: Sequence[Line],
        region: str,
        now: datetime,
        kept: Upload | None = None,
    ) -> None:
        self.lines = [(line, why_unusable(line, now)) for line in lines]
        first = next((str(line.pk) for line, why in self.lines if why is None), None)
        super().__init__(data, files, initial={"line": first}, label_suffix="")
        do = data.get("do") if data is not None else None
        self.is_to_be_saved = do == SAVE
        self.file = from_upload(kept) if kept and do != LEAVE_FILE_OUT else None
        self.pasted: ListSource | None = None
        self.template: Template | None = None
        self.phone_list: PhoneList | None = None
        self.samples: list[Sample] = []
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

    @property
    def sources(self) -> list[ListSource]:
        return [source for source in (self.pasted, self.file) if source]

    @property
    def is_beginning(self) -> bool:
        """Whether there is more of the list than is judged here."""
        return not all(source.is_small for source in self.sources)

    @property
    def imported(self) -> ListSource | None:
        """What is imported from an upload: the file, or a long paste without one."""
        if self.file or not self.pasted or self.pasted.is_small:
            return self.file
        return self.pasted

    @property
    def stored_at_once(self) -> PhoneList:
        """What is pasted, unless that is imported itself."""
        if self.pasted is None or self.imported is self.pasted:
            return PhoneList()
        return judge_all(
            [self.pasted], region=self._region, template=self.template, whole=True
        )

    def clean_text(self) -> str:
        text = _plain(self.cleaned_data["text"])
        if len(text) > TEXT_LIMIT:
            raise ValidationError(text_words.too_long(len(text)))
        try:
            read_template(text)
        except BadText as error:
            raise ValidationError(text_words.bad_text(error)) from error
        return text

    def clean_line(self) -> Line | None:
        chosen = self.cleaned_data["line"]
        for line, why in self.lines:
            if str(line.pk) == chosen and why is None:
                return line
        if chosen:
            raise ValidationError(_("Nothing can be sent through this line now."))
        return None

    def clean_phones(self) -> str:
        text = _plain(self.cleaned_data["phones"])
        if text.count("\n") >= PASTE_LIMIT:
            raise ValidationError(
                _("There are more than 100,000 rows. Please save them as a file.")
            )
        self.pasted = from_text(text, region=self._region)
        return text

    def clean_upload(self) -> None:
        upload = self.cleaned_data["upload"]
        if not upload:
            return
        self.file = None
        if upload.size > UPLOAD_LIMIT_MB * 1024 * 1024:
            raise ValidationError(
                _("The file is bigger than %(limit)d MB. Please split it.")
                % {"limit": UPLOAD_LIMIT_MB}
            )
        try:
            self.file = from_file(upload.name, upload.read(), region=self._region)
        except UnreadableFile as error:
            raise ValidationError(list_words.UNREADABLE[error.code]) from error

    def clean(self) -> dict[str, Any]:
        """Makes one list of what is typed and of the file, and fits the text to it."""
        cleaned = self.cleaned_data
        try:
            self._choose_column(cleaned.get("column"))
            self.template = self._read_template(cleaned.get("text"))
            self.phone_list = judge_all(
                self.sources, region=self._region, template=self.template
            )
        except UnreadableFile as error:
            self.add_error("upload", str(list_words.UNREADABLE[error.code]))
        phones = self.phone_list
        if phones and self.template and previews.is_personal(cleaned["text"]):
            self.samples = previews.sample_rows(self.template, phones.recipients)
        if not (
            (phones and phones.recipients)
            or self.is_beginning
            or self.has_error("upload")
            or "phones" in self.errors
        ):
            self.add_error("phones", self._nobody())
        return cleaned

    def _choose_column(self, column: int | None) -> None:
        """Takes the chosen column; one that was chosen for another file is not."""
        if self.file and column is not None and not self.cleaned_data.get("upload"):
            self.file = self.file.with_column(column, region=self._region)
        if self.file and self.file.layout.is_unclear:
            raise UnreadableFile(Unreadable.NO_PHONE_COLUMN)

    def _read_template(self, text: str | None) -> Template | None:
        """The text, if the list has a column for each of its variables.

        A fallback does not help: a typo would send it to everybody.
        """
        if not text:
            return None
        template = read_template(text)
        columns: dict[str, str] = {}
        for source in self.sources:
            for name in source.layout.column_names:
                columns.setdefault(fold(name), name)
        missing = [name for key, name in template.names.items() if key not in columns]
        if self.sources and missing:
            said = list_words.unknown_columns(missing, list(columns.values()))
            self.add_error("text", said)
            return None
        return template

    def _nobody(self) -> str:
        if self.phone_list and self.phone_list.remarks:
            return _("None of these can be sent to; the reasons are listed below.")
        return _("Please paste at least one phone, or choose a file.")


def _plain(text: str) -> str:
    """The text with the line breaks that people see; browsers send two characters."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
