"""Measures, and prints the table: `make bench`; QUICK=1, ARGS="send list"."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

from benchmarks import growth
from benchmarks.figures import Figure, table
from benchmarks.rig import API_S, Rig, open_rig


def main(asked: list[str]) -> int:
    """The exit code: 0 if every goal of what was measured is met."""
    quick = bool(os.environ.get("QUICK"))
    figures: list[Figure] = []

    def add(more: list[Figure]) -> None:
        figures.extend(more)
        # Long work shows progress, and keeps what it has when it is broken off.
        print(table(more), flush=True)

    with open_rig(delay_s=API_S) as rig:
        for topic, measure in _topics(quick=quick).items():
            if not asked or topic in asked:
                add(measure(rig))
    if not asked or "growth" in asked:
        add(growth.measure(quick=quick))
    print(f"\n{table(figures)}")
    return int(any(figure.is_judged and not figure.is_met for figure in figures))


def _topics(*, quick: bool) -> Mapping[str, Callable[[Rig], list[Figure]]]:
    # Once Django is set up.
    from benchmarks import callbacks, exports, lists, processes, sending, workers
    from benchmarks.peers import race

    count = 2_000 if quick else 20_000
    rows = 100_000 if quick else 1_000_000
    return {
        "send": lambda rig: sending.measure(rig, count),
        "workers": lambda rig: workers.measure(rig, count // 4),
        "peers": lambda rig: race.measure(rig, count // 4),
        "list": lambda _: lists.measure(rows),
        "callbacks": lambda rig: callbacks.measure(rig, count // 4),
        "export": lambda rig: exports.measure(rig, rows),
        "processes": lambda rig: processes.measure(rig, 200 if quick else 1_000),
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
