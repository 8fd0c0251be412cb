from __future__ import annotations

import time

import pytest

from campaigns.recipients import PhoneList, Reason, Remark, read_text

NUMBER = "+79990000101"


def phones(text: str, region: str = "RU") -> list[str]:
    return [r.phone for r in read_text(text, region=region).recipients]


def reasons(text: str) -> list[Reason]:
    return [r.reason for r in read_text(text, region="RU").remarks]


@pytest.mark.parametrize(
    "text",
    [
        "+79990000101",
        "79990000101",
        "89990000101",
        "9990000101",
        "8 (999) 000-01-01",
        "8(999)0000101",
        "(999) 000-01-01",
        "8 9 9 9 0 0 0 0 1 0 1",
        "8 (999)  000 - 01 - 01",
        "7.999.000.01.01",
        "+7–999—000‑01−01",
        "+7\u00a0999\u00a0000\u202f01\u200901",
        "\ufeff\u200e+7 999\u200b 000\u2060 01 01\u200f",
        "＋７（９９９）０００－０１－０１",
        "٨٩٩٩٠٠٠٠١٠١",
        "8️⃣9️⃣9️⃣9️⃣0️⃣0️⃣0️⃣0️⃣1️⃣0️⃣1️⃣",
        "00 7 999 000 01 01",
        "8 10 7 999 000 01 01",
        "(+7) 999 000 01 01",
        "+ 7 (999) 000-01-01",
        "++7 999 000 01 01",
        "+89990000101",
        "+7 8 999 000 01 01",
        "8+7 999 000 01 01",
        "1. 8 999 000 01 01",
        "1) 999 000-01-01",
        "1 9990000101",
        "тел.: 8-999-000-01-01 доб. 12",
        "+7 999 000-01-01 (вн. 5)",
        "+7 999 000-01-01 ext 5",
        "+7 999 000-01-01#12",
        "+7 999 000-01-01 x12",
        "tel:+7-999-000-01-01;ext=12",
        "wa.me/79990000101",
        "wa.me/89990000101",
        "https://wa.me/+79990000101?text=перезвоните%2079990000102",
        "https://api.whatsapp.com/send?phone=%2B79990000101&text=x",
        "whatsapp://send?phone=79990000101",
        "79990000101@c.us",
        "79990000101@s.whatsapp.net",
        "79990000101.0",
        '="+79990000101"',
        "7,9990000101E+10",
        "7.9990000101Е+10",
        "Заказ 12345 от 12.05.2024 14:30, 8-999-000-01-01, 1500,00",
        "[12.05.2024, 14:30] +7 999 000-01-01: буду в 15",
        "2024-05-12 8 999 000 01 01",
        "Иван 79990000101 ИНН 7707083893",
        "карта 4276 1234 5678 9012 тел 89990000101",
        "тел89990000101",
        "20 8 999 000 01 01",
        "79990000101,",
    ],
)
def test_it_reads_one_number_in_any_shape(text: str) -> None:
    result = read_text(text, region="RU")
    assert [r.phone for r in result.recipients] == [NUMBER]
    assert [r.reason for r in result.remarks if not r.kept] == []


@pytest.mark.parametrize(
    "text",
    [
        "89990000101 89990000102",
        "89990000101/89990000102",
        "89990000101 / 89990000102",
        "89990000101 - 89990000102",
        "89990000101|89990000102",
        "8 999 000 01 01 8 999 000 01 02",
        "+7 999 000 01 01+7 999 000 01 02",
        "999-000-01-01; 999-000-01-02",
        "79990000101\t7-999-000-01-02",
        "+7(999)0000101,+7(999)0000102",
        "89990000101 доб 12, 89990000102 вн. 5",
        "wa.me/79990000101,wa.me/79990000102",
        "мама 89990000101папа 89990000102",
    ],
)
def test_it_reads_two_numbers_of_a_line(text: str) -> None:
    result = read_text(text, region="RU")
    assert [r.phone for r in result.recipients] == ["+79990000101", "+79990000102"]
    assert result.remarks == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("998 90 123 45 67 998 90 123 45 68", ["+998901234567", "+998901234568"]),
        ("4915123456789", ["+4915123456789"]),
        ("380501234567", ["+380501234567"]),
        ("00 49 1512 3456789", ["+4915123456789"]),
        ("8 10 49 1512 3456789", ["+4915123456789"]),
        ("+1 (202) 555-0143", ["+12025550143"]),
        ("87012345678", ["+77012345678"]),
        ("+7 930 000 38 00", ["+79300003800"]),
    ],
)
def test_it_reads_other_countries(text: str, expected: list[str]) -> None:
    assert phones(text) == expected


