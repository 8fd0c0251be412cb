from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from campaigns import list_words, wording
from campaigns.forms import PASTE_LIMIT, CampaignForm
from campaigns.numbers import Reason
from campaigns.phone_form import PhoneForm
from campaigns.recipients import PhoneList
from campaigns.spreadsheets import Unreadable
from campaigns.states import Pacing
from chatapp.models import Line

pytestmark = pytest.mark.django_db

SAMPLES = Path(__file__).parent / "samples"
NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
GOOD = Line(pk=1, licence_id="1001", messenger="grWhatsApp", is_chosen=True)
OVER = Line(
    pk=2,
    licence_id="1002",
    messenger="grWhatsApp",
    paid_until=NOW - timedelta(days=1),
)


def filled(
    file: tuple[str, bytes] | None = None,
    lines: tuple[Line, ...] = (GOOD, OVER),
    **changed: str,
) -> CampaignForm:
    return sent(changed, file, lines)


def sent(
    changed: Mapping[str, str],
    file: tuple[str, bytes] | None = None,
    lines: tuple[Line, ...] = (GOOD, OVER),
) -> CampaignForm:
    typed = {
        "name": "Sale",
        "text": "Hello",
        "line": "1",
        "pacing": "one_after_another",
        "phones": "+79990000001",
        "do": "save",
        **changed,
    }
    data = QueryDict(mutable=True)
    data.update(typed)
    files: MultiValueDict[str, UploadedFile[Any]] = MultiValueDict(
        {"upload": [SimpleUploadedFile(*file)]} if file else {}
    )
    form = CampaignForm(data, files, lines=lines, region="RU", now=NOW)
    form.full_clean()
    return form


def phones_of(form: CampaignForm) -> list[str]:
    assert form.phone_list is not None
    return [recipient.phone for recipient in form.phone_list.recipients]


def shown(form: CampaignForm, field: str) -> str:
    return str(form[field].value())


def test_it_returns_values_of_the_domain() -> None:
    form = filled(pacing="each_on_its_own", text="one\r\ntwo")
    assert form.is_valid(), form.errors
    assert form.cleaned_data["line"] is GOOD
    assert form.cleaned_data["pacing"] is Pacing.EACH_ON_ITS_OWN
    assert form.cleaned_data["text"] == "one\ntwo"
    assert isinstance(form.phone_list, PhoneList)
    assert form.is_to_be_saved


@pytest.mark.parametrize("field", ["name", "text", "line"])
def test_a_campaign_that_is_to_be_saved_needs_the_field(field: str) -> None:
    assert list(sent({field: " "}).errors) == [field]


@pytest.mark.parametrize("field", ["name", "text", "line"])
def test_a_list_can_be_checked_before_the_rest_is_written(field: str) -> None:
    form = sent({field: "", "do": "check"})
    assert form.is_valid(), form.errors
    assert not form.is_to_be_saved


def test_a_text_is_counted_as_people_see_it() -> None:
    assert filled(text="я" * 4094 + "\r\n👋").is_valid()
    form = filled(text="я" * 4095 + "\r\n👋")
    assert form.text_length == 4097
    assert "1 character too long" in str(form.errors["text"])
    assert shown(form, "text").startswith("яяя")


def test_no_field_cuts_what_is_pasted() -> None:
    form = filled()
    assert not any("maxlength" in str(field) for field in form)


def test_a_name_that_is_too_long_is_refused_with_what_was_typed() -> None:
    form = filled(name="n" * 201)
    assert list(form.errors) == ["name"]
    assert shown(form, "name") == "n" * 201


def test_a_line_that_cannot_send_cannot_be_chosen() -> None:
    form = filled(line="2")
    assert list(form.errors) == ["line"]
    assert [(line.pk, why is None) for line, why in form.lines] == [
        (1, True),
        (2, False),
    ]


def test_an_unknown_line_is_refused() -> None:
    assert list(filled(line="77").errors) == ["line"]


def test_the_first_usable_line_is_chosen_beforehand() -> None:
    form = CampaignForm(lines=[OVER, GOOD], region="RU", now=NOW)
    assert form["line"].value() == "1"


