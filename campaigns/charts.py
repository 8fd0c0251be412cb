"""Numbers in, shapes out: what the charts on the pages are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Segment:
    """A piece of a stacked bar, in the units of its width."""

    kind: str
    count: int
    x: float
    width: float


def stack(
    parts: Sequence[tuple[str, int]],
    *,
    width: float,
    least: float = 4,
    gap: float = 1,
) -> list[Segment]:
    """Lays the parts side by side over `width`, in their order, without empty ones.

    A part is at least `least` wide, so that one in a million is seen; the others give
    way in proportion to what they have.
    """
    filled = [(kind, count) for kind, count in parts if count > 0]
    if not filled:
        return []
    room = width - gap * (len(filled) - 1)
    least = min(least, room / len(filled))
    spare = room - least * len(filled)
    total = sum(count for _, count in filled)
    # Of its fair share each part has the least already; the rest is shared out.
    wants = [max(count / total * room - least, 0.0) for _, count in filled]
    wanted = sum(wants)
    segments, x = [], 0.0
    for (kind, count), want in zip(filled, wants, strict=True):
        wide = least + (spare * want / wanted if wanted else 0.0)
        segments.append(Segment(kind, count, round(x, 2), round(wide, 2)))
        x += wide + gap
    return segments


def polyline(
    values: Sequence[int], *, width: float, height: float, top: int, inset: float = 1
) -> str:
    """The `points` of an SVG polyline, from left to right, `top` at the upper edge.

    `inset` keeps the stroke inside the picture. A single value is a level line.
    """
    if len(values) == 1:
        values = [values[0], values[0]]
    step = (width - 2 * inset) / max(len(values) - 1, 1)
    scale = (height - 2 * inset) / max(top, 1)
    return " ".join(
        f"{inset + number * step:.1f},{height - inset - value * scale:.1f}"
        for number, value in enumerate(values)
    )