def test_it_understands_national_numbers_of_the_region() -> None:
    assert phones("0151 23456789", "DE") == ["+4915123456789"]
    assert phones("0151/23456789", "DE") == ["+4915123456789"]
    assert phones("050 123 45 67", "UA") == ["+380501234567"]
    assert phones("(202) 555-0143", "US") == ["+12025550143"]
    assert phones("90 123 45 67", "UZ") == ["+998901234567"]
    assert phones("+7 999 000 01 01", "DE") == [NUMBER]
    assert phones("79990000101", "DE") == [NUMBER]
    assert phones("9990000101", "XX") == []
    assert phones(NUMBER, "XX") == [NUMBER]


@pytest.mark.parametrize(
    "text",
    [
        "1500,00",
        "2024-05-12",
        "12.05.2024 14:30",
        "№ 12345",
        "№ 123456789",
        "112",
        "просто слова",
        "id123456789",
        "https://vk.com/id123456789",
        "https://example.com/79990000101",
        "79990000101@example.com",
        "79990000101-1234567890@g.us",
        "79990000101@lid",
        "3f8a9990000101ab",
        "=1+1",
        "1e5",
        "—",
    ],
)
def test_what_is_no_phone_is_named_so(text: str) -> None:
    assert read_text(text, region="RU") == PhoneList(
        remarks=(Remark(1, text, Reason.NOT_A_NUMBER),), lines=1
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("+7 999 000 011", Reason.TOO_SHORT),
        ("8999000010", Reason.TOO_SHORT),
        ("7999000011", Reason.TOO_SHORT),
        ("12345", Reason.TOO_SHORT),
        ("899900001011", Reason.TOO_LONG),
        ("799900001011", Reason.TOO_LONG),
        ("79990000101799900001022", Reason.TOO_LONG),
        ("5001234567", Reason.INVALID),
        ("+1 9031234567", Reason.INVALID),
        ("+99 9990000101", Reason.INVALID),
        ("8-800-555-35-35", Reason.TOLL_FREE),
        ("+1 800 555 1234", Reason.TOLL_FREE),
        ("8 803 123 45 67", Reason.PREMIUM),
        ("8 808 123 45 67", Reason.SERVICE),
        ("7,999E+10", Reason.DIGITS_LOST),
        ("8.9E+10", Reason.DIGITS_LOST),
        ("8E+10", Reason.DIGITS_LOST),
        ("7.999000011E+10", Reason.DIGITS_LOST),
    ],
)
def test_a_wrong_number_is_refused_with_its_reason(text: str, reason: Reason) -> None:
    result = read_text(text, region="RU")
    assert result.recipients == ()
    assert [(r.raw, r.reason, r.kept) for r in result.remarks] == [
        (text, reason, False)
    ]


def test_a_wrong_number_beside_a_good_one_is_named_too() -> None:
    result = read_text("+7 999 000 01 01 +7 999 000 011", region="RU")
    assert [r.phone for r in result.recipients] == [NUMBER]
    assert result.remarks == (Remark(1, "+7 999 000 011", Reason.TOO_SHORT),)


def test_a_short_number_does_not_borrow_digits_from_the_next() -> None:
    text = "+7 999 000 011 8 999 000 01 02"
    assert phones(text) == ["+79990000102"]
    assert reasons(text) == [Reason.TOO_SHORT]


def test_a_foreign_number_that_does_not_exist_is_not_read_as_a_national_one() -> None:
    assert phones("+44 9031234567") == []
    assert phones("+44  9031234567") == []


def test_a_hundred_thousand_lines_take_seconds() -> None:
    text = "\n".join(
        f"+7 (999) {n // 10_000:03}-{n // 100 % 100:02}-{n % 100:02}"
        for n in range(100_000)
    )
    began = time.process_time()
    assert len(read_text(text, region="RU").recipients) == 100_000
    assert time.process_time() - began < 10


@pytest.mark.parametrize("separator", [",", " ", "; ", " / "])
def test_sixty_thousand_numbers_on_one_line_take_seconds(separator: str) -> None:
    text = separator.join(
        f"+7 999 {n // 10_000:03} {n % 10_000:04}" for n in range(60_000)
    )
    began = time.process_time()
    assert len(read_text(text, region="RU").recipients) == 60_000
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    "piece",
    [
        *["a", "1", " ", "1 ", "(", "+", "+1", "1@", "a.@", "wa.me/", "7,9E+10 "],
        *["1:", "1)", "1 - ", "1x", "4276 ", "доб. ", "1/", "1 / ", "&phone="],
        *["http://", "0.0", "+84 123 4 ", "12 "],
    ],
)
def test_no_line_takes_more_than_linear_time(piece: str) -> None:
    def seconds(length: int) -> float:
        began = time.process_time()
        # With the signs at its end no pattern is spared the line.
        read_text(piece * (length // len(piece)) + " @ /", region="RU")
        return time.process_time() - began

    # Quadratic work would take a hundred times as long, and minutes.
    assert seconds(300_000) < 0.5 + 30 * seconds(30_000)
