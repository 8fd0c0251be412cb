from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.charts import polyline, stack


def test_a_stack_shares_its_width_out_in_order() -> None:
    segments = stack([("a", 1), ("b", 0), ("c", 3)], width=101, least=2, gap=1)
    assert [(s.kind, s.count, s.x, s.width) for s in segments] == [
        ("a", 1, 0, 25),
        ("c", 3, 26, 75),
    ]


def test_one_in_a_million_is_still_seen() -> None:
    segments = stack([("read", 999_999), ("failed", 1)], width=600, least=6, gap=2)
    assert segments[1].width == 6
    assert segments[1].x + segments[1].width == pytest.approx(600, abs=0.1)


def test_nothing_has_no_segments() -> None:
    assert stack([("a", 0)], width=100) == []


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=200))
def test_a_stack_fills_its_width_and_never_overlaps(counts: list[int]) -> None:
    segments = stack([("x", count) for count in counts], width=600, least=6, gap=1)
    assert len(segments) == sum(count > 0 for count in counts)
    for left, right in pairwise(segments):
        assert left.x + left.width <= right.x
    if segments:
        assert segments[-1].x + segments[-1].width == pytest.approx(600, abs=0.1)


def test_a_polyline_runs_from_edge_to_edge_with_its_top_up() -> None:
    points = polyline([0, 5, 10], width=102, height=22, top=10)
    assert points == "1.0,21.0 51.0,11.0 101.0,1.0"


def test_one_value_is_a_level_line() -> None:
    assert polyline([4], width=102, height=22, top=4) == "1.0,1.0 101.0,1.0"


def test_nothing_at_all_lies_on_the_ground() -> None:
    assert polyline([0, 0], width=102, height=22, top=0) == "1.0,21.0 101.0,21.0"
