"""How log records look: a line each, without secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from urllib.parse import quote

from django.conf import settings

MASK = "•••"


class Masking:
    """Replaces secrets in texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        written = {form for secret in secrets for form in (secret, quote(secret, ""))}
        # Fewer characters would turn up by chance, and mask what is no secret.
        self._secrets = sorted(
            (form for form in written if len(form) >= 4), key=len, reverse=True
        )

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def masked(text: str) -> str:
    """A text without the secrets that the log masks, for what is kept elsewhere."""
    return Masking(settings.MASKED_SECRETS)(text)


class LineFormatter(logging.Formatter):
    """A record is one line; a traceback follows it, set in.

    Secrets are masked wherever they turn up, such as in the path of a callback.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S%z"
        )
        self._mask = Masking(secrets)

    def format(self, record: logging.LogRecord) -> str:
        text = self._mask(super().format(record))
        first, *more = text.split("\n")
        return "\n".join([_printable(first), *(f"    {_printable(m)}" for m in more)])


def _printable(line: str) -> str:
    """Escapes what would let a logged text look like records of its own."""
    return "".join(
        char if char.isprintable() or char == "\t" else ascii(char)[1:-1]
        for char in line
    )
