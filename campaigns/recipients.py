"""Lists of phones as people have them: lines in, recipients and remarks out."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from campaigns.numbers import KEPT, Reading, Reason
from campaigns.scanning import Found, find_numbers
from campaigns.texts import MissingValue, Template

__all__ = [
    "KEPT",
    "Entry",
    "Fields",
    "PhoneList",
    "Reason",
    "Recipient",
    "Remark",
    "judge",
    "read_lines",
    "read_phone",
    "read_phone_entries",
    "read_text",
    "split_lines",
]

RAW_LENGTH = 200
TEXT_LIMIT = 4096  # WhatsApp's own limit

Fields = Mapping[str, str]


class Entry(NamedTuple):
    """A line or row that is not empty, with all that stands there.

    Where nothing is a number there is one that says so; `fields` are the row's values
    by folded column name, empty ones left out.
    """

    line: int
    found: list[Found]
    fields: Fields

    @property
    def phones(self) -> Iterator[str]:
        """The numbers that are good by themselves."""
        return (
            number.reading.phone
            for number in self.found
            if number.reading.phone and number.reading.is_kept
        )


@dataclass(frozen=True, slots=True)
class Recipient:
    """A phone in E.164 with plus, and where it first stood.

    `line` counts from 1, rows in a table; `source` is "" for what was pasted, else
    the file's name. `fields` are the values that the text names.
    """

    phone: str
    line: int
    source: str = ""
    raw: str = field(default="", compare=False)
    fields: Fields | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said about a number or a line.

    `phone` is set where the number exists, refused or not. For a double,
    `first_line` and `first_source` say where it stood before. `about` names the
    columns without a value. `fields` are kept for a correction.
    """

    line: int
    raw: str
    reason: Reason
    phone: str | None = None
    first_line: int | None = None
    source: str = ""
    first_source: str = ""
    about: str = ""
    fields: Fields | None = field(default=None, compare=False)

    @property
    def kept(self) -> bool:
        """Whether the number is among the recipients all the same."""
        return self.reason in KEPT


@dataclass(frozen=True, slots=True)
class PhoneList:
    """Recipients, each once, and remarks, both in the order of the source.

    `lines` counts the lines or rows that were read, empty ones left out.
    """

    recipients: tuple[Recipient, ...] = ()
    remarks: tuple[Remark, ...] = ()
    lines: int = 0

    def __add__(self, other: PhoneList) -> PhoneList:
        """Both, one after the other; the second was judged with the first known."""
        return PhoneList(
            self.recipients + other.recipients,
            self.remarks + other.remarks,
            self.lines + other.lines,
        )


def judge(
    entries: Iterable[Entry],
    *,
    source: str = "",
    template: Template | None = None,
    listed: Mapping[str, Recipient] | None = None,
    stopped: Container[str] = frozenset(),
) -> PhoneList:
    """Says of each number whether it is in, and if not, why.

    `listed` are recipients that are in already, `stopped` phones to which nothing may
    be sent. With a template each row must have the values that it names.
    """
    judging = _Judging(source, template, dict(listed or {}), stopped)
    lines = 0
    for entry in entries:
        judging.add(entry)
        lines += 1
    return PhoneList(tuple(judging.recipients), tuple(judging.remarks), lines)


class _Judging:
    def __init__(
        self,
        source: str,
        template: Template | None,
        listed: dict[str, Recipient],
        stopped: Container[str],
    ) -> None:
        self.recipients: list[Recipient] = []
        self.remarks: list[Remark] = []
        self._source = source
        self._template = template
        self._names = template.names if template else {}
        self._listed = listed
        self._stopped = stopped

    def add(self, entry: Entry) -> None:
        fields = self._chosen(entry.fields)
        for number in entry.found:
            self._add_number(entry.line, number, fields)

    def _add_number(self, line: int, number: Found, fields: Fields | None) -> None:
        phone, reason = number.reading
        about = ""
        first = None
        if phone is None or not number.reading.is_kept:
            reason = reason or Reason.INVALID
        elif phone in self._stopped:
            reason = Reason.ON_STOP_LIST
        elif first := self._listed.get(phone):
            reason = Reason.DOUBLE
        else:
            fault, about = self._fault(fields)
            reason = fault or reason
        raw = number.raw.strip()[:RAW_LENGTH]
        if phone and (reason is None or reason in KEPT):
            recipient = Recipient(phone, line, self._source, raw, fields)
            self._listed[phone] = recipient
            self.recipients.append(recipient)
            if number.restored:
                self.remarks.append(
                    Remark(line, raw, Reason.RESTORED, phone, source=self._source)
                )
        if reason:
            self.remarks.append(
                Remark(
                    line=line,
                    raw=raw,
                    reason=reason,
                    phone=phone,
                    first_line=first.line if first else None,
                    source=self._source,
                    first_source=first.source if first else "",
                    about=about,
                    fields=None if reason in KEPT else fields,
                )
            )

    def _chosen(self, fields: Fields) -> Fields | None:
        """Only the values that the text names; None for a text that names none."""
        if not self._names:
            return None
        return {name: fields[name] for name in self._names if fields.get(name)}

    def _fault(self, fields: Fields | None) -> tuple[Reason | None, str]:
        """Why the row's text cannot be sent, and the columns that are to blame."""
        if self._template is None or fields is None:
            return None, ""
        try:
            length = self._template.longest(fields)
        except MissingValue:
            missing = ", ".join(self._template.missing(fields))
            return Reason.VALUE_MISSING, missing[:RAW_LENGTH]
        return (Reason.TEXT_TOO_LONG, "") if length > TEXT_LIMIT else (None, "")


def split_lines(text: str) -> list[str]:
    """Splits as an editor counts lines: CR LF, LF and CR, nothing else."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_lines(
    lines: Iterable[tuple[int, str]], *, region: str, fields: Fields | None = None
) -> Iterator[Entry]:
    """Finds numbers in any shape, several a line, words around them.

    `region` is the country whose national numbers are understood ("RU").
    """
    for number, line in lines:
        if line.isspace() or not line:
            continue
        found = find_numbers(line, region=region)
        # A line in which there is nothing that a person can see is as good as empty.
        if found or any(char.isprintable() and not char.isspace() for char in line):
            yield Entry(number, found or [nothing(line)], fields or {})


def nothing(raw: str, reason: Reason = Reason.NOT_A_NUMBER) -> Found:
    """What is found where there is no number."""
    return Found(raw, Reading(None, reason))


def read_text(text: str, *, region: str, source: str = "") -> PhoneList:
    """Reads and judges a whole text at once."""
    lines = enumerate(split_lines(text), start=1)
    return judge(read_lines(lines, region=region), source=source)


def read_phone_entries(
    text: str, *, region: str, fields: Fields | None = None
) -> Iterator[Entry]:
    """Reads the field for one phone: whatever was typed there is one line."""
    return read_lines([(1, " ".join(text.split()))], region=region, fields=fields)


def read_phone(text: str, *, region: str) -> PhoneList:
    """Reads and judges the field for one phone."""
    return judge(read_phone_entries(text, region=region))
