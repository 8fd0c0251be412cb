"""Finding the phone numbers in one line of a text.

Every pattern here is linear: repetitions are bounded or can't overlap.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from campaigns.numbers import Reading, Reason, match_number, read_number
from campaigns.runs import NOT_DIGITS, Span, read_runs


class Found(NamedTuple):
    """A number as it stands in the line, good or refused."""

    raw: str
    reading: Reading
    restored: bool = False


def _marks() -> dict[int, str | None]:
    """What invisible marks, foreign digits and typographic signs stand for."""
    table: dict[int, str | None] = {}
    for code in range(0x80, 0x20000):
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Nd":
            table[code] = str(unicodedata.decimal(char))
        elif category == "Cf" or 0xFE00 <= code <= 0xFE0F or code == 0x20E3:
            table[code] = None
        elif category == "Pd" or code == 0x2212:
            table[code] = "-"
        elif category == "Zs":
            table[code] = " "
        elif 0xFF01 <= code <= 0xFF5E:
            table[code] = chr(code - 0xFEE0)
    table.update({0xFE62: "+", 0x207A: "+", 0x2044: "/", 0x2215: "/"})
    return table


_MARKS = _marks()

# The common line: one number and nothing else. Its later groups are short, since
# "1 9990000101" is a numbered list as well as a country code.
_PLAIN = re.compile(r"\+?\(?\d+(?:(?: ?\(|\)[ -]?|[ -])\d{1,9}(?!\d))*", re.ASCII)
_ENDS = " \t,;.|\"'"

_LINK = re.compile(
    r"(?:https?://|www\.|wa\.me/|t\.me/|(?:\w{1,20}\.)?whatsapp\.com/"
    r"|whatsapp://|viber://)[^\s,;|<>\"']*",
    re.IGNORECASE,
)
_PHONE_IN_LINK = re.compile(
    r"(?:wa\.me/|t\.me/|[?&](?:phone|tel|number|mobile)=)"
    r"(?:\+|%2B|%20){0,3}([\d().-]{5,30})",
    re.IGNORECASE | re.ASCII,
)
_CHAT_ID = re.compile(
    r"(?<![\w-])\+?(\d{5,20})(?::\d{1,3})?@(?:c\.us|s\.whatsapp\.net)\b", re.ASCII
)
_MAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@"
    r"(?:lid\b|broadcast\b|newsletter\b|[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
)
# Excel's way to write 79990000112 when the column is narrow; Е may be Cyrillic.
_E_NOTATION = re.compile(
    r"(?<![\w.,])(\d)(?:[.,](\d{1,20}))?[eEеЕ]\+?(\d{1,2})(?!\w)", re.ASCII
)
# Digits that say themselves that they aren't a phone: extensions, dates, times,
# papers with a name, bank cards, the ".0" of a number that was a float.
_JUNK = re.compile(
    r"(?:\b(?:доб(?:ав\w{0,10})?|вн(?:утр\w{0,10})?|ext(?:ension)?)[ .:=№#]{0,4}|#\s?"
    r"|(?<=\d)\s?[xх*]\s?)\d{1,6}(?![ (-]{0,2}\d)"
    r"|(?<![\d.+/(-])(?:(?:19|20)\d\d[-./][01]\d[-./][0-3]\d"
    r"|[0-3]?\d[./][01]?\d[./](?:19|20)\d\d)(?![\d]|[-./]\d)"
    r"|(?<!\d)[0-2]?\d:[0-5]\d(?::[0-5]\d)?(?!\d)"
    r"|(?<!\w)(?:инн|кпп|огрн(?:ип)?|бик|снилс|окпо|р/с|к/с|inn|iban)"
    r"[ .:№#-]{0,4}[\d-]{4,24}"
    r"|(?<![\d+-])(?<!\d )\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?![\d]|[ -]\d)"
    r"|№\s?\d{1,9}(?![ (-]{0,2}\d)"
    r"|(?<=\d{10})\.0+(?![\d.])",
    re.IGNORECASE,
)
_SHORT = re.compile(r"\+?[\d ().-]+", re.ASCII)
_AMOUNT = re.compile(r"\d+\.\d{1,2}", re.ASCII)


def find_numbers(line: str, *, region: str) -> list[Found]:
    """Lists the numbers of a line, and what was surely meant to be one."""
    text = line if line.isascii() else line.translate(_MARKS)
    plain = text.strip(_ENDS)
    if _PLAIN.fullmatch(plain) and plain.count("(") == plain.count(")"):
        digits = plain if plain.isdigit() else NOT_DIGITS.sub("", plain)
        reading = match_number(digits, region=region, plus=plain[0] == "+")
        if reading:
            return [Found(line.strip(), reading)]
    spans = _scan(text, region)
    if len(text) == len(line):
        return [Found(line[s.start : s.end], s.reading, s.restored) for s in spans]
    at = [i for i, char in enumerate(line) if _MARKS.get(ord(char), "") is not None]
    return [
        Found(line[at[s.start] : at[s.end - 1] + 1], s.reading, s.restored)
        for s in spans
    ]


def _scan(text: str, region: str) -> list[Span]:
    spans: list[Span] = []

    def blank(match: re.Match[str]) -> str:
        return ";" * len(match[0])

    def link(match: re.Match[str]) -> str:
        phone = _PHONE_IN_LINK.search(match[0])
        if phone:
            digits = NOT_DIGITS.sub("", phone[1])
            reading = read_number(digits, region=region, plus=True)
            spans.append(Span(match.start(), match.end(), reading))
        return blank(match)

    def chat_id(match: re.Match[str]) -> str:
        reading = read_number(match[1], region=region, plus=True)
        spans.append(Span(match.start(), match.end(), reading))
        return blank(match)

    def e_notation(match: re.Match[str]) -> str:
        reading = _read_e_notation(match, region)
        if reading:
            restored = reading.is_kept
            spans.append(Span(match.start(), match.end(), reading, restored))
        return blank(match)

    if "/" in text:
        text = _LINK.sub(link, text)
    if "@" in text:
        text = _MAIL.sub(blank, _CHAT_ID.sub(chat_id, text))
    text = _E_NOTATION.sub(e_notation, text)
    text = _JUNK.sub(blank, text)
    spans.extend(read_runs(text, region))
    if not spans:
        only = text.strip(_ENDS)
        count = len(NOT_DIGITS.sub("", only))
        if count >= 5 and _SHORT.fullmatch(only) and not _AMOUNT.fullmatch(only):
            start = text.index(only)
            spans.append(
                Span(start, start + len(only), Reading(None, Reason.TOO_SHORT))
            )
    return sorted(spans, key=lambda span: span.start)


def _read_e_notation(match: re.Match[str], region: str) -> Reading | None:
    whole, fraction, exponent = match[1], match[2] or "", int(match[3])
    if not 8 <= exponent <= 14:
        return None
    if len(fraction) < exponent or fraction[exponent:].strip("0"):
        return Reading(None, Reason.DIGITS_LOST)
    return read_number(whole + fraction[:exponent], region=region)
