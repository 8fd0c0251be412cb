from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.alikeness import measure, with_variants
from campaigns.texts import BadText, read_template


def test_the_very_same_text_is_wholly_alike_and_risky() -> None:
    found = measure(["Sale until Friday, come in"] * 25)
    assert found is not None
    assert (found.percent, found.different, found.looked_at) == (100, 1, 20)
    assert found.is_same and found.is_risky


def test_a_name_alone_hardly_makes_a_text_another() -> None:
    body = "we have a sale of all winter shoes until Friday evening, do come in and see"
    names = ["Anna", "Boris", "Vera", "Gleb"]
    found = measure([f"{name}, {body}" for name in names])
    assert found is not None
    assert not found.is_same
    assert 80 <= found.percent < 90


def test_texts_of_their_own_are_not_alike() -> None:
    found = measure(["Your order 17 is ready", "We moved to the Arbat", "See you soon"])
    assert found is not None
    assert found.percent == 0
    assert not found.is_risky


def test_one_text_is_like_no_other() -> None:
    assert measure(["Hello"]) is None
    assert measure([]) is None


@given(st.lists(st.text(max_size=30), min_size=2, max_size=6))
def test_likeness_is_a_share(texts: list[str]) -> None:
    found = measure(texts)
    assert found is not None
    assert 0 <= found.alike <= 1
    assert 1 <= found.different <= found.looked_at


@pytest.mark.parametrize(
    ("text", "varied"),
    [
        (
            "Здравствуйте, {имя}! Скидка.",
            "[Здравствуйте|Добрый день|Приветствуем], {имя}! Скидка.",
        ),
        ("Ну привет", "Ну [привет|здравствуйте|добрый день]"),
        ("Hello! Thanks", "[Hello|Hi|Good day]! [Thanks|Thank you|Many thanks]"),
        # What has variants, or is a variable, stays as it is.
        ("[Hello|Hi], {hello}", None),
        ("Приветливый магазин", None),
        ("Скидка 20 %", None),
    ],
)
def test_known_words_get_others_beside_them(text: str, varied: str | None) -> None:
    assert with_variants(text) == varied


@given(st.text(alphabet="Привет hello{}[]|, \n", max_size=40))
def test_a_text_that_can_be_read_can_be_read_with_variants(text: str) -> None:
    try:
        read_template(text)
    except BadText:
        return
    varied = with_variants(text)
    if varied is not None:
        assert read_template(varied).variant_count > 1
