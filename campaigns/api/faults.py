"""What is wrong with the fields of a request, in words, under the names that it has."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.forms import Form
from django.utils.translation import gettext_lazy as lazy

from campaigns.api.problems import Fault, Problem
from campaigns.api.shapes import TAG

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

# Whoever gets them all wrong sees it by the first; the answer stays short.
MOST_FAULTS = 50
LONGEST_PATH = 200

_TIME = lazy("It must be a time with its zone, such as 2026-12-31T09:00:00+03:00.")
_DATE = lazy("It must be a date, such as 2026-12-31.")
_OBJECT = lazy("It must be an object.")
_WHOLE = lazy("It must be a whole number.")
_YES_OR_NO = lazy("It must be true or false.")
_ELSE = lazy("It is not as the API's document says.")
# By Pydantic's name of the mistake, or by our own.
_SAID: Mapping[str, StrOrPromise] = {
    "missing": lazy("It is missing."),
    "extra_forbidden": lazy("There is no such field."),
    "string_type": lazy("It must be text."),
    "string_too_short": lazy("It is too short; its least length is %(min_length)s."),
    "string_too_long": lazy("It is too long; its greatest length is %(max_length)s."),
    "too_short": lazy("There are too few; %(min_length)s is the least."),
    "too_long": lazy("There are too many; %(max_length)s is the most."),
    "greater_than_equal": lazy("It must be %(ge)s or more."),
    "less_than_equal": lazy("It must be %(le)s or less."),
    "enum": lazy("It must be one of these: %(expected)s."),
    "list_type": lazy("It must be a list."),
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "timezone_aware": _TIME,
    "year": lazy("The year must be from 2000 to 2099."),
    "phones": lazy("It must be text, or a list of phones."),
    "phone": lazy("It must be a phone as text, or an object with a phone."),
    "two_values": lazy("%(one)s and %(other)s are one column, with different values."),
    "row_twice": lazy("The row %(id)s is corrected more than once."),
    "no_file_name": lazy("It names no file."),
}
_NO_BODY = lazy("The body must be a JSON object.")


def invalid(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """The problem with what Pydantic has found."""
    told = [_fault_of(error) for error in errors[:MOST_FAULTS]]
    return Problem("invalid", faults=told, more=len(errors) - len(told))


def refuse_unless_valid(
    form: Form,
    names: Mapping[str, str] | None = None,
    *,
    only: Container[str] | None = None,
    further: Callable[[], Sequence[Fault]] = tuple,
) -> None:
    """Raises Problem with what a form has found, and what there is further to tell.

    `names` are those that its fields have in the request, where they differ; of a form
    that was asked for a part of its fields, `only` those count.
    """
    found = {
        field: errors
        for field, errors in form.errors.as_data().items()
        if only is None or field in only
    }
    if found:
        raise several([*_faults_of(found, names or {}), *further()])


def several(faults: Sequence[Fault]) -> Problem:
    """The problem with these, or with the first of them."""
    more = max(len(faults) - MOST_FAULTS, 0)
    return Problem("invalid", faults=faults[:MOST_FAULTS], more=more)


def _faults_of(
    errors: Mapping[str, Iterable[ValidationError]], names: Mapping[str, str]
) -> list[Fault]:
    return [
        Fault("" if field == "__all__" else names.get(field, field), str(said))
        for field, found in errors.items()
        for error in found
        for said in error.messages
    ]


def _fault_of(error: Mapping[str, Any]) -> Fault:
    field = _path(error["loc"])
    return Fault(field[:LONGEST_PATH], _said(error) if field else str(_NO_BODY))


def _path(place: Sequence[str | int]) -> str:
    """The field as the caller has written it: `phones[3].values.name`."""
    source, *pieces = place
    if source == "body":
        # Our own name of the whole body.
        del pieces[:1]
    path = ""
    for piece in pieces:
        if isinstance(piece, int):
            path += f"[{piece}]"
        elif not (piece.startswith(TAG) or piece == "[key]"):
            path += f".{piece}" if path else piece
    return path


def _said(error: Mapping[str, Any]) -> str:
    kind, about = error["type"], dict(error.get("ctx", {}))
    if kind.startswith("datetime"):
        return str(_TIME)
    if kind.startswith("date"):
        return str(_DATE)
    if kind == "enum":
        # "'a', 'b' or 'c'"
        about["expected"] = ", ".join(re.findall(r"'([^']*)'", about["expected"]))
    said = _SAID.get(kind)
    return str(_ELSE) if said is None else str(said) % about
