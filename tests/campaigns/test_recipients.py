from __future__ import annotations

import random
from pathlib import Path

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from campaigns.recipients import (
    KEPT,
    PhoneList,
    Reason,
    Recipient,
    Remark,
    judge,
    read_lines,
    read_phone,
    read_text,
    split_lines,
)

SAMPLES = Path(__file__).parent / "samples"
NUMBER = "+79990000101"


def phones(text: str, region: str = "RU") -> list[str]:
    return [r.phone for r in read_text(text, region=region).recipients]


def test_it_reads_the_pasted_sample_line_by_line() -> None:
    text = (SAMPLES / "paste.txt").read_text(encoding="utf-8")
    result = read_text(text, region="RU")
    assert [(r.line, r.phone) for r in result.recipients] == [
        (1, "+79990000101"),
        (1, "+79990000102"),
        (1, "+79990000103"),
        (2, "+79990000104"),
        (2, "+79990000105"),
        (4, "+79990000106"),
        (5, "+79990000107"),
        (6, "+79990000108"),
        (7, "+79990000109"),
        (8, "+79990000110"),
        (10, "+79990000112"),
        (11, "+4915123456789"),
        (12, "+12025550143"),
        (13, "+998901234567"),
        (14, "+79990000113"),
        (15, "+79990000114"),
        (17, "+74951234567"),
        (20, "+79990000115"),
        (21, "+79990000116"),
        (21, "+79990000117"),
    ]
    assert result.remarks == (
        Remark(3, "+7 999 000 01 01", Reason.DOUBLE, NUMBER, first_line=1),
        Remark(9, "+7 999 000 011", Reason.TOO_SHORT),
        Remark(10, "7.9990000112E+10", Reason.RESTORED, "+79990000112"),
        Remark(16, "8 800 555 35 35", Reason.TOLL_FREE, "+78005553535"),
        Remark(17, "+7 495 123-45-67", Reason.LANDLINE, "+74951234567"),
        Remark(18, "нет номера", Reason.NOT_A_NUMBER),
    )
    assert result.lines == 20


def test_kept_remarks_do_not_refuse() -> None:
    result = read_text("+7 495 123-45-67\n7.4951234568E+10", region="RU")
    assert len(result.recipients) == 2
    assert [(r.reason, r.kept) for r in result.remarks] == [
        (Reason.LANDLINE, True),
        (Reason.RESTORED, True),
        (Reason.LANDLINE, True),
    ]
    assert {Reason.LANDLINE, Reason.RESTORED, Reason.CORRECTED} == KEPT


def test_a_double_names_the_line_where_it_stood_first() -> None:
    result = read_text("\n8 999 000 01 01\r\n\r\n79990000101, 79990000101", region="RU")
    assert result.recipients == (Recipient(NUMBER, 2),)
    double = Remark(4, "79990000101", Reason.DOUBLE, NUMBER, first_line=2)
    assert result.remarks == (double, double)
    assert result.lines == 2


def test_a_remark_shows_what_was_typed() -> None:
    text = "x \u200e+７ 999\u00a0000 011\u200f y"
    (remark,) = read_text(text, region="RU").remarks
    assert remark.raw == "+７ 999\u00a0000 011"


def test_a_long_line_is_cut_in_its_remark() -> None:
    (remark,) = read_text("слово " * 1000, region="RU").remarks
    assert len(remark.raw) <= 200


def test_lines_that_show_nothing_are_not_counted() -> None:
    assert read_text(" \n\t\n\u200b\ufeff\n\u00a0\n", region="RU") == PhoneList()


def test_the_field_for_one_phone_takes_any_shape_as_one_line() -> None:
    result = read_phone(" 8 999\n000 01 01 ", region="RU")
    assert result.recipients == (Recipient(NUMBER, 1),)
    assert read_phone("  ", region="RU") == PhoneList()


def read_behind(first: PhoneList, text: str, source: str) -> PhoneList:
    """Both lists; what the first has is a double in the second."""
    entries = read_lines(enumerate(split_lines(text), start=1), region="RU")
    listed = {recipient.phone: recipient for recipient in first.recipients}
    return first + judge(entries, source=source, listed=listed)


def test_a_second_source_names_what_stands_in_the_first() -> None:
    pasted = read_text("89990000101\n89990000102\n+74951234567", region="RU")
    text = "7.9990000102E+10\n89990000103\n+7 495 1234567\n9990000102\nнет"
    result = read_behind(pasted, text, "a.txt")
    assert [(r.phone, r.line, r.source) for r in result.recipients] == [
        ("+79990000101", 1, ""),
        ("+79990000102", 2, ""),
        ("+74951234567", 3, ""),
        ("+79990000103", 2, "a.txt"),
    ]
    double, source = Reason.DOUBLE, "a.txt"
    assert result.remarks == (
        Remark(3, "+74951234567", Reason.LANDLINE, "+74951234567"),
        Remark(1, "7.9990000102E+10", double, "+79990000102", 2, source),
        Remark(3, "+7 495 1234567", double, "+74951234567", 3, source),
        Remark(4, "9990000102", double, "+79990000102", 2, source),
        Remark(5, "нет", Reason.NOT_A_NUMBER, source=source),
    )
    assert result.lines == 8