def test_without_any_line_a_list_can_still_be_checked() -> None:
    assert filled(lines=(), line="", do="check").is_valid()
    assert list(filled(lines=(), line="").errors) == ["line"]


@pytest.mark.parametrize(
    "name",
    [
        "paste.txt",
        "clients-cp1251.csv",
        "clients-utf8-bom.csv",
        "noheader-tabs.txt",
        "clients.xlsx",
    ],
)
def test_it_takes_each_sample_as_a_file(name: str) -> None:
    form = filled((name, (SAMPLES / name).read_bytes()), phones="")
    assert form.is_valid(), form.errors
    assert len(phones_of(form)) > 10


def test_pasted_phones_and_a_file_make_one_list() -> None:
    form = filled(("a.txt", b"89990000002\n8 999 000 00 01\n"))
    assert phones_of(form) == ["+79990000001", "+79990000002"]
    assert form.phone_list is not None
    (remark,) = form.phone_list.remarks
    assert (remark.reason, remark.source, remark.line) == (Reason.DOUBLE, "a.txt", 2)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("empty.csv", b"", Unreadable.EMPTY),
        ("picture.xlsx", b"\x89PNG\r\n\x1a\n....", Unreadable.UNKNOWN_KIND),
        ("protected.xlsx", None, Unreadable.PASSWORD_PROTECTED),
    ],
)
def test_an_unreadable_file_is_said_in_words_and_the_rest_is_kept(
    name: str, data: bytes | None, code: Unreadable
) -> None:
    body = (SAMPLES / name).read_bytes() if data is None else data
    form = filled((name, body), phones="8 999 000 00 01")
    assert list(form.errors) == ["upload"]
    assert str(list_words.UNREADABLE[code]) in form.errors["upload"]
    assert shown(form, "phones") == "8 999 000 00 01"
    assert phones_of(form) == ["+79990000001"]


def test_a_file_that_is_too_big_is_not_read() -> None:
    form = filled(("big.txt", bytes(51 * 1024**2)))
    assert list(form.errors) == ["upload"]
    assert "50 MB" in str(form.errors["upload"])


def test_too_many_pasted_lines_are_refused_before_they_are_read() -> None:
    form = filled(phones="1\r\n" * PASTE_LIMIT)
    assert list(form.errors) == ["phones"]


@pytest.mark.parametrize("phones", ["", "  \n "])
def test_nobody_to_send_to_is_an_error(phones: str) -> None:
    form = filled(phones=phones)
    assert list(form.errors) == ["phones"]


def test_when_nothing_is_good_the_reasons_are_there() -> None:
    form = filled(phones="8 800 555 35 35\nnobody")
    assert list(form.errors) == ["phones"]
    assert form.phone_list is not None
    assert [r.reason for r in form.phone_list.remarks] == [
        Reason.TOLL_FREE,
        Reason.NOT_A_NUMBER,
    ]
    assert shown(form, "phones") == "8 800 555 35 35\nnobody"


def phone_form(phone: str) -> PhoneForm:
    data = QueryDict(mutable=True)
    data["phone"] = phone
    return PhoneForm(data, region="RU")


def test_the_field_for_one_phone_takes_it_in_any_shape() -> None:
    form = phone_form("8 (999) 000-00-01")
    assert form.is_valid(), form.errors
    (recipient,) = form.cleaned_data["phone"].recipients
    assert recipient.phone == "+79990000001"


@pytest.mark.parametrize(
    ("phone", "reason"),
    [
        ("8 800 555 35 35", Reason.TOLL_FREE),
        ("+7 999 000 01", Reason.TOO_SHORT),
        ("my phone", Reason.NOT_A_NUMBER),
    ],
)
def test_a_wrong_phone_is_refused_with_the_reason(phone: str, reason: Reason) -> None:
    form = phone_form(phone)
    (error,) = form.errors["phone"]
    assert phone in error
    assert str(wording.REASONS[reason]) in error
    assert form["phone"].value() == phone


def test_no_phone_at_all_is_asked_for() -> None:
    assert phone_form("  ").errors["phone"] == ["Please type a phone."]
