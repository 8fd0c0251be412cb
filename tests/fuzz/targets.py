"""What is fuzzed, and the inputs that it begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.callbacks import check_callbacks, check_spools
from tests.fuzz.lists import check_lists, check_workbooks, sheets
from tests.fuzz.pace import READERS, check_pace
from tests.fuzz.phones import check_phones
from tests.fuzz.texts import check_texts

_SAMPLES = Path(__file__).parent.parent / "campaigns" / "samples"
_PHONES = (
    "8 (903) 123-45-67, +7 999 000 01 01\n7.9990000112E+10\nwa.me/79990000101",
    "+49 151 23456789 / 0151 23456789\n79990000101@c.us a@b.ru доб. 12 №5",
    "\u202d+7\u00a0999 000\u2011０１-01\u202c 12.05.2026 10:00 ИНН 7707083893",
)
_TEXTS = (
    "Hi, {name|friend}! [Good day|Hello, {name}] {{x}} [a] b|c",
    "{ ваш  Город }[|x][{a|b}|c]",
)
_CALLBACKS = (
    '{"meta":{"type":"messageStatus","licenseId":7,"messengerType":"grWhatsApp"},'
    '"data":[{"id":"m1","type":"read","time":1700000000,"chat":{"phone":"7999"},'
    '"fromApp":{"tracking":"t"},"error":{"code":1,"message":"x"}}]}',
    '[{"payload":{"meta":{"type":"message"},"data":{"id":"m2","side":"in","message":'
    '{"text":"STOP"},"fromMe":false,"chat":{"id":"7999@c.us","type":"private"}}}}]',
)


@dataclass(frozen=True)
class Target:
    """`check` raises for an input of which a property does not hold."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    longest: int = 2048


def _phones() -> Iterator[bytes]:
    for text in _PHONES:
        yield b"\0" + text.encode()
        yield b"\1" + text.encode()


def _lists() -> Iterator[bytes]:
    for name in ("noheader-tabs.txt", "paste.txt", "clients-cp1251.csv"):
        data = (_SAMPLES / name).read_bytes()[:1500]
        yield from (b"\0\0\1" + data, b"\1\1\0" + data)
    table = 'sep=;\nИмя;Телефон\n"a;\nb";8 999 000 01 01\n"c"d";79990000102\n'
    yield b"\0\1\7" + table.encode()
    yield b"\0\1\7" + table.encode("utf-16")


def _workbooks() -> Iterator[bytes]:
    for sheet in sheets():
        yield from (b"\1" + sheet, b"\3" + sheet)
    yield b"\0" + (_SAMPLES / "clients.xlsx").read_bytes()[4:]


def _texts() -> Iterator[bytes]:
    yield from (text.encode() for text in _TEXTS)


def _callbacks() -> Iterator[bytes]:
    yield from (body.encode() for body in _CALLBACKS)


def _pace() -> Iterator[bytes]:
    units = ("1", "9 ", "+7", "(1", "1.", "[a|", "{a}", '"', '";', '{"a":', "a@", "8 9")
    for reader in range(len(READERS)):
        yield from (bytes([reader]) + unit.encode() for unit in units)


TARGETS = {
    "phones": Target(check_phones, _phones),
    "lists": Target(check_lists, _lists),
    "workbooks": Target(check_workbooks, _workbooks, longest=16_384),
    "texts": Target(check_texts, _texts),
    "callbacks": Target(check_callbacks, _callbacks),
    "spools": Target(check_spools, _callbacks),
    "pace": Target(check_pace, _pace, longest=64),
}
