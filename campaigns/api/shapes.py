"""What the shapes of all answers and orders share."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Generic, TypeVar

from ninja import Schema
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic_core import PydanticCustomError

from campaigns.hindrance_words import in_words
from campaigns.hindrances import Hindrance
from chatapp.models import Line

T = TypeVar("T")

# What any of the databases can look for.
MOST = 2**63 - 1
_DIGITS = re.compile("-?(?:0|[1-9][0-9]*)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# As RFC 3339 has it, which the document names.
_TIME = re.compile(
    rf"{_DAY.pattern}[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _written(as_it_is: re.Pattern[str], kind: str) -> BeforeValidator:
    """Takes text in this form only: Pydantic reads "1_0", and a number for a time."""

    def check(told: object) -> object:
        is_number = isinstance(told, int | float)
        if is_number or (isinstance(told, str) and not as_it_is.fullmatch(told)):
            raise PydanticCustomError(kind, "not in its form")
        return told

    return BeforeValidator(check)


# In an address, and in a body, where it is a number and nothing like one.
Id = Annotated[int, Field(ge=1, le=MOST), _written(_DIGITS, "int_parsing")]
BodyId = Annotated[int, Field(strict=True, ge=1, le=MOST)]
YesOrNo = Annotated[bool, Field(strict=True)]
Day = Annotated[date, _written(_DAY, "date_parsing")]
Phone = Annotated[str, Field(min_length=1, max_length=500)]
CENTURY = range(2000, 2100)
# With this begin the names of what a field can be: they are no part of its path.
TAG = "\x1f"


def _in_utc(at: datetime) -> datetime:
    if at.year not in CENTURY:
        raise PydanticCustomError("year", "the year must be from 2000 to 2099")
    return at.astimezone(UTC)


Moment = Annotated[
    AwareDatetime, _written(_TIME, "datetime_parsing"), AfterValidator(_in_utc)
]


class Shape(Schema):
    """Something that is told."""


class Order(Schema):
    """Something that is asked for; a field that is unknown is a mistake."""

    model_config = ConfigDict(extra="forbid")


class Page(Shape, Generic[T]):
    """Some of many; `next` is the address of those that follow, null at the end."""

    items: list[T]
    next: str | None = None


class LineName(Shape):
    id: int
    name: str

    @classmethod
    def of(cls, line: Line) -> LineName:
        return cls(id=line.pk, name=str(line))


class HindranceShape(Shape):
    """Why nothing is sent now: `said` is the sentence that the pages have."""

    kind: str
    said: str
    is_calm: bool
    since: datetime | None
    until: datetime | None

    @classmethod
    def of(cls, it: Hindrance | None) -> HindranceShape | None:
        if it is None:
            return None
        return cls(
            kind=it.kind,
            said=in_words(it),
            is_calm=it.is_calm,
            since=it.since,
            until=it.until,
        )


def seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()
