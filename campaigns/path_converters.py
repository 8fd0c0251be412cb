"""What may stand in an address."""

from __future__ import annotations

from django.urls.converters import IntConverter


class Digits:
    """The digits of a phone in E.164, without its plus."""

    regex = "[1-9][0-9]{2,14}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value.lstrip("+")


class Id(IntConverter):
    """A row's number; more digits fit no column, and a database refuses to compare."""

    regex = "[0-9]{1,18}"
