"""Lists of phones as programs send them: text, rows with values, or a file."""

from __future__ import annotations

import base64
import binascii
import csv
import io
from collections.abc import Sequence
from typing import Annotated

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.translation import gettext as _
from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
)
from pydantic_core import PydanticCustomError

from campaigns import layouts, wording
from campaigns.api.problems import Fault, Problem
from campaigns.api.shapes import TAG, Order
from campaigns.layouts import Kind, Layout
from campaigns.list_files import ListSource, from_text
from campaigns.recipients import PhoneList
from campaigns.tables import VALUE_LENGTH
from campaigns.texts import fold

MOST_PHONES = 100_000
LONGEST_CELL = 500
TEXT, ITEMS, ROW = f"{TAG}text", f"{TAG}items", f"{TAG}row"

Value = Annotated[str, Field(max_length=VALUE_LENGTH)]
Name = Annotated[str, Field(min_length=1, max_length=60)]
Cell = Annotated[str, Field(max_length=LONGEST_CELL)]


def _a_value_a_column(values: dict[str, str]) -> dict[str, str]:
    """The values of one row by their names, each in the first of its spellings.

    Refuses two spellings that say different things: one would be lost.
    """
    if len(values) < 2:
        return values
    first: dict[str, str] = {}
    told: dict[str, str] = {}
    for name, value in values.items():
        spelling = first.setdefault(fold(name), name)
        before = told.get(spelling, "").strip()
        if before and value.strip() not in {"", before}:
            raise PydanticCustomError(
                "two_values",
                "{one} and {other} are one column, and have different values",
                {"one": spelling, "other": name},
            )
        told[spelling] = before or value
    return told


Values = Annotated[dict[Name, Value], AfterValidator(_a_value_a_column)]


class PhoneRow(Order):
    """A phone with the values that the text's variables stand for.

    Their names are compared as the text's are: case and white space do not count.
    """

    phone: Cell
    values: Values = {}


def _what(told: object) -> str | None:
    """Which of its shapes something has, so that mistakes are told of that one."""
    if isinstance(told, str):
        return TEXT
    if isinstance(told, list):
        return ITEMS
    return ROW if isinstance(told, dict | PhoneRow) else None


Item = Annotated[
    Annotated[Cell, Tag(TEXT)] | Annotated[PhoneRow, Tag(ROW)],
    Discriminator(_what, "phone", "neither a phone nor a row"),
]
Items = Annotated[list[Item], Field(max_length=MOST_PHONES)]
Phones = Annotated[
    Annotated[str, Tag(TEXT)] | Annotated[Items, Tag(ITEMS)],
    Discriminator(_what, "phones", "neither text nor a list"),
    Field(
        description="Text in any shape that the page takes, or a list whose items are "
        "rows: a phone each, or several, or one with values."
    ),
]


def _of_a_file(name: str) -> str:
    """A file's own name; refuses one that leads to a folder."""
    own = layouts.source_of(name)
    if own in {"", ".", ".."}:
        raise PydanticCustomError("no_file_name", "this names no file")
    return own


class FileOrder(Order):
    """A .txt, .csv or .xlsx file; of its name what stands before it is left out."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=layouts.SOURCE_LENGTH),
        AfterValidator(_of_a_file),
    ]
    base64: str

    def opened(self) -> SimpleUploadedFile:
        try:
            data = base64.b64decode(self.base64, validate=True)
        except (binascii.Error, ValueError) as error:
            faults = [Fault("file.base64", _("It is not base64."))]
            raise Problem("invalid", faults=faults) from error
        return SimpleUploadedFile(self.name, data)


def source_of(phones: Phones) -> ListSource | None:
    """Where the rows come from: None for nothing at all."""
    if isinstance(phones, str):
        return from_text(_plain(phones), region=settings.PHONE_REGION)
    rows = [PhoneRow(phone=it) if isinstance(it, str) else it for it in phones]
    return _table(rows) if rows else None


def _table(rows: Sequence[PhoneRow]) -> ListSource:
    """A table without a header: row 1 is the first item, and each item is a row."""
    names: dict[str, str] = {}
    for row in rows:
        for name in row.values:
            names.setdefault(fold(name), name)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for row in rows:
        told = {fold(name): value for name, value in row.values.items()}
        values = [_on_one_line(told.get(name, "")) for name in names]
        writer.writerow([_on_one_line(row.phone), *values])
    data = file.getvalue().encode()
    layout = Layout(
        Kind.TABLE,
        rows=len(rows),
        encoding="utf-8",
        delimiter=",",
        phones=(0,),
        names=tuple(enumerate(names.values(), start=1)),
        keeps_empty=True,
    )
    return ListSource("", len(data), layout, data)


def faults_in(found: PhoneList | None, phones: Phones) -> list[Fault]:
    """What is wrong with each row of a list in which nobody can be sent to."""
    if found is None or found.recipients:
        return []
    faults = []
    for remark in found.remarks:
        field = "file" if remark.source else "phones"
        if field == "phones" and isinstance(phones, list):
            field = f"phones[{remark.line - 1}]"
        said = _("Row %(line)d, “%(raw)s”: %(reason)s.") % {
            "line": remark.line,
            "raw": remark.raw,
            "reason": wording.REASONS[remark.reason],
        }
        faults.append(Fault(field, said))
    return faults


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _on_one_line(cell: str) -> str:
    return " ".join(cell.split())
