"""One phone number: digits in, E.164 or the reason why not out."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberType


class Reason(StrEnum):
    """Why a number or a line is named on the receipt; the value is stored."""

    DOUBLE = "double"
    NOT_A_NUMBER = "not_a_number"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    INVALID = "invalid"
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    SERVICE = "service"
    DIGITS_LOST = "digits_lost"
    EMPTY = "empty"
    GOT_LATELY = "got_lately"  # another campaign, within the cooling-off time
    ON_STOP_LIST = "on_stop_list"
    VALUE_MISSING = "value_missing"
    TEXT_TOO_LONG = "text_too_long"
    LANDLINE = "landline"
    RESTORED = "restored"
    CORRECTED = "corrected"


KEPT: frozenset[Reason] = frozenset(
    {Reason.LANDLINE, Reason.RESTORED, Reason.CORRECTED}
)
"""Reasons that name a number without refusing it."""


class Reading(NamedTuple):
    """What digits say: a phone that is kept, or one that is refused and why.

    `phone` is also set for refused numbers that exist (toll-free and the like).
    """

    phone: str | None
    reason: Reason | None

    @property
    def is_kept(self) -> bool:
        return self.phone is not None and (self.reason is None or self.reason in KEPT)


LONGEST_PHONE = 16
"""E.164 has 15 digits at most, behind a plus."""

MAX_DIGITS = 18
"""An international prefix such as 810 adds three."""

# Wherever a voice call arrives WhatsApp Business can be registered, so office
# numbers (UAN) and internet telephony count as landlines. A personal number
# (+1 500, 8 808) only forwards, at the caller's cost, and is refused.
_REASONS: dict[int, Reason | None] = {
    PhoneNumberType.MOBILE: None,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: None,
    PhoneNumberType.FIXED_LINE: Reason.LANDLINE,
    PhoneNumberType.VOIP: Reason.LANDLINE,
    PhoneNumberType.UAN: Reason.LANDLINE,
    PhoneNumberType.TOLL_FREE: Reason.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: Reason.PREMIUM,
    PhoneNumberType.SHARED_COST: Reason.PREMIUM,
    PhoneNumberType.PERSONAL_NUMBER: Reason.SERVICE,
    PhoneNumberType.PAGER: Reason.SERVICE,
    PhoneNumberType.VOICEMAIL: Reason.SERVICE,
}

# The Russian plan gives all of +7 9xx to mobiles; phonenumbers lists only what
# was assigned at its release (parts of 930 are missing), so it would refuse
# real customers. Everywhere else phonenumbers' word on validity is final.
_RUSSIAN_MOBILE = re.compile(r"79\d{9}")
_RUSSIAN_MOBILE_AT_HOME = re.compile(r"[78]?9\d{9}")


class Home(NamedTuple):
    """The plan of the region whose national numbers need no country code."""

    code: str
    trunk: str
    shortest: int
    lengths: frozenset[int]  # of what can be dialled there, empty: not known
    abroad: re.Pattern[str]


_NOWHERE = Home("", "", 8, frozenset(), re.compile(r"(?!)"))


@lru_cache(maxsize=64)
def home_of(region: str) -> Home:
    """Looks up a region; an unknown one has no national numbers."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None:
        return _NOWHERE
    trunk = metadata.national_prefix or ""
    lengths: set[int] = set()
    # Some regions (Brazil) rewrite numbers by more than a prefix: any length goes.
    if metadata.national_prefix_for_parsing in (None, trunk):
        national = _lengths(metadata)
        lengths = {n + extra for n in national for extra in (0, len(trunk))}
    usual = [
        length
        for desc in (metadata.mobile, metadata.fixed_line)
        if desc is not None
        for length in desc.possible_length
        if length > 0
    ]
    return Home(
        str(metadata.country_code),
        trunk,
        max(7, min(usual, default=8)),
        frozenset(lengths),
        re.compile(metadata.international_prefix or r"(?!)"),
    )


@lru_cache(maxsize=1024)
def _lengths_abroad(code: int) -> frozenset[int]:
    """Lengths that numbers have behind a country code."""
    return frozenset(
        length
        for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
        if (metadata := PhoneMetadata.metadata_for_region_or_calling_code(code, region))
        for length in _lengths(metadata)
    )


def _lengths(metadata: PhoneMetadata) -> tuple[int, ...]:
    return metadata.general_desc.possible_length if metadata.general_desc else ()


