from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns import explanations, list_words, wording
from campaigns.explanations import explain
from campaigns.numbers import Reason
from campaigns.pacing import Duration
from campaigns.spreadsheets import Unreadable
from campaigns.states import CampaignStatus, MessageStatus, Pacing


def test_every_state_and_reason_has_its_words() -> None:
    assert set(wording.MESSAGES) == set(MessageStatus) == set(wording.LADDER)
    assert set(CampaignStatus) < set(wording.CAMPAIGNS)
    assert set(wording.NOT_POSSIBLE) == set(wording.CAMPAIGNS)
    assert set(wording.PACINGS) == set(Pacing)
    assert set(wording.REASONS) == set(Reason)
    assert set(list_words.UNREADABLE) == set(Unreadable)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.9, "1 min"),
        (45 * 60, "45 min"),
        (59 * 60 + 40, "1 h"),
        (7 * 3600 + 38 * 60 + 20, "7 h 38 min"),
        (24 * 3600 - 10, "1 day"),
        (25 * 3600, "1 day 1 h"),
        (76.2 * 3600, "3 days 4 h"),
    ],
)
def test_a_time_span_is_told_in_its_two_largest_units(
    seconds: float, words: str
) -> None:
    assert wording.time_span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("mean_s", "band_s", "words"),
    [
        (2722, 259, "about 45 min (± 4 min)"),
        (49.6, 0.4, "about 50 s"),
        (0, 0, "at once"),
    ],
)
def test_a_duration_names_its_band_where_there_is_one(
    mean_s: float, band_s: float, words: str
) -> None:
    lasting = Duration(timedelta(seconds=mean_s), timedelta(seconds=band_s))
    assert wording.duration(lasting) == words


def test_the_pause_is_told_by_its_bounds() -> None:
    assert wording.seconds_between(5, 50) == "5–50 s"
    assert wording.seconds_between(0.1, 0.5) == "0.1–0.5 s"
    assert wording.seconds_between(3, 3) == "3 s"


@pytest.mark.parametrize(
    "code",
    [
        *explanations.KNOWN,
        "http_418",
        "http_502",
        "refresh_not_reached",
        "log_in_unsure",
        "log_in_short_lived",
        "refresh_put_off",
        "refresh_pending",
    ],
)
def test_our_codes_are_explained(code: str) -> None:
    assert explain(code).endswith(".")


def test_a_code_of_chatapps_own_speaks_for_itself() -> None:
    assert explain("ApiChatNotFound") == ""


def test_a_request_that_left_is_not_called_refused() -> None:
    assert "left" in explain("http_503")
    assert "refused" in explain("http_400")
