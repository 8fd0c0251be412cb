"""That the work grows with the size of what is read, not with its square."""

from __future__ import annotations

import time
from collections.abc import Callable

from campaigns.layouts import UnreadableFile
from campaigns.recipients import read_text
from campaigns.spreadsheets import read_file
from campaigns.texts import BadText, read_template
from chatapp.events import BadCallback, parse

SIZE = 64 * 1024
# Linear would be 4; a square is 16.
MOST_TIMES = 8
# What takes no longer cannot be measured, and harms nobody.
SHORT_S = 0.5
# For the largest, which no machine of today needs.
LONG_S = 20.0


def check_pace(data: bytes) -> None:
    """Repeats the input up to 64 KB; the first byte chooses what reads it."""
    read = READERS[data[0] % len(READERS)] if data else read_phones
    check_growth(read, data[1:] or b" ")


def check_growth(read: Callable[[bytes], None], unit: bytes) -> None:
    long_s = _seconds(read, _repeated(unit, SIZE))
    if long_s < SHORT_S:
        return
    assert long_s < LONG_S, f"{long_s:.1f} s for 64 KB"
    # Other work on the machine disturbs both, so that the least of three counts.
    short_s, long_s = (
        min(_seconds(read, _repeated(unit, size)) for _ in range(3))
        for size in (SIZE // 4, SIZE)
    )
    assert long_s < MOST_TIMES * short_s, f"{short_s:.2f} s became {long_s:.2f} s"


def _repeated(unit: bytes, size: int) -> bytes:
    return (unit * (size // len(unit) + 1))[:size]


def _seconds(read: Callable[[bytes], None], data: bytes) -> float:
    began = time.process_time()
    read(data)
    return time.process_time() - began


def read_phones(data: bytes) -> None:
    read_text(data.decode(errors="replace"), region="RU")


def read_phones_abroad(data: bytes) -> None:
    read_text(data.decode(errors="replace"), region="DE")


def read_table(data: bytes) -> None:
    try:
        read_file("list.csv", data, region="RU")
    except UnreadableFile:
        return


def read_words(data: bytes) -> None:
    read_template.cache_clear()
    try:
        template = read_template(data.decode(errors="replace"))
    except BadText:
        return
    template.missing({})
    template.render(dict.fromkeys(template.names, "v"), seed="s")


def read_callback(data: bytes) -> None:
    try:
        parse(data)
    except BadCallback:
        return


READERS = (read_phones, read_phones_abroad, read_table, read_words, read_callback)