def match_number(digits: str, *, region: str, plus: bool = False) -> Reading | None:
    """Reads ASCII digits, None if no such number exists; `plus`: a code leads.

    Without plus they are read as the region's own number with country code, then
    as a national one with trunk prefix, then as a national mobile, then (from 11
    digits on) as foreign with the plus left out, then as any national number.
    """
    if region == "RU" and not plus and _RUSSIAN_MOBILE_AT_HOME.fullmatch(digits):
        return Reading("+7" + digits[-10:], None)
    return _match(digits, region, plus) if 5 <= len(digits) <= MAX_DIGITS else None


# One line asks for the same digits up to three times; more is not worth keeping.
@lru_cache(maxsize=256)
def _match(digits: str, region: str, plus: bool) -> Reading | None:
    if plus or digits.startswith("00"):
        abroad = digits if plus else digits[2:]
        return _international(abroad) or _national(abroad, region, trunk_only=True)
    at_home = _international(digits) if _leads(home_of(region).code, digits) else None
    at_home = at_home or _national(digits, region, trunk_only=True)
    if at_home:
        return at_home
    # China's mobiles are dialled without a trunk prefix and look American.
    national = _national(digits, region)
    if national and national.reason is None:
        return national
    return _foreign(digits) or national


def read_number(digits: str, *, region: str, plus: bool = False) -> Reading:
    """Reads ASCII digits as `match_number` does, or says what is wrong with them."""
    matched = match_number(digits, region=region, plus=plus)
    if matched:
        return matched
    if not 5 <= len(digits) <= MAX_DIGITS:
        return Reading(None, Reason.TOO_SHORT if len(digits) < 5 else Reason.TOO_LONG)
    if not plus and digits.startswith("00"):
        digits, plus = digits[2:], True
    home = home_of(region)
    if plus or _leads(home.code, digits):
        return Reading(None, _what_is_wrong("+" + digits, digits))
    # 8 999 000 010 has ten digits, but the first is the trunk prefix.
    bare = digits.removeprefix(home.trunk)
    return Reading(None, _what_is_wrong(home.code and f"+{home.code}{bare}", bare))


def is_sure(digits: str, *, region: str) -> bool:
    """Whether no further digit can belong to this number."""
    return region == "RU" and len(digits) == 11 and digits[:2] in ("79", "89")


def _parse(text: str, region: str | None) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except NumberParseException:
        return None


def _classify(number: phonenumbers.PhoneNumber) -> Reading | None:
    kind = phonenumbers.number_type(number)
    if kind not in _REASONS:
        return None
    phone = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    # Germany's plan lets two more digits stand behind the code than E.164 has.
    return Reading(phone, _REASONS[kind]) if len(phone) <= LONGEST_PHONE else None


def _leads(prefix: str, digits: str) -> bool:
    return bool(prefix) and digits.startswith(prefix)


def _international(digits: str) -> Reading | None:
    if _RUSSIAN_MOBILE.fullmatch(digits):
        return Reading("+" + digits, None)
    number = _parse("+" + digits, None)
    return _classify(number) if number else None


def _foreign(digits: str) -> Reading | None:
    if len(digits) < 11 or not any(
        len(digits) - size in _lengths_abroad(int(digits[:size])) for size in (1, 2, 3)
    ):
        return None
    reading = _international(digits)
    # 460701234567 could be a bar code: only a dropped trunk zero makes it Swedish.
    return reading if reading and reading.phone == "+" + digits else None


def _national(digits: str, region: str, *, trunk_only: bool = False) -> Reading | None:
    home = home_of(region)
    if trunk_only and not _leads(home.trunk, digits):
        return None
    if (
        home.lengths
        and len(digits) not in home.lengths
        and not home.abroad.match(digits)
    ):
        return None
    number = _parse(digits, region)
    if number is None:
        return None
    if trunk_only and len(str(number.national_number)) >= len(digits):
        return None
    return _classify(number)


def _what_is_wrong(international: str, digits: str) -> Reason:
    """Compares the length with what mobiles of that country have."""
    number = _parse(international, None) if international else None
    metadata = (
        PhoneMetadata.metadata_for_region(
            phonenumbers.region_code_for_country_code(number.country_code)
        )
        if number and number.country_code
        else None
    )
    if number is None or metadata is None or metadata.mobile is None:
        if len(digits) < 9:
            return Reason.TOO_SHORT
        return Reason.TOO_LONG if len(digits) > 15 else Reason.INVALID
    lengths = [n for n in metadata.mobile.possible_length if n > 0]
    length = len(phonenumbers.national_significant_number(number))
    if lengths and length < min(lengths):
        return Reason.TOO_SHORT
    if lengths and length > max(lengths):
        return Reason.TOO_LONG
    return Reason.INVALID
