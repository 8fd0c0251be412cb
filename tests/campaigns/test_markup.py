from __future__ import annotations

import time

import pytest

from campaigns.markup import render


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a *bold* word", "a <strong>bold</strong> word"),
        ("*bold*, _italic_!", "<strong>bold</strong>, <em>italic</em>!"),
        ("~old~ *_both_*", "<s>old</s> <strong><em>both</em></strong>"),
        ("```two\nlines```", "<code>two\nlines</code>"),
        ("`code *not bold*`", "<code>code *not bold*</code>"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("snake_case_name 5*3*2", "snake_case_name 5*3*2"),
        ("*not\nover lines*", "*not\nover lines*"),
        ('<b>& "', "&lt;b&gt;&amp; &quot;"),
        ("*<i>*", "<strong>&lt;i&gt;</strong>"),
        (
            "see https://a.b/_x_?q=<s>",
            'see <span class="link">https://a.b/_x_?q=&lt;s&gt;</span>',
        ),
        ("", ""),
    ],
)
def test_a_text_looks_as_on_a_phone(text: str, html: str) -> None:
    assert render(text) == html


@pytest.mark.parametrize("text", ["*a " * 1_365, "*_~" * 1_365, "`" * 4_096])
def test_the_worst_text_is_shown_soon(text: str) -> None:
    began = time.perf_counter()
    render(text)
    assert time.perf_counter() - began < 2
