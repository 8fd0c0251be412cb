"""One target in a process of its own: `python -m tests.fuzz.engine TARGET FOLDER …`.

The options are libFuzzer's; it leaves the input that it fails on in the folder.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import nullcontext

import atheris

INSTRUMENTED = ["campaigns", "chatapp", "phonenumbers.phonenumberutil"]


def main(name: str, options: list[str]) -> None:
    # It takes ten times as long, and would be all that is measured.
    is_guided = name != "pace"
    with atheris.instrument_imports(INSTRUMENTED) if is_guided else nullcontext():
        target = importlib.import_module("tests.fuzz.targets").TARGETS[name]
    atheris.Setup([sys.argv[0], *options], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
