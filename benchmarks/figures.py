"""A figure, its reference and its goal, as a line of the table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

HEAD = ("figure", "value", "unit", "reference", "value", "ratio", "goal", "")


class Bound(StrEnum):
    """Which way a goal points."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True)
class Goal:
    """What is promised: of the ratio to the reference, or of the value itself."""

    bound: Bound
    number: float
    of_ratio: bool

    def is_met(self, value: float) -> bool:
        if self.bound is Bound.AT_LEAST:
            return value >= self.number
        return value <= self.number

    def __str__(self) -> str:
        return f"{self.bound} {self.number:g}{' ×' if self.of_ratio else ''}"


@dataclass(frozen=True)
class Figure:
    """A measured value; without a reference only an absolute goal can be judged."""

    name: str
    value: float
    unit: str
    goal: Goal
    reference: str = ""
    reference_value: float | None = None
    # Between which the reference is on a machine on which the goal is meant.
    usual: tuple[float, float] | None = None

    @property
    def ratio(self) -> float | None:
        if not self.reference_value:
            return None
        return self.value / self.reference_value

    @property
    def is_judged(self) -> bool:
        """Whether the goal says something of this machine at this hour."""
        if self.usual is None or self.reference_value is None:
            return True
        least, most = self.usual
        return least <= self.reference_value <= most

    @property
    def is_met(self) -> bool:
        judged = self.ratio if self.goal.of_ratio else self.value
        return judged is not None and self.goal.is_met(judged)

    @property
    def cells(self) -> tuple[str, ...]:
        beside = "" if self.reference_value is None else _number(self.reference_value)
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        said = "met" if self.is_met else "missed"
        if not self.is_judged:
            said = "not judged: the reference is out of its usual band"
        return (
            self.name,
            _number(self.value),
            self.unit,
            self.reference,
            beside,
            ratio,
            str(self.goal),
            said,
        )


def at_least(number: float, *, of_ratio: bool = False) -> Goal:
    return Goal(Bound.AT_LEAST, number, of_ratio)


def at_most(number: float, *, of_ratio: bool = False) -> Goal:
    return Goal(Bound.AT_MOST, number, of_ratio)


def table(figures: list[Figure]) -> str:
    """The figures below one another, the columns aligned."""
    rows = [HEAD, *(figure.cells for figure in figures)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of them lies."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
