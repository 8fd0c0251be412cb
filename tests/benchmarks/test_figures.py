from __future__ import annotations

import pytest

from benchmarks.figures import Figure, Goal, at_least, at_most, percentile, table


@pytest.mark.parametrize(
    ("goal", "value", "reference", "is_met"),
    [
        (at_least(100), 100, None, True),
        (at_least(100), 99.9, None, False),
        (at_most(25), 25, None, True),
        (at_most(25), 26, None, False),
        (at_least(0.7, of_ratio=True), 70, 100, True),
        (at_least(0.7, of_ratio=True), 69, 100, False),
        (at_most(2, of_ratio=True), 19, 10, True),
        (at_most(2, of_ratio=True), 21, 10, False),
        # Without its reference a ratio cannot be judged.
        (at_least(0.7, of_ratio=True), 70, None, False),
        (at_least(0.7, of_ratio=True), 70, 0, False),
    ],
)
def test_a_goal_is_of_the_value_or_of_its_ratio(
    goal: Goal, value: float, reference: float | None, is_met: bool
) -> None:
    figure = Figure("send", value, "messages/s", goal, "bare loop", reference)
    assert figure.is_met == is_met
    assert figure.cells[-1] == ("met" if is_met else "missed")


def test_the_table_has_a_line_for_each_figure() -> None:
    told = table(
        [
            Figure("send", 1234.5, "messages/s", at_least(1), "bare loop", 2000),
            Figure("start", 0.0195, "s", at_most(0.2)),
        ]
    ).splitlines()
    assert len(told) == 3
    assert told[1].split() == [
        *("send", "1,234", "messages/s", "bare", "loop", "2,000", "0.62", "≥", "1"),
        "met",
    ]
    assert told[2].split() == ["start", "0.0195", "s", "≤", "0.2", "met"]


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 0.95) == 96
    assert percentile([3.0], 0.99) == 3


@pytest.mark.parametrize(
    ("reference", "said"), [(1.2, "missed"), (9.0, "not judged: the reference is")]
)
def test_a_goal_is_not_judged_on_a_machine_it_is_not_meant_for(
    reference: float, said: str
) -> None:
    figure = Figure(
        "send_cpu", 2, "ms", at_most(1), "bare", reference, usual=(0.5, 1.6)
    )
    assert figure.cells[-1].startswith(said)
