"""Whether a whole message is a word by which a person asks for no more messages."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# A longer message is no single word, whatever it says.
LONGEST = 100


def find_stop_word(text: str, words: Iterable[str]) -> str | None:
    """The word of `words` that the text is, as it stands there; else None.

    Case does not count, nor do white space and signs around the word: "Стоп!!! 🙏".
    """
    if not text or len(text) > LONGEST:
        return None
    said = _bare(text)
    found = (word for word in words if said and _bare(word) == said)
    return next((word[:LONGEST] for word in found), None)


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    first = next((at for at, sign in enumerate(folded) if sign.isalnum()), 0)
    last = next((at for at, sign in enumerate(folded[::-1]) if sign.isalnum()), None)
    # A word of the setting may be made of signs alone.
    inner = folded if last is None else folded[first : len(folded) - last]
    return " ".join(inner.split())
