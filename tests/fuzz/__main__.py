"""Fuzzes the readers one after another: `make fuzz SECONDS=60 TARGET=phones`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS

# What was found stays, so that the next run begins where this one ended.
FOUND = Path(__file__).resolve().parent.parent.parent / "var" / "fuzz"
MEMORY_MB = 2048
# An input that takes longer is a finding by itself.
SLOW_S = 60


def main() -> int:
    """The exit code: 0 if no target failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    arguments = parser.parse_args()
    names = arguments.targets or list(TARGETS)
    if unknown := set(names) - TARGETS.keys():
        parser.error(f"no such target: {', '.join(unknown)}")
    failed = [name for name in names if not _fuzz(name, arguments.seconds)]
    print(f"failed: {', '.join(failed)}" if failed else "nothing found", flush=True)
    return int(bool(failed))


def _fuzz(name: str, seconds: int) -> bool:
    target = TARGETS[name]
    folder = FOUND / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (folder / f"seed-{number}").write_bytes(seed)
    print(f"=== {name}: {seconds} s", flush=True)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.engine", name, str(folder)),
            *(f"-max_total_time={seconds}", f"-max_len={target.longest}"),
            *(f"-timeout={SLOW_S}", f"-rss_limit_mb={MEMORY_MB}"),
            *(f"-artifact_prefix={FOUND}/{name}-", "-print_final_stats=1"),
        ],
        check=False,
    )
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
