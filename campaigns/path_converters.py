"""What may stand in an address."""

from __future__ import annotations


class Digits:
    """The digits of a phone in E.164, without its plus."""

    regex = "[1-9][0-9]{2,14}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value.lstrip("+")
