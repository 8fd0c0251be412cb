"""Lists of phones as people have them: a text in, recipients and remarks out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from campaigns.numbers import KEPT, Reason
from campaigns.scanning import Found, find_numbers

__all__ = [
    "KEPT",
    "Collector",
    "PhoneList",
    "Reason",
    "Recipient",
    "Remark",
    "merge",
    "read_phone",
    "read_text",
    "split_lines",
]

RAW_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Recipient:
    """A phone in E.164 with plus, and where it first stood.

    `line` counts from 1, rows in a table; `source` is "" for what was pasted, else
    the file's name.
    """

    phone: str
    line: int
    source: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said about a number or a line.

    `phone` is set where the number exists, refused or not. For a double,
    `first_line` and `first_source` say where it stood before.
    """

    line: int
    raw: str
    reason: Reason
    phone: str | None = None
    first_line: int | None = None
    source: str = ""
    first_source: str = ""

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


class Collector:
    """Gathers the numbers of one source and tells doubles apart."""

    def __init__(self, source: str = "") -> None:
        self._source = source
        self._recipients: dict[str, Recipient] = {}
        self._remarks: list[Remark] = []
        self._lines = 0

    def count_line(self) -> None:
        self._lines += 1

    def add(self, line: int, numbers: Iterable[Found]) -> None:
        for number in numbers:
            phone, reason = number.reading
            if phone is None or not number.reading.is_kept:
                self.remark(line, number.raw, reason or Reason.INVALID, phone)
                continue
            first = self._recipients.get(phone)
            if first is not None:
                self.remark(line, number.raw, Reason.DOUBLE, phone, first)
                continue
            self._recipients[phone] = Recipient(phone, line, self._source)
            if number.restored:
                self.remark(line, number.raw, Reason.RESTORED, phone)
            if reason is not None:
                self.remark(line, number.raw, reason, phone)

    def remark(
        self,
        line: int,
        raw: str,
        reason: Reason,
        phone: str | None = None,
        first: Recipient | None = None,
    ) -> None:
        self._remarks.append(
            Remark(
                line=line,
                raw=raw.strip()[:RAW_LENGTH],
                reason=reason,
                phone=phone,
                first_line=first.line if first else None,
                source=self._source,
                first_source=first.source if first else "",
            )
        )

    def result(self) -> PhoneList:
        return PhoneList(
            tuple(self._recipients.values()), tuple(self._remarks), self._lines
        )


def split_lines(text: str) -> list[str]:
    """Splits as an editor counts lines: CR LF, LF and CR, nothing else."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_text(text: str, *, region: str, source: str = "") -> PhoneList:
    """Reads numbers in any shape, several a line, words around them.

    `region` is the country whose national numbers are understood ("RU").
    """
    collector = Collector(source)
    for number, line in enumerate(split_lines(text), start=1):
        if line.isspace() or not line:
            continue
        found = find_numbers(line, region=region)
        if found:
            collector.add(number, found)
        elif any(char.isprintable() and not char.isspace() for char in line):
            collector.remark(number, line, Reason.NOT_A_NUMBER)
        else:
            continue  # nothing that a person can see
        collector.count_line()
    return collector.result()


def read_phone(text: str, *, region: str) -> PhoneList:
    """Reads the field for one phone: whatever was typed there is one line."""
    return read_text(" ".join(text.split()), region=region)


def merge(first: PhoneList, second: PhoneList) -> PhoneList:
    """Puts two lists together; what the first has is a double in the second."""
    before = {recipient.phone: recipient for recipient in first.recipients}
    raws = {
        (remark.line, remark.phone): remark.raw
        for remark in second.remarks
        if remark.kept
    }
    recipients = list(first.recipients)
    remarks: list[Remark] = []
    for remark in second.remarks:
        there = before.get(remark.phone or "")
        if there is None or not (remark.kept or remark.reason is Reason.DOUBLE):
            remarks.append(remark)
        elif remark.reason is Reason.DOUBLE:
            remarks.append(
                replace(remark, first_line=there.line, first_source=there.source)
            )
    for recipient in second.recipients:
        there = before.get(recipient.phone)
        if there is None:
            recipients.append(recipient)
            continue
        remarks.append(
            Remark(
                line=recipient.line,
                raw=raws.get((recipient.line, recipient.phone), recipient.phone),
                reason=Reason.DOUBLE,
                phone=recipient.phone,
                first_line=there.line,
                source=recipient.source,
                first_source=there.source,
            )
        )
    remarks.sort(key=lambda remark: remark.line)
    return PhoneList(
        tuple(recipients),
        (*first.remarks, *remarks),
        first.lines + second.lines,
    )
