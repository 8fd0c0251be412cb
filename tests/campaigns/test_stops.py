from __future__ import annotations

import pytest

from campaigns import stops
from campaigns.models import StopEntry
from campaigns.stops import (
    add_to_stop_list,
    read_stop_list,
    remove_from_stop_list,
)

pytestmark = pytest.mark.django_db
PHONE = "+79031234567"


def added(*phones: str, operator: str = "anna", reason: str = "") -> int:
    return add_to_stop_list(phones=phones, operator=operator, reason=reason)


def test_who_came_first_and_why_is_kept() -> None:
    assert added(PHONE, operator="anna", reason="asked by phone") == 1
    assert added(PHONE, "+79031234568", PHONE, operator="boris") == 1
    entry = StopEntry.objects.get(phone=PHONE)
    assert (entry.added_by, entry.reason) == ("anna", "asked by phone")


def test_many_are_added_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stops, "CHUNK", 3)
    phones = [f"+7903000000{n}" for n in range(8)]
    assert added(*phones[4:]) == 4
    assert added(*phones) == 4
    assert StopEntry.objects.count() == 8


def test_removing_twice_removes_once() -> None:
    added(PHONE)
    assert remove_from_stop_list(phone=PHONE, operator="anna")
    assert not remove_from_stop_list(phone=PHONE, operator="anna")
    assert not StopEntry.objects.exists()


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", 3),
        ("+7 903 123-45-67", 1),
        ("8 (903) 123-45-67", 1),
        ("903", 2),
        ("+903", 0),
        ("+7903", 2),
        ("8903", 2),
        ("4567", 2),
        ("234567", 1),
        ("567", 0),
        ("9" * 40, 0),
        ("nobody", 0),
    ],
)
def test_a_phone_is_found_by_all_its_beginning_or_its_end(
    search: str, found: int
) -> None:
    added(PHONE, "+79039999999", "+380501114567")
    listed = read_stop_list(search=search, region="RU")
    assert (listed.count, len(listed.entries)) == (found, found)


def test_pages_go_by_key_and_lose_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stops, "PAGE", 3)
    added(*(f"+7903000000{n}" for n in range(7)))
    seen, before = [], None
    while True:
        page = read_stop_list(before=before, region="RU")
        assert page.count == 7
        seen += [entry.phone for entry in page.entries]
        before = page.older
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 7
