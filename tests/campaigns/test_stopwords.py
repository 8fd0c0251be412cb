from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.stopwords import find_stop_word

WORDS = ["СТОП", "STOP", "отписаться", "не писать"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("СТОП", "СТОП"),
        ("стоп", "СТОП"),
        ("  Стоп!!!\n", "СТОП"),
        ("«Stop».", "STOP"),
        ("стоп 🙏", "СТОП"),
        ("Отписаться", "отписаться"),
        ("не \n писать…", "не писать"),
    ],
)
def test_the_whole_message_must_be_the_word(text: str, word: str) -> None:
    assert find_stop_word(text, WORDS) == word


@pytest.mark.parametrize(
    "text",
    ["", "  ", "!!!", "стоп, а сколько стоит?", "нестоп", "st op", "не писать мне"],
)
def test_any_other_message_is_none(text: str) -> None:
    assert find_stop_word(text, WORDS) is None


def test_a_word_of_signs_alone_is_a_word_too() -> None:
    assert find_stop_word(" 🛑 ", ["🛑"]) == "🛑"


def test_what_is_stored_is_short_whatever_the_setting_is() -> None:
    assert len(find_stop_word("стоп", ["стоп" + "!" * 1000]) or "") == 100


@given(st.text(), st.lists(st.text(), max_size=3))
def test_it_finds_only_what_was_asked_for(text: str, words: list[str]) -> None:
    found = find_stop_word(text, words)
    assert found is None or any(word.startswith(found) for word in words)