def test_a_number_longer_than_e164_is_none() -> None:
    """Germany's plan has them, no column holds them."""
    result = read_text("+4923459000801008\n+492345900080100", region="DE")
    assert [r.phone for r in result.recipients] == ["+492345900080100"]
    assert result.remarks[0] == Remark(1, "+4923459000801008", Reason.TOO_LONG)


def sendable(phone: str) -> bool:
    number = phonenumbers.parse(phone, None)
    shown = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    is_russian_mobile = phone.startswith("+79") and len(phone) == 12
    return shown == phone and (
        phonenumbers.is_valid_number(number) or is_russian_mobile
    )


PHONE_CHARS = st.text(st.sampled_from("0123456789+-() ./,;\t\n\r#xEeдоб@:№"))


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), PHONE_CHARS), st.sampled_from(["RU", "DE", "US", "XX"]))
def test_no_text_raises_and_all_recipients_are_sendable(text: str, region: str) -> None:
    result = read_text(text, region=region)
    found = [r.phone for r in result.recipients]
    assert len(set(found)) == len(found)
    assert all(sendable(phone) for phone in found)
    assert all(len(r.raw) <= 200 for r in result.remarks)
    count = len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    lines = [r.line for r in result.recipients] + [r.line for r in result.remarks]
    assert all(1 <= line <= count for line in lines)


def in_parts(phone: str) -> tuple[str, str, str, str]:
    return phone[2:5], phone[5:8], phone[8:10], phone[10:]


SHAPES = [
    "{0}{1}{2}{3}",
    "8{0}{1}{2}{3}",
    "7{0}{1}{2}{3}",
    "+7{0}{1}{2}{3}",
    "8 ({0}) {1}-{2}-{3}",
    "+7 ({0}) {1} {2} {3}",
    "8-{0}-{1}-{2}-{3}",
    "8({0}){1}{2}{3}",
    "+7.{0}.{1}.{2}.{3}",
    "007{0}{1}{2}{3}",
    "wa.me/7{0}{1}{2}{3}",
    "7{0}{1}{2}{3}@c.us",
    "tel:+7-{0}-{1}-{2}-{3}",
    "\u202d+7 {0} {1}-{2}-{3}\u202c",
    "тел. 8 {0} {1} {2} {3} доб. 12",
]
RUSSIAN_MOBILES = st.integers(0, 10**9 - 1).map(lambda n: f"+79{n:09}")


@given(RUSSIAN_MOBILES, st.sampled_from(SHAPES))
def test_a_russian_mobile_is_read_back_from_every_shape(phone: str, shape: str) -> None:
    assert phones(shape.format(*in_parts(phone))) == [phone]


REGIONS = ["DE", "UA", "UZ", "KZ", "BY", "US", "GB", "TR", "IN", "BR", "CN", "FR"]


@given(st.sampled_from(REGIONS), st.sampled_from(list(range(4))))
def test_a_mobile_of_any_country_is_read_back_from_every_format(
    region: str, form: int
) -> None:
    number = phonenumbers.example_number_for_type(
        region, phonenumbers.PhoneNumberType.MOBILE
    )
    assert number is not None
    phone = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    assert phones(phonenumbers.format_number(number, form), region) == [phone]
    if form != PhoneNumberFormat.NATIONAL:
        assert phones(phonenumbers.format_number(number, form)) == [phone]


@given(st.lists(RUSSIAN_MOBILES), st.lists(RUSSIAN_MOBILES), st.randoms())
def test_two_sources_hold_each_number_exactly_once(
    first: list[str], second: list[str], dice: random.Random
) -> None:
    def write(numbers: list[str]) -> str:
        shown = [dice.choice(SHAPES).format(*in_parts(n)) for n in numbers]
        return "".join(s + dice.choice(["\n", ", ", "; ", "\t"]) for s in shown)

    merged = read_behind(read_text(write(first), region="RU"), write(second), "file")
    assert [r.phone for r in merged.recipients] == list(
        dict.fromkeys([*first, *second])
    )
    doubles = [r for r in merged.remarks if r.reason is Reason.DOUBLE]
    assert len(merged.recipients) + len(doubles) == len(first) + len(second)
