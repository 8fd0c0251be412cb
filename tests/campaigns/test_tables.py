from __future__ import annotations

import pytest

from campaigns.recipients import PhoneList, Reason, Remark
from campaigns.spreadsheets import read_file


def read(text: str, name: str = "a.csv") -> PhoneList:
    return read_file(name, text.encode(), region="RU")


def phones(result: PhoneList) -> list[str]:
    return [r.phone for r in result.recipients]


@pytest.mark.parametrize(
    "header",
    [
        *["Телефон", "тел.", "Phone", "phone_number", "Mobile", "WhatsApp"],
        *["Моб. номер", "Номер", "Контактный телефон", "Сотовый"],
        *["Телефон заказчика", "Telefon"],
    ],
)
def test_the_header_names_the_phone_column(header: str) -> None:
    # The column of ids holds valid mobiles, too.
    text = f"id,name,{header},сумма\n79990009999,Вера,89990000101,1\n"
    assert phones(read(text)) == ["+79990000101"]


def test_a_managers_phone_or_a_fax_is_not_the_clients() -> None:
    text = (
        "Факс;Телефон менеджера;Телефон\n"
        "84951112233;89990000001;89990000101\n84951112234;89990000001;89990000102\n"
    )
    assert phones(read(text)) == ["+79990000101", "+79990000102"]


def test_two_phone_columns_are_both_read() -> None:
    text = "Name,Phone 1,Phone 2\nA,89990000101,89990000102\nB,89990000103,\n"
    result = read(text)
    assert phones(result) == ["+79990000101", "+79990000102", "+79990000103"]
    assert result.remarks == ()


def test_a_cell_may_hold_several_numbers() -> None:
    text = 'name,phone\nA,"89990000101, 89990000102"\nB,89990000103 / 89990000104\n'
    assert len(read(text).recipients) == 4


def test_a_title_above_the_header_and_a_sum_below_the_rows() -> None:
    text = (
        "База контактов 2024;;\n;;\nИмя;Тел.;Сумма\nВера;89990000101;10,50\n"
        ";;\nЯн;89990000102;10,50\nИтого;;21,00\n"
    )
    result = read(text)
    assert [(r.line, r.phone) for r in result.recipients] == [
        (4, "+79990000101"),
        (6, "+79990000102"),
    ]
    assert result.remarks == (Remark(7, "Итого 21,00", Reason.EMPTY, source="a.csv"),)
    assert result.lines == 3


def test_formulas_in_cells_do_no_harm() -> None:
    text = (
        'имя;телефон\n=1+1;"=""+79990000101"""\n=A1;=HYPERLINK("x")\nЯн;89990000102\n'
    )
    result = read(text)
    assert phones(result) == ["+79990000101", "+79990000102"]
    assert [(r.line, r.reason) for r in result.remarks] == [(3, Reason.NOT_A_NUMBER)]


def test_a_quote_that_is_never_closed_swallows_no_rows() -> None:
    rows = [f'"ООО {n};8999000{n:04}' for n in range(30)]
    assert len(read("имя;телефон\n" + "\n".join(rows)).recipients) == 30


def test_a_quoted_cell_may_hold_line_ends() -> None:
    text = 'имя;телефон\n"Вера\nПавловна";89990000101\nЯн;89990000102\n'
    assert [r.line for r in read(text).recipients] == [2, 3]


def test_excels_own_delimiter_line_is_obeyed() -> None:
    text = "sep=;\r\nТелефон;Сумма\r\n89990000101;1,5\r\n89990000102;2,5\r\n"
    assert [r.line for r in read(text).recipients] == [3, 4]


def test_a_column_of_destroyed_numbers_is_named_row_by_row() -> None:
    result = read("Имя;Телефон\nВера;7,999E+10\nЯн;7,999E+10\n")
    assert result.recipients == ()
    assert [r.reason for r in result.remarks] == [Reason.DIGITS_LOST] * 2


def test_one_column_needs_no_delimiter() -> None:
    result = read("phone\n89990000101\n89990000102\n")
    assert phones(result) == ["+79990000101", "+79990000102"]
    assert result.remarks == ()


def test_a_plain_list_with_delimiters_loses_no_number() -> None:
    text = "89990000101,89990000102\n89990000103,89990000104\n"
    assert len(read(text).recipients) == 4
    assert len(read(text, name="a.txt").recipients) == 4
