"""Digits with signs between them: where one number ends and the next begins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from campaigns.numbers import (
    MAX_DIGITS,
    Reading,
    home_of,
    is_sure,
    match_number,
    read_number,
)


class Span(NamedTuple):
    """A number and where it stands in the text."""

    start: int
    end: int
    reading: Reading
    restored: bool = False


class _Group(NamedTuple):
    """Digits without anything between them."""

    start: int
    end: int
    digits: str
    plus: bool
    is_apart: bool  # a wide gap before: one number rarely spans it


NOT_DIGITS = re.compile(r"\D+", re.ASCII)
_DIGITS = re.compile(r"\d+", re.ASCII)
_RUN = re.compile(r"[+(]?[ +(]{0,3}\d[\d ()+./-]*", re.ASCII)
_LETTER = re.compile(r"[A-Za-z_]")


def read_runs(text: str, region: str) -> Iterator[Span]:
    """Reads all digits of a cleaned text that can be phones."""
    for run in _RUN.finditer(text):
        yield from _read_run(text, run, region)


def _read_run(text: str, run: re.Match[str], region: str) -> Iterator[Span]:
    """Reads digits with only spaces and signs of phones between them."""
    before = text[run.start() - 1 : run.start()]
    after = text[run.end() : run.end() + 1]
    # Inside a word (an id, a hash) there are digits, not phones.
    is_glued = bool(_LETTER.match(before))
    if is_glued and _LETTER.match(after) and text[run.end() - 1].isdigit():
        return
    for part in _parts(text, run):
        rest = part
        found: list[Span] = []
        if any(group.is_apart for group in part[1:]):
            found, rest = _pieces(part, region)
            rest = rest if found else part
        if not found:
            found, rest = _longest_first(part, region)
        yield from found
        yield from _name_leftovers(text, rest, region, is_glued)


def _parts(text: str, run: re.Match[str]) -> Iterator[list[_Group]]:
    """Splits a run where a new number surely begins: at a plus, at " / "."""
    part: list[_Group] = []
    end = run.start()
    is_open = False
    for match in _DIGITS.finditer(text, run.start(), run.end()):
        gap = text[end : match.start()]
        plus = "+" in gap and not gap[gap.rindex("+") + 1 :].strip(" (")
        is_code = bool(part) and part[-1].plus and len(part[-1].digits) <= 3
        is_apart = not is_code and (
            "  " in gap
            or " -" in gap
            or "- " in gap
            or ". " in gap
            or (")" in gap and not is_open)
        )
        if part and ("+" in gap or ("/" in gap and " " in gap) or len(gap) > 6):
            yield part
            part = []
        is_open = gap.rfind("(") > gap.rfind(")") or (is_open and ")" not in gap)
        start = end + gap.rindex("+") if plus else match.start()
        part.append(_Group(start, match.end(), match[0], plus, is_apart))
        end = match.end()
    yield part


def _pieces(part: list[_Group], region: str) -> tuple[list[Span], list[_Group]]:
    """Reads what stands between wide gaps, each piece on its own."""
    found: list[Span] = []
    rest: list[_Group] = []
    piece: list[_Group] = []
    for group in [*part, None]:
        if piece and (group is None or group.is_apart):
            spans, left = _longest_first(piece, region)
            found += spans
            rest += left
            piece = []
        if group is not None:
            piece.append(group)
    return found, rest


def _longest_first(
    groups: list[_Group], region: str
) -> tuple[list[Span], list[_Group]]:
    """Takes numbers from the left, each as long as it can be."""
    found: list[Span] = []
    rest: list[_Group] = []
    at = 0
    while at < len(groups):
        best = _number_at(groups, at, region)
        if best is None:
            count = _refused_plus(groups, at, region)
            rest += groups[at : at + count]
            at += count
            continue
        count, reading = best
        last = groups[at + count - 1]
        found.append(Span(groups[at].start, last.end, reading))
        at += count
    return found, rest


def _number_at(
    groups: list[_Group], at: int, region: str
) -> tuple[int, Reading] | None:
    """Finds how many groups from here on make one number."""
    home = home_of(region)
    plus = groups[at].plus
    # Nine groups bound the work on a long line; digits typed one by one are
    # read only when they are all that there is.
    limit = 9 if len(groups) > 12 else 12
    candidates: list[tuple[int, str]] = []
    digits = ""
    for count, group in enumerate(groups[at : at + limit], start=1):
        if count > 1 and not plus and _is_complete(group.digits, region):
            break
        digits += group.digits
        if len(digits) > MAX_DIGITS:
            break
        if len(digits) < (7 if plus else home.shortest):
            continue
        # In "+7 999 000 011 8 999 000 01 02" the 8 begins the next number.
        is_next = group.digits in (home.trunk, home.code)
        if is_next and at + count < len(groups):
            continue
        candidates.append((count, digits))
        if is_sure(digits, region=region) or (
            count == 1 and not plus and _is_complete(digits, region)
        ):
            break
    for count, digits in reversed(candidates):
        reading = match_number(digits, region=region, plus=plus)
        if reading:
            return count, reading
    return None


def _refused_plus(groups: list[_Group], at: int, region: str) -> int:
    """Counts the groups to pass over, so that +44 9031234567 isn't read as +7."""
    home = home_of(region)
    if not groups[at].plus or groups[at].digits in (home.code, home.trunk):
        return 1
    length = len(groups[at].digits)
    count = 1
    for group in groups[at + 1 :]:
        length += len(group.digits)
        if length > 15:
            break
        count += 1
    return count


def _is_complete(digits: str, region: str) -> bool:
    return len(digits) >= 10 and match_number(digits, region=region) is not None


def _name_leftovers(
    text: str, rest: list[_Group], region: str, is_glued: bool
) -> Iterator[Span]:
    """Names digits that were surely meant as a phone: nobody is missed silently."""
    at = 0
    while at < len(rest):
        end = at + 1
        while (
            end < len(rest)
            and not rest[end].plus
            and (NOT_DIGITS.fullmatch(text, rest[end - 1].end, rest[end].start))
        ):
            end += 1
        digits = "".join(group.digits for group in rest[at:end])
        plus = rest[at].plus
        if len(digits) >= (5 if plus else 9) and (plus or not is_glued):
            reading = read_number(digits, region=region, plus=plus)
            yield Span(rest[at].start, rest[end - 1].end, reading)
        at = end
