from __future__ import annotations

import pytest

from campaigns import phone_search
from campaigns.phone_search import find_in_campaign, seek
from chatapp.models import Line
from tests.campaigns import lists


@pytest.mark.parametrize(
    ("typed", "whole", "beginnings", "ending"),
    [
        ("+7 999 000-00-01", ["+79990000001"], ["+79990000001"], ""),
        (
            "8 (999) 000-00-01",
            ["+79990000001"],
            ["+89990000001", "+789990000001", "+79990000001"],
            "89990000001",
        ),
        ("0001", [], ["+0001", "+70001"], "0001"),
        ("999", [], ["+999", "+7999"], ""),
        ("+7999", [], ["+7999"], ""),
        ("", [], [], ""),
        ("Anna", [], [], ""),
        ("1" * 19, [], [], ""),
        ("\u0663\u0663\u0663\u0663", [], [], ""),
    ],
)
def test_it_reads_all_that_may_be_meant(
    typed: str, whole: list[str], beginnings: list[str], ending: str
) -> None:
    sought = seek(typed, region="RU")
    assert list(sought.whole) == whole
    assert list(sought.beginnings) == beginnings
    assert sought.ending == ending
    assert bool(sought) == bool(whole or beginnings or ending)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("+79990000001", ["01"]),
        ("8 999 000 00 01", ["01"]),
        ("999000001", ["10", "11"]),
        ("0001", ["01"]),
        ("00011", ["11"]),
        ("10011", []),
        ("+8", []),
        ("+99", []),
    ],
)
@pytest.mark.django_db
def test_a_phone_is_found_by_all_the_beginning_or_the_end(
    line: Line, typed: str, found: list[str]
) -> None:
    campaign = lists.draft(line, 12)
    lists.draft(line, 12, start=0)
    messages = find_in_campaign(campaign, seek(typed, region="RU")).messages
    assert [message.phone[-2:] for message in messages] == found
    assert {message.campaign_id for message in messages} <= {campaign.pk}


@pytest.mark.django_db
def test_more_than_it_shows_is_said(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phone_search, "MOST_FOUND", 5)
    campaign = lists.draft(line, 6)
    found = find_in_campaign(campaign, seek("7999", region="RU"))
    assert (len(found.messages), found.is_cut) == (5, True)
    found = find_in_campaign(campaign, seek("0003", region="RU"))
    assert (len(found.messages), found.is_cut) == (1, False)


@pytest.mark.parametrize("start", ["+9", "+99", "+79", "+1"])
def test_a_beginning_is_a_range_that_holds_all_of_it(start: str) -> None:
    told: dict[str, str] = dict(phone_search._begins_with(start).children)  # type: ignore[arg-type]
    upper = told.get("phone__lt")
    for rest in ("", "0", "9" * 10):
        phone = start + rest
        assert phone >= told["phone__gte"]
        assert upper is None or phone < upper
    assert upper is None or not start.startswith(upper)
