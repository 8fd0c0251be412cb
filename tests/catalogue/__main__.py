"""Brings the Russian catalogue up to date with the source: `make messages`."""

from __future__ import annotations

import sys

from tests.catalogue import russian
from tests.catalogue.sources import Unreadable, marked_texts


def main() -> int:
    """The exit code: 0 only if every text is translated."""
    try:
        marked = marked_texts()
    except Unreadable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    before = russian.PATH.read_bytes()
    catalogue = russian.updated(russian.read(), marked)
    catalogue.save(str(russian.PATH))
    russian.COMPILED.write_bytes(catalogue.to_binary())
    faults = russian.faults(catalogue, marked)
    changed = "changed" if russian.PATH.read_bytes() != before else "as it was"
    print(f"{len(marked)} texts; {russian.PATH.name} is {changed}")
    if faults:
        print(*faults, f"{len(faults)} to be seen to in {russian.PATH}", sep="\n")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
