"""What holds of every text with phones."""

from __future__ import annotations

import re

from campaigns.recipients import (
    PhoneList,
    Recipient,
    Remark,
    read_phone,
    read_text,
    split_lines,
)

REGIONS = ("RU", "DE", "US", "BR", "CN", "XX")
_E164 = re.compile(r"\+[1-9]\d{4,14}", re.ASCII)


def check_phones(data: bytes) -> None:
    """The first byte chooses the region."""
    region = REGIONS[data[0] % len(REGIONS)] if data else "RU"
    check_text(data[1:].decode(errors="replace"), region)


def check_text(text: str, region: str) -> None:
    result = read_text(text, region=region)
    lines = split_lines(text)
    told = told_lines(result)
    for number, line in enumerate(lines, start=1):
        assert (number in told) == is_seen(line), (number, line)
    assert result.lines == len(told)
    found = [recipient.phone for recipient in result.recipients]
    assert len(set(found)) == len(found), found
    for recipient in result.recipients:
        check_raw(recipient, lines[recipient.line - 1])
    for remark in result.remarks:
        check_raw(remark, lines[remark.line - 1])
    for phone in found:
        check_phone(phone, region)


def told_lines(result: PhoneList) -> set[int]:
    """The lines of which something is said."""
    lines = {recipient.line for recipient in result.recipients}
    return lines | {remark.line for remark in result.remarks}


def is_seen(line: str) -> bool:
    """Whether a person sees that something stands there."""
    return any(char.isprintable() and not char.isspace() for char in line)


def check_raw(one: Recipient | Remark, line: str) -> None:
    """What is named stands in the line, so that the operator finds it."""
    assert one.raw and one.raw in line, (one, line)


def check_phone(phone: str, region: str) -> None:
    """It is E.164, and read again it is itself, wherever the house is."""
    assert _E164.fullmatch(phone), phone
    for anywhere in {region, "RU", "US"}:
        again = read_phone(phone, region=anywhere).recipients
        assert [recipient.phone for recipient in again] == [phone], (phone, anywhere)
