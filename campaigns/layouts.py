"""What a file turned out to be: how it is to be read, or why it cannot be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from campaigns.tables import folded

SOURCE_LENGTH = 200


class Kind(StrEnum):
    """How a file is read."""

    LIST = "list"  # numbers in any shape
    TABLE = "table"
    WORKBOOK = "workbook"


class Unreadable(StrEnum):
    """Why a file as a whole can't be read."""

    EMPTY = "empty"
    NOT_A_TABLE = "not_a_table"
    BROKEN = "broken"
    PASSWORD_PROTECTED = "password_protected"
    TOO_BIG = "too_big"
    TOO_MANY_ROWS = "too_many_rows"
    NO_PHONE_COLUMN = "no_phone_column"
    OLD_WORKBOOK = "old_workbook"  # .xls: to be saved as .xlsx
    UNKNOWN_KIND = "unknown_kind"


class UnreadableFile(Exception):
    """The file can't be read; `code` says why."""

    def __init__(self, code: Unreadable) -> None:
        super().__init__(code.value)
        self.code = code


@dataclass(frozen=True)
class Layout:
    """How a file is to be read; plain values, so that it can be kept.

    `phones` are columns, none for a list and for a table that has to be asked about;
    `first_row` is the index of the first row below the header. `names` are the header's
    cells by column, in its order. `head` are the first rows, cut for being shown, and
    `rows` about how many there are. `keeps_empty` where a row without anything in it is
    one all the same, and has to be accounted for.
    """

    kind: Kind
    rows: int = 0
    encoding: str = ""
    delimiter: str = ""
    sheet: int = 0
    phones: tuple[int, ...] = ()
    first_row: int = 0
    names: tuple[tuple[int, str], ...] = ()
    head: tuple[tuple[str, ...], ...] = field(default=(), repr=False)
    keeps_empty: bool = False

    @property
    def is_unclear(self) -> bool:
        """Whether a person has to say where the phones are."""
        return self.kind != Kind.LIST and not self.phones

    @property
    def columns(self) -> range:
        """The columns that can be shown."""
        return range(max((len(row) for row in self.head), default=0))

    @property
    def values(self) -> dict[str, int]:
        """The columns whose values a text can use, by folded name."""
        return folded(dict(self.names))

    @property
    def column_names(self) -> list[str]:
        """The same columns as they are written."""
        columns = set(self.values.values())
        return [name for column, name in self.names if column in columns]

    def to_json(self) -> dict[str, Any]:
        kept = asdict(self)
        if not self.keeps_empty:
            # Where versions run side by side, an older worker does not know it.
            del kept["keeps_empty"]
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Layout:
        return cls(
            **{
                **kept,
                "kind": Kind(kept["kind"]),
                "phones": tuple(kept["phones"]),
                "names": tuple((column, name) for column, name in kept["names"]),
                "head": tuple(tuple(row) for row in kept["head"]),
            }
        )


def source_of(name: str) -> str:
    """The file's own name, without folders."""
    return re.split(r"[\\/]", name)[-1][:SOURCE_LENGTH]
