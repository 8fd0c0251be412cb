from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.texts import (
    BadText,
    MissingValue,
    TextFault,
    Variable,
    fold,
    read_template,
)


def render(text: str, seed: str = "t", **fields: str) -> str:
    return read_template(text).render(fields, seed=seed)


@pytest.mark.parametrize(
    "text",
    [
        "Привет 🙂",
        "",
        "a | b",
        "[x] и [y]",
        "[",
        "]",
        "[]",
        "скидка [только сегодня]",
        "x|y]",
        "line\nbreak",
        "[a [b] c]",
    ],
)
def test_a_text_without_variables_stays_as_it_is(text: str) -> None:
    assert render(text) == text
    assert read_template(text).names == {}


def test_a_variable_stands_for_the_rows_value() -> None:
    assert render("Привет, {name}!", name="Анна") == "Привет, Анна!"
    assert render("{ Name }, {NAME}", name="Анна") == "Анна, Анна"
    assert (
        read_template("{ваш  Город}").render({"ваш город": "Тула"}, seed="") == "Тула"
    )


def test_a_fallback_stands_in_where_the_row_has_none() -> None:
    assert render("Hi {name|friend}") == "Hi friend"
    assert render("Hi {name|friend}", name="") == "Hi friend"
    assert render("Hi {name|friend}", name="Ann") == "Hi Ann"
    assert render("Hi{name|}!") == "Hi!"


def test_without_either_nothing_is_made() -> None:
    with pytest.raises(MissingValue) as caught:
        render("Hi {Name}", name="")
    assert caught.value.name == "Name"
    template = read_template("{a} {b|x} {c} {c|y}")
    assert template.missing({"a": ""}) == ["a", "c"]
    assert template.missing({"a": "1", "c": "2"}) == []


def test_a_value_is_never_read_as_a_text() -> None:
    assert render("{name}", name="{other} [a|b] {{") == "{other} [a|b] {{"


def test_doubled_brackets_are_brackets() -> None:
    assert render("{{name}} {{") == "{name} {"


@pytest.mark.parametrize(
    ("text", "fault", "near"),
    [
        ("Hi {name", TextFault.UNCLOSED, "{name"),
        ("Hi name}", TextFault.UNCLOSED, "Hi name}"),
        ("{a{b}", TextFault.UNCLOSED, "{a{b}"),
        ("{}", TextFault.NO_NAME, "{}"),
        ("{ |x}", TextFault.NO_NAME, "{ |x}"),
        ("{" + "n" * 61 + "}", TextFault.NO_NAME, "{" + "n" * 39),
        ("[Hi|Hello, you", TextFault.UNCLOSED_VARIANTS, "[Hi|Hello, you"),
        ("[Hi|Hello [a|b]", TextFault.UNCLOSED_VARIANTS, "[Hi|Hello [a|b]"),
    ],
)
def test_brackets_that_do_not_fit_are_named(
    text: str, fault: TextFault, near: str
) -> None:
    with pytest.raises(BadText) as caught:
        read_template(text)
    assert (caught.value.fault, caught.value.near) == (fault, near)


def test_of_variants_each_is_drawn_and_the_same_seed_draws_the_same() -> None:
    text = "[Hi|Hello, {name}|Good day, {name|you}], today"
    seen = {render(text, str(seed), name="Ann") for seed in range(60)}
    assert seen == {"Hi, today", "Hello, Ann, today", "Good day, Ann, today"}
    assert render(text, "7", name="Ann") == render(text, "7", name="Ann")
    template = read_template(text)
    assert template.variant_count == 3
    assert template.names == {"name": "name"}
    assert template.longest({"name": "Ann"}) == len("Good day, Ann, today")


def test_a_variant_may_be_empty_and_hold_a_fallback_with_a_bar() -> None:
    assert {render("a[|b]", str(seed)) for seed in range(30)} == {"a", "ab"}
    assert {render("[{x|y}|z]", str(seed)) for seed in range(30)} == {"y", "z"}


@given(st.text())
def test_any_text_is_read_or_refused_and_never_sent_half_read(text: str) -> None:
    try:
        template = read_template(text)
    except BadText:
        return
    fields = dict.fromkeys(template.names, "v")
    made = template.render(fields, seed="s")
    assert len(made) <= template.longest(fields)
    if not set(text) & set("{}[]|"):
        assert made == text


@given(st.text(), st.text())
def test_names_are_compared_without_case_and_space(before: str, after: str) -> None:
    assert fold(f" {before}  {after} ") == fold(f"{before} {after}")


def test_the_parts_are_what_was_written() -> None:
    template = read_template("{a|b}")
    assert template.parts == ((((Variable("a", "b")),),),)
