"""How log records look: a line each, without secrets."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from urllib.parse import quote

from django.conf import settings

from asgi_app.subjects import subjects

MASK = "•••"
# In E.164; without its plus a number may be anything.
_PHONE = re.compile(r"(\+\d{1,4})\d{3,9}(\d{2})\b")


class AllButProbes(logging.Filter):
    """Drops what Django says of answers to a probe, which asks every few seconds.

    The view itself tells when its answer changes.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(getattr(record, "request", None), "path", "") != "/readyz"


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
    """A record is one line, what it is about at its end; a traceback follows, set in.

    Secrets are masked wherever they turn up, such as in the path of a callback.
    """

    def __init__(self, secrets: Iterable[str] = (), *, phones: bool = False) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S%z"
        )
        self._mask_secrets = Masking(secrets)
        self._shows_phones = phones

    def mask(self, text: str) -> str:
        """The text without secrets, and of phones only what tells them apart."""
        text = self._mask_secrets(text)
        return text if self._shows_phones else _PHONE.sub(r"\1•••\2", text)

    def format(self, record: logging.LogRecord) -> str:
        first, *more = self.mask(super().format(record)).split("\n")
        first += self.mask("".join(f" {name}={it}" for name, it in subjects().items()))
        return "\n".join([_printable(first), *(f"    {_printable(m)}" for m in more)])


class JsonFormatter(LineFormatter):
    """A record is a line of JSON, for whoever gathers logs; masked as the others."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        told: dict[str, str | int] = {
            "time": at.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            # As structlog names it; `message` is the row that it is about.
            "event": self.mask(record.getMessage()),
        }
        for name, it in subjects().items():
            told[name] = it if isinstance(it, int) else self.mask(str(it))
        if record.exc_info:
            told["exception"] = self.mask(self.formatException(record.exc_info))
        return json.dumps(told, ensure_ascii=False)


def _printable(line: str) -> str:
    """Escapes what would let a logged text look like records of its own."""
    return "".join(
        char if char.isprintable() or char == "\t" else ascii(char)[1:-1]
        for char in line
    )
