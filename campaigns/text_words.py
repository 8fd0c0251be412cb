"""What is wrong with a text, in the words that operators read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from campaigns.editing import Misfits
from campaigns.models import TEXT_LIMIT
from campaigns.texts import BadText, TextFault

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

TEXT_FAULTS: Mapping[str, StrOrPromise] = {
    TextFault.UNCLOSED: lazy(
        "“%(near)s”: this curly bracket has no other half. A variable is written "
        "{name}, the sign itself {{ or }}."
    ),
    TextFault.NO_NAME: lazy(
        "“%(near)s”: between the curly brackets the name of a column is expected, of "
        "60 characters at most."
    ),
    TextFault.UNCLOSED_VARIANTS: lazy(
        "“%(near)s”: these variants are not closed. They are written [Hi|Hello]."
    ),
}


def bad_text(error: BadText) -> str:
    """Why the text cannot be read, with the place."""
    return str(TEXT_FAULTS[error.fault]) % {"near": error.near}


def too_long(length: int) -> str:
    """How much too long a text of so many characters is."""
    over = length - TEXT_LIMIT
    return ngettext(
        "The text is %(over)d character too long: WhatsApp takes %(limit)d at most.",
        "The text is %(over)d characters too long: WhatsApp takes %(limit)d at most.",
        over,
    ) % {"over": over, "limit": TEXT_LIMIT}


def misfits(found: Misfits) -> list[str]:
    """For whom of the list the text cannot be filled in, a sentence for each reason."""
    said = [
        ngettext(
            "%(shown)s of the list has no value for ‹%(name)s›: give a fallback, "
            "{%(name)s|friend}.",
            "%(shown)s of the list have no value for ‹%(name)s›: give a fallback, "
            "{%(name)s|friend}.",
            count,
        )
        % {"shown": number_format(count, force_grouping=True), "name": name}
        for name, count in found.missing.items()
    ]
    if found.too_long:
        said.append(
            ngettext(
                "For %(shown)s of the list the text is too long: up to %(longest)d "
                "characters of %(limit)d at most.",
                "For %(shown)s of the list the text is too long: up to %(longest)d "
                "characters of %(limit)d at most.",
                found.too_long,
            )
            % {
                "shown": number_format(found.too_long, force_grouping=True),
                "longest": found.longest,
                "limit": TEXT_LIMIT,
            }
        )
    return said
