"""What people type to rename, change, copy or delete a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from campaigns import text_words, wording
from campaigns.copying import Whom, count_of
from campaigns.editing import Changes, mark_of
from campaigns.forms import NAME_LIMIT
from campaigns.models import TEXT_LIMIT, Campaign
from campaigns.states import CampaignStatus, Pacing
from campaigns.texts import BadText, Template, read_template
from chatapp.models import Line, why_unusable

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

NOTE_LIMIT = 5000

WHOM: Mapping[Whom, tuple[StrOrPromise, StrOrPromise]] = {
    Whom.EVERYBODY: (
        lazy("Everybody on the list"),
        lazy("Whatever became of their message."),
    ),
    Whom.UNREAD: (
        lazy("Those who have not read it"),
        lazy("It left for them, and no word has come that they opened it."),
    ),
    Whom.UNDELIVERED: (
        lazy("Those whom it has not reached"),
        lazy("Failed, cancelled, expired or unsure, and sent without being delivered."),
    ),
    Whom.FAILED: (
        lazy("Only the failed ones"),
        lazy("ChatApp or WhatsApp refused the message; mind the reasons."),
    ),
}


def _name_field() -> forms.CharField:
    # No `max_length`: its attribute would make browsers cut what is pasted.
    return forms.CharField(
        label=lazy("Name"),
        validators=[MaxLengthValidator(NAME_LIMIT)],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=lazy("For you and your colleagues; recipients do not see it."),
    )


class EditForm(forms.Form):
    """A campaign's name and note; of a draft its text, line and pacing too."""

    name = _name_field()
    note = forms.CharField(
        label=lazy("Note (may stay empty)"),
        required=False,
        validators=[MaxLengthValidator(NOTE_LIMIT)],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=lazy("Stands on the campaign's page; recipients do not see it."),
    )
    text = forms.CharField(
        label=lazy("Text"),
        widget=forms.Textarea(attrs={"rows": 7}),
        help_text=lazy(
            "{city} is the value of a column, {city|your town} says what stands there "
            "without one, [Hi|Hello] is drawn for each."
        ),
    )
    line = forms.ChoiceField(label=lazy("Line"), widget=forms.RadioSelect)
    pacing = forms.TypedChoiceField(
        label=lazy("Pacing"),
        choices=list(wording.PACINGS.items()),
        coerce=Pacing,
        widget=forms.RadioSelect,
    )
    # So that who saves does not overrule unseen what a colleague has changed.
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        campaign: Campaign,
        lines: Sequence[Line],
        now: datetime,
    ) -> None:
        initial = {
            "name": campaign.name,
            "note": campaign.note,
            "text": campaign.text,
            "line": str(campaign.line_id),
            "pacing": campaign.pacing,
            "seen": mark_of(campaign),
        }
        super().__init__(data, initial=initial, label_suffix="")
        self.is_draft = campaign.status == CampaignStatus.DRAFT
        # The line that it has stays eligible, whatever has become of it.
        self.lines = [
            (line, None if line.pk == campaign.line_id else why_unusable(line, now))
            for line in lines
        ]
        self.template: Template | None = None
        if self.is_draft:
            line = self.fields["line"]
            assert isinstance(line, forms.ChoiceField)
            line.choices = [(str(line.pk), str(line)) for line, _why in self.lines]
        else:
            for name in ("text", "line", "pacing"):
                del self.fields[name]

    @property
    def changes(self) -> Changes:
        """All that the form holds: of what is a draft no more, its name and note."""
        held = {name: self.cleaned_data[name] for name in self.fields if name != "seen"}
        return Changes(**held)

    def clean_note(self) -> str:
        return _plain(self.cleaned_data["note"])

    def clean_text(self) -> str:
        text = _plain(self.cleaned_data["text"])
        try:
            self.template = read_template(text)
        except BadText as error:
            raise ValidationError(text_words.bad_text(error)) from error
        if not self.template.names:
            length = self.template.longest({})
            if length > TEXT_LIMIT:
                raise ValidationError(text_words.too_long(length))
        return text

    def clean_line(self) -> Line:
        chosen = self.cleaned_data["line"]
        for line, why in self.lines:
            if str(line.pk) == chosen and why is None:
                return line
        raise ValidationError(_("Nothing can be sent through this line now."))


class CopyForm(forms.Form):
    """The name of a copy, and whom it is for."""

    name = _name_field()
    whom = forms.TypedChoiceField(
        label=lazy("Who gets it"),
        coerce=Whom,
        choices=[(whom, label) for whom, (label, _help) in WHOM.items()],
        widget=forms.RadioSelect,
    )

    def __init__(
        self, data: QueryDict | None = None, *, campaign: Campaign, whom: str = ""
    ) -> None:
        chosen = whom if whom in set(Whom) else Whom.EVERYBODY
        initial = {"name": copy_name(campaign), "whom": chosen}
        super().__init__(data, initial=initial, label_suffix="")
        self.choices = [
            (whom, label, help_text, count_of(campaign, whom))
            for whom, (label, help_text) in WHOM.items()
        ]


class DeleteForm(forms.Form):
    """The name, typed by whoever means it."""

    name = forms.CharField(
        label=lazy("Its name, typed by you"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": lazy("Please type the name.")},
    )

    def __init__(self, data: QueryDict | None = None, *, campaign: Campaign) -> None:
        super().__init__(data, label_suffix="")
        self._campaign = campaign
        self.fields["name"].help_text = _(
            "So that nothing is deleted by mistake, please type: %(name)s"
        ) % {"name": campaign.name}

    def clean_name(self) -> str:
        typed: str = self.cleaned_data["name"]
        # Pages show white space of any kind as one space.
        if typed.split() != self._campaign.name.split():
            raise ValidationError(_("This is not its name."))
        return typed


def copy_name(campaign: Campaign, whom: Whom = Whom.EVERYBODY) -> str:
    """A name that tells the copy from the original."""
    about = _("copy") if whom is Whom.EVERYBODY else str(WHOM[whom][0]).lower()
    ending = f" ({about})"
    return f"{campaign.name[: NAME_LIMIT - len(ending)]}{ending}"


def _plain(text: str) -> str:
    """The text with the line breaks that people see; browsers send two characters."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
