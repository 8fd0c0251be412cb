"""What the shapes of all answers and orders share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Generic, TypeVar

from ninja import Schema
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field
from pydantic_core import PydanticCustomError

from campaigns.hindrance_words import in_words
from campaigns.hindrances import Hindrance
from chatapp.models import Line

T = TypeVar("T")

# What any of the databases can look for.
MOST = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=MOST)]
Phone = Annotated[str, Field(min_length=1, max_length=500)]
CENTURY = range(2000, 2100)
# With this begin the names of what a field can be: they are no part of its path.
TAG = "\x1f"


def _in_utc(at: datetime) -> datetime:
    if at.year not in CENTURY:
        raise PydanticCustomError("year", "the year must be from 2000 to 2099")
    return at.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


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
