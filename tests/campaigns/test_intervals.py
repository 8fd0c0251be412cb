from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.intervals import wilson, wilson_with_open


# As published: Newcombe 1998, Agresti and Coull 1998, and the issue's own 20 of 20.
@pytest.mark.parametrize(
    ("successes", "count", "least", "most"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
        (17, 20, 0.6396, 0.9476),
    ],
)
def test_the_interval_is_as_published(
    successes: int, count: int, least: float, most: float
) -> None:
    found = wilson(successes, count)
    assert found.least == pytest.approx(least, abs=0.0001)
    assert found.most == pytest.approx(most, abs=0.0001)


@given(count=st.integers(1, 500), data=st.data())
def test_the_interval_holds_the_share_and_shrinks_with_more(
    count: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, count))
    found, more = wilson(successes, count), wilson(successes * 4, count * 4)
    share = successes / count
    assert 0 <= found.least <= share + 1e-12
    assert share - 1e-12 <= found.most <= 1
    assert more.most - more.least < found.most - found.least


def test_what_is_still_open_may_come_or_not() -> None:
    found = wilson_with_open(17, 20, 3)
    assert (round(found.least * 100), round(found.most * 100)) == (64, 100)
    assert wilson_with_open(17, 20, 0) == wilson(17, 20)
    nothing = wilson(0, 0)
    assert (nothing.least, nothing.most) == (0, 1)
