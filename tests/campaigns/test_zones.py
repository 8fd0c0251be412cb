from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers.tzdata import TIMEZONE_DATA

from campaigns.rules import HOUSE, ZONE_MARK
from campaigns.zones import _choose, zone_of

ALL_ZONES = available_timezones()
HOUSES = ["Europe/Moscow", "Asia/Yekaterinburg", "Europe/Berlin", "America/New_York"]


@pytest.mark.parametrize(
    ("phone", "house", "zone"),
    [
        # A Russian mobile number tells no city.
        ("+79031234567", "Europe/Moscow", HOUSE),
        ("+79031234567", "Asia/Yekaterinburg", HOUSE),
        ("+79031234567", "Europe/Berlin", "Europe/Kaliningrad|Asia/Kamchatka"),
        # Nor is a house of these named, but their clock is.
        ("+79031234567", "Europe/Saratov", HOUSE),
        ("+79031234567", "Asia/Tomsk", HOUSE),
        ("+79031234567", "Europe/Volgograd", HOUSE),
        ("+79031234567", "Europe/Kaliningrad", HOUSE),
        ("+74012123456", "Europe/Moscow", "Europe/Kaliningrad"),
        ("+40211234567", "Europe/Moscow", "Europe/Bucharest"),
        ("+73432123456", "Europe/Moscow", "Asia/Yekaterinburg"),
        ("+74951234567", "Europe/Moscow", HOUSE),
        ("+4915112345678", "Europe/Moscow", "Europe/Berlin"),
        ("+14155551234", "Europe/Moscow", "America/Los_Angeles"),
        ("+380501234567", "Europe/Moscow", "Europe/Kyiv"),
        # Numbers that begin alike, but with other digits behind, are none.
        ("+35696961232", "Europe/Moscow", "Europe/Malta"),
        # In summer Phoenix is an hour behind Denver.
        ("+19282831234", "Europe/Moscow", "America/Phoenix|America/Denver"),
        # Not even the country's is known.
        ("+972501234567", "Europe/Moscow", HOUSE),
        ("+80012345678", "Europe/Moscow", HOUSE),
    ],
)
def test_the_zone_is_as_much_as_the_number_tells(
    phone: str, house: str, zone: str
) -> None:
    assert zone_of(phone, house=house) == zone


@given(digits=st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True))
def test_every_number_has_an_answer_that_this_computer_knows(digits: str) -> None:
    for house in HOUSES:
        zone = zone_of(f"+{digits}", house=house)
        assert house not in zone.split(ZONE_MARK)
        assert len(zone) <= 80
        for name in filter(None, zone.split(ZONE_MARK)):
            ZoneInfo(name)


def test_no_zone_is_further_out_than_the_outermost_in_any_month() -> None:
    for names in set(TIMEZONE_DATA.values()):
        known = [name for name in names if name in ALL_ZONES]
        outermost = _choose(tuple(known), "Antarctica/Troll").split(ZONE_MARK)
        for month in range(1, 13):
            at = datetime(2026, month, 15, tzinfo=UTC)
            known_ends, ends = _ends(known, at), _ends(outermost, at)
            assert known_ends == ends, names


def _ends(names: Sequence[str], at: datetime) -> tuple[timedelta, timedelta]:
    clocks = [at.astimezone(ZoneInfo(n)).utcoffset() or timedelta() for n in names]
    return min(clocks), max(clocks)


@given(
    beginning=st.sampled_from(["+7", "+1", "+49", "+976", "+62", "+55"]),
    rest=st.from_regex(r"[0-9]{9,10}", fullmatch=True),
)
def test_what_is_remembered_is_what_the_whole_number_says(
    beginning: str, rest: str
) -> None:
    """Numbers that begin alike are looked up once."""
    from phonenumbers import parse
    from phonenumbers.timezone import time_zones_for_number

    names = time_zones_for_number(parse(beginning + rest))
    zone = zone_of(beginning + rest, house="Antarctica/Troll")
    if len(names) == 1 and names[0] != "Etc/Unknown":
        assert zone == names[0]
