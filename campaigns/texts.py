"""Texts with variables and variants: what an operator writes, what a person gets.

    {name}             the row's value in the column "name"
    {name|friend}      the same, or "friend" where the row has none
    [Hi|Hello, {name}] one of these, drawn for each message; may hold variables
    {{  }}             a curly bracket itself; square ones without a bar are plain text

Column names are compared folded: case, and white space around and within, do not count.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

NAME_LENGTH = 60
NEAR_LENGTH = 40
_TOKEN = re.compile(r"\{\{|\}\}|\{[^{}]*\}|[{}\[\]|]|[^{}\[\]|]+")


class TextFault(StrEnum):
    """Why a text cannot be sent to anybody."""

    UNCLOSED = "unclosed"  # a bracket without its other half
    NO_NAME = "no_name"  # nothing, or too much, between the brackets
    UNCLOSED_VARIANTS = "unclosed_variants"


class BadText(ValueError):
    """The text cannot be read; `near` is the place, as it was written."""

    def __init__(self, fault: TextFault, near: str) -> None:
        super().__init__(f"{fault}: {near}")
        self.fault = fault
        self.near = near


class MissingValue(LookupError):
    """A variable without a fallback has no value; `name` is as it was written."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    fallback: str | None = None


Words = tuple[str | Variable, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A text as it was read; each part is one variant or several to choose from."""

    parts: tuple[Sequence[Words], ...]

    @property
    def names(self) -> dict[str, str]:
        """The variables' names as written, by folded name, in their order."""
        names: dict[str, str] = {}
        for variable in self._variables():
            names.setdefault(fold(variable.name), variable.name)
        return names

    @property
    def variant_count(self) -> int:
        """How many texts the variants alone can make."""
        count = 1
        for part in self.parts:
            count *= len(part)
        return count

    def missing(self, fields: Mapping[str, str]) -> list[str]:
        """The names, as written, of which a row has no value and the text no other."""
        return [
            name
            for folded, name in self.names.items()
            if not fields.get(folded) and self._needs(folded)
        ]

    def render(self, fields: Mapping[str, str], *, seed: str) -> str:
        """The text for a row; the same seed draws the same variants.

        `fields` are values by folded name, empty ones as good as none. Raises
        MissingValue.
        """
        if self.variant_count == 1:
            return "".join(_fill(part[0], fields) for part in self.parts)
        draw = random.Random(seed)
        return "".join(
            _fill(draw.choice(part) if len(part) > 1 else part[0], fields)
            for part in self.parts
        )

    def longest(self, fields: Mapping[str, str]) -> int:
        """How many characters the row's text has at most; raises MissingValue."""
        return sum(max(len(_fill(words, fields)) for words in p) for p in self.parts)

    def _variables(self) -> Iterator[Variable]:
        for part in self.parts:
            for words in part:
                yield from (word for word in words if isinstance(word, Variable))

    def _needs(self, folded: str) -> bool:
        return any(
            variable.fallback is None and fold(variable.name) == folded
            for variable in self._variables()
        )


def fold(name: str) -> str:
    """A column's name as names are compared."""
    return " ".join(name.split()).casefold()


@lru_cache(maxsize=64)
def read_template(text: str) -> Template:
    """Reads a text; raises BadText where brackets do not fit together."""
    tokens = list(_tokens(text))
    parts: list[Sequence[Words]] = []
    at = 0
    while at < len(tokens):
        end = _end_of_variants(tokens, at)
        if end is None:
            parts.append((_words(tokens[at : at + 1]),))
            at += 1
        else:
            parts.append(_variants(tokens[at + 1 : end]))
            at = end + 1
    return Template(tuple(parts))


class _Sign(str):
    """A square bracket or a bar, which may mean something."""

    __slots__ = ()


def _tokens(text: str) -> Iterator[str | Variable]:
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in {"{{", "}}"}:
            yield token[0]
        elif token in {"{", "}"}:
            near = text[match.start() :][:NEAR_LENGTH]
            before = text[: match.end()][-NEAR_LENGTH:]
            raise BadText(TextFault.UNCLOSED, near if token == "{" else before)
        elif token.startswith("{"):
            yield _variable(token)
        elif token in {"[", "|", "]"}:
            yield _Sign(token)
        else:
            yield token


def _variable(token: str) -> Variable:
    name, bar, fallback = token[1:-1].partition("|")
    name = " ".join(name.split())
    if not name or len(name) > NAME_LENGTH:
        raise BadText(TextFault.NO_NAME, token[:NEAR_LENGTH])
    return Variable(name, fallback.strip() if bar else None)


def _end_of_variants(tokens: Sequence[str | Variable], start: int) -> int | None:
    """Where the variants that begin here end; None where none begin."""
    if not _is(tokens[start], "["):
        return None
    has_bar = False
    for at in range(start + 1, len(tokens)):
        token = tokens[at]
        has_bar = has_bar or _is(token, "|")
        if _is(token, "]"):
            return at if has_bar else None
        if _is(token, "["):
            break
    if has_bar:
        near = "".join(str(t) for t in tokens[start:] if isinstance(t, str))
        raise BadText(TextFault.UNCLOSED_VARIANTS, near[:NEAR_LENGTH])
    return None


def _variants(tokens: Sequence[str | Variable]) -> tuple[Words, ...]:
    variants: list[list[str | Variable]] = [[]]
    for token in tokens:
        if _is(token, "|"):
            variants.append([])
        else:
            variants[-1].append(token)
    return tuple(_words(variant) for variant in variants)


def _words(tokens: Sequence[str | Variable]) -> Words:
    return tuple(str(t) if isinstance(t, str) else t for t in tokens)


def _is(token: str | Variable, sign: str) -> bool:
    return isinstance(token, _Sign) and token == sign


def _fill(words: Words, fields: Mapping[str, str]) -> str:
    return "".join(
        word if isinstance(word, str) else _value(word, fields) for word in words
    )


def _value(variable: Variable, fields: Mapping[str, str]) -> str:
    value = fields.get(fold(variable.name)) or variable.fallback
    if value is None:
        raise MissingValue(variable.name)
    return value
