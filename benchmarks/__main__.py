"""Measures, and prints the table: `make bench`, `QUICK=1 make bench`."""

from __future__ import annotations

import os
import sys

from benchmarks import growth
from benchmarks.figures import Figure, table
from benchmarks.rig import API_S, open_rig


def main(asked: list[str]) -> int:
    """The exit code: 0 if every goal of what was measured is met."""
    quick = bool(os.environ.get("QUICK"))
    figures: list[Figure] = []
    with open_rig(delay_s=API_S) as rig:
        from benchmarks import callbacks, exports, lists, processes, sending, workers
        from benchmarks.peers import race

        count = 2_000 if quick else 20_000
        if not asked or "send" in asked:
            figures += sending.measure(rig, count)
        if not asked or "workers" in asked:
            figures += workers.measure(rig, count // 4)
        if not asked or "peers" in asked:
            figures += race.measure(rig, count // 4)
        if not asked or "list" in asked:
            figures += lists.measure(100_000 if quick else 1_000_000)
        if not asked or "callbacks" in asked:
            figures += callbacks.measure(rig, count // 4)
        if not asked or "export" in asked:
            figures += exports.measure(rig, 100_000 if quick else 1_000_000)
        if not asked or "processes" in asked:
            figures += processes.measure(rig, 200 if quick else 1_000)
    if not asked or "growth" in asked:
        figures += growth.measure(quick=quick)
    print(table(figures))
    return int(not all(figure.is_met for figure in figures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
