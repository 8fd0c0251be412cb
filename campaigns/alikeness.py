"""How alike the texts of a campaign are to one another, and what would vary them.

Pure. The very same text to many people is what gets lines banned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

# Fewer people get no line banned.
MATTERS_FROM = 20
# Texts so alike are the same to whoever looks for spam.
TOO_ALIKE = 0.9
COMPARED = 20

# By a known word, what may as well be said instead of it.
_SAME: Mapping[str, Sequence[str]] = {
    "здравствуйте": ("Добрый день", "Приветствуем"),
    "добрый день": ("Здравствуйте", "Приветствуем"),
    "привет": ("Здравствуйте", "Добрый день"),
    "уважаемые клиенты": ("Дорогие друзья", "Дорогие клиенты"),
    "спасибо": ("Благодарим", "Большое спасибо"),
    "до встречи": ("Ждём вас", "Будем рады видеть вас"),
    "ждём вас": ("До встречи", "Приходите"),
    "с уважением": ("Всего доброго", "С наилучшими пожеланиями"),
    "hello": ("Hi", "Good day"),
    "hi": ("Hello", "Good day"),
    "good day": ("Hello", "Hi"),
    "thank you": ("Thanks", "Many thanks"),
    "thanks": ("Thank you", "Many thanks"),
    "see you": ("See you soon", "We look forward to seeing you"),
    "best regards": ("Kind regards", "All the best"),
    "kind regards": ("Best regards", "All the best"),
}
_LONGEST_FIRST = sorted(map(re.escape, _SAME), key=len, reverse=True)
_KNOWN = re.compile(rf"(?<!\w)(?:{'|'.join(_LONGEST_FIRST)})(?!\w)", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^\[\]]*\]|\{[^{}]*\}")


@dataclass(frozen=True)
class Alikeness:
    """Of `looked_at` texts how many differ, and how alike two are, from 0 to 1."""

    looked_at: int
    different: int
    alike: float

    @property
    def percent(self) -> int:
        return round(self.alike * 100)

    @property
    def is_same(self) -> bool:
        return self.different == 1

    @property
    def is_risky(self) -> bool:
        return self.alike >= TOO_ALIKE


def measure(texts: Sequence[str]) -> Alikeness | None:
    """The mean likeness of any two of these texts; None for fewer than two.

    Of two texts it is the share of the pairs of words that both have.
    """
    texts = texts[:COMPARED]
    if len(texts) < 2:
        return None
    pieces = [_pieces(text) for text in texts]
    shares = [_share(a, b) for a, b in combinations(pieces, 2)]
    return Alikeness(len(texts), len(set(texts)), sum(shares) / len(shares))


def with_variants(text: str) -> str | None:
    """The text with variants for the words that are known; None where there are none.

    What is a variable or has variants already stays as it is.
    """
    varied, at, changed = "", 0, False
    for bracket in [*_BRACKETS.finditer(text), None]:
        end = bracket.start() if bracket else len(text)
        piece = _KNOWN.sub(_vary, text[at:end])
        changed = changed or piece != text[at:end]
        varied += piece + (bracket[0] if bracket else "")
        at = bracket.end() if bracket else end
    return varied if changed else None


def _vary(found: re.Match[str]) -> str:
    others = _SAME[found[0].lower()]
    if found[0].islower():
        others = [other[0].lower() + other[1:] for other in others]
    return f"[{'|'.join([found[0], *others])}]"


def _pieces(text: str) -> frozenset[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    if len(words) < 2:
        return frozenset({tuple(words)})
    return frozenset(pairwise(words))


def _share(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    return len(one & other) / len(one | other)
