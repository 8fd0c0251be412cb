"""The same work with a thousand, a hundred thousand and ten million rows in the table.

Each size has a database of its own, made once and kept; `python -m benchmarks.growth
ROWS` measures one in a process of its own and prints what it found as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, at_most
from benchmarks.rig import API_S, open_rig

SIZES = (1_000, 100_000, 10_000_000)
QUICK_SIZES = (1_000, 100_000)
MESSAGES = 4_000
# Rows of the campaigns that only make the table long.
FILLER = 1_000_000


@dataclass(frozen=True)
class Measured:
    send_ms: float
    page_ms: float
    callback_ms: float


def measure(*, quick: bool) -> list[Figure]:
    """How much longer each takes with the most rows than with the fewest."""
    sizes = QUICK_SIZES if quick else SIZES
    found = [_in_a_process(size) for size in sizes]
    small, large = found[0], found[-1]
    return [
        Figure(
            f"growth {name}",
            getattr(large, f"{name}_ms"),
            f"ms at {sizes[-1]:,} rows",
            at_most(1.5, of_ratio=True),
            f"{sizes[0]:,} rows",
            getattr(small, f"{name}_ms"),
        )
        for name in ("send", "page", "callback")
    ]


def kept_folder(size: int) -> Path:
    """Where a database stays; a server that root starts cannot enter root's own."""
    own = Path(__file__).parent.parent / "var" / "bench"
    kept = Path("/var/tmp/campaigns-bench") if os.geteuid() == 0 else own
    return kept / f"rows-{size}"


def _in_a_process(size: int) -> Measured:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.growth", str(size)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _measure_one(size: int) -> Measured:
    with open_rig(delay_s=API_S, kept=kept_folder(size)) as rig:
        from benchmarks import callbacks, lists, rows, sending
        from campaigns.models import Message
        from tests.campaigns.browser import open_site

        while (there := Message.objects.count()) < size:
            rows.accepted(rows.line_of(7), min(FILLER, size - there))
        pace = asyncio.run(sending.send_all(rig, MESSAGES, start=0))
        shown = rows.running(rows.line_of(8), 1_000)

        async def look() -> list[float]:
            async with open_site() as site:
                return await lists.times(site, f"/campaigns/{shown.pk}/")

        page_ms = median(asyncio.run(look()))
        rate = callbacks.rate(rig, MESSAGES)
    return Measured(1000 / pace.per_s, page_ms, 1000 / rate)


if __name__ == "__main__":
    print(json.dumps(asdict(_measure_one(int(sys.argv[1])))))
