"""What the pages say, in either language, as gettext has it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.utils import translation
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext

LANGUAGES = ("en", "ru")


@dataclass(frozen=True)
class Words:
    """The texts of a language, found by their English or by the program's own."""

    language: str

    def __call__(self, text: str | Promise) -> str:
        with translation.override(self.language):
            return str(text) if isinstance(text, Promise) else gettext(text)

    def counted(self, one: str, many: str, count: int) -> str:
        """A text with a number in it, which templates call `shown` or `count`."""
        with translation.override(self.language):
            shown = number_format(count, force_grouping=True)
            return ngettext(one, many, count) % {"shown": shown, "count": count}

    def skip_unless_translated(self) -> None:
        if self.language != "en" and self("Campaigns") == "Campaigns":
            pytest.skip(f"the pages are not translated to {self.language} yet")
