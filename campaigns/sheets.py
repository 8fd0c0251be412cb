"""The sheets of a workbook, read by a process that may die of it: `sheetreader`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

from campaigns import sheetreader
from campaigns.layouts import Unreadable, UnreadableFile

_NEEDED = ("LD_LIBRARY_PATH",)
_CODES = {sheetreader.PASSWORD_PROTECTED: Unreadable.PASSWORD_PROTECTED}


class Sheet(NamedTuple):
    """A sheet as it begins; `rows` reach to its last cell in use."""

    number: int
    rows: int
    head: list[list[str]]


def read_sheets(data: bytes) -> Generator[Sheet]:
    """Visible ones first; raises UnreadableFile."""
    with closing(_read(data)) as lines:
        yield from (Sheet(*line) for line in lines)


def read_rows(data: bytes, sheet: int) -> Generator[list[str]]:
    """All rows from the first on, empty ones too; raises UnreadableFile."""
    yield from _read(data, str(sheet))


def _read(data: bytes, *arguments: str) -> Generator[Any]:
    with subprocess.Popen(
        [sys.executable, "-I", Path(sheetreader.__file__), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Nothing of what this process knows is needed there, but where libraries are.
        env={name: os.environ[name] for name in _NEEDED if name in os.environ},
    ) as reader:
        assert reader.stdin and reader.stdout
        try:
            with suppress(BrokenPipeError), reader.stdin:
                # It reads all of it before it answers.
                reader.stdin.write(data)
            yield from map(json.loads, reader.stdout)
            code = reader.wait()
        finally:
            # Who has seen enough does not wait for the rest.
            reader.kill()
    if code:
        raise UnreadableFile(_CODES.get(code, Unreadable.BROKEN))
