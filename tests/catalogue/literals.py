"""Texts that stand in a template without being marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from django.template.base import Lexer, TokenType

SPOKEN = {"aria-label", "alt", "title", "placeholder", "data-label", "summary"}
# The same in every language: names, codes and units that are written so everywhere.
NEUTRAL = {"HTTP", "CSV", "Excel", "xlsx"}
_WORD = re.compile(r"[^\W\d_]{2,}")


def unmarked(source: str) -> list[str]:
    """The words of a template that gettext never sees."""
    reader = _Reader()
    reader.feed("".join(_outside_of_tags(source)))
    reader.close()
    return reader.found


def _outside_of_tags(source: str) -> Iterator[str]:
    """The template's own HTML; each tag and variable leaves a mark behind."""
    within = ""
    for token in Lexer(source).tokenize():
        name = token.contents.split(maxsplit=1)[:1] if token.contents else []
        if token.token_type == TokenType.BLOCK and name:
            if within:
                within = "" if name[0] == f"end{within}" else within
            elif name[0] in ("blocktranslate", "comment"):
                within = name[0]
        elif token.token_type == TokenType.TEXT and not within:
            yield token.contents


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self._look(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SPOKEN:
                self._look(value or "")

    def _look(self, text: str) -> None:
        if set(_WORD.findall(text)) - NEUTRAL:
            self.found.append(" ".join(text.split()))
