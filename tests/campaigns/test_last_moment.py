from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.last_moment import propose

MOSCOW = ZoneInfo("Europe/Moscow")
# A Thursday.
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=MOSCOW)


@pytest.mark.parametrize(
    ("text", "at", "word"),
    [
        ("Только сегодня скидка 20 %!", "2026-11-26 23:59", "сегодня"),
        ("СЕГОДНЯ до 18:00 кофе даром", "2026-11-26 18:00", "СЕГОДНЯ"),
        ("Сегодня до 19 часов", "2026-11-26 19:00", "Сегодня"),
        ("Today only, until 6 pm", "2026-11-26 18:00", "Today"),
        # What was over at noon cannot be meant.
        ("Сегодня до 11:00 было закрыто", "2026-11-26 23:59", "Сегодня"),
        ("Ждём вас завтра", "2026-11-27 23:59", "завтра"),
        ("Завтрашняя встреча в силе?", "2026-11-27 23:59", "Завтрашняя"),
        ("See you tomorrow!", "2026-11-27 23:59", "tomorrow"),
        ("Послезавтра открытие", "2026-11-28 23:59", "Послезавтра"),
        ("Скидки в пятницу", "2026-11-27 23:59", "в пятницу"),
        ("Sale on Sunday", "2026-11-29 23:59", "on Sunday"),
        ("в четверг", "2026-11-26 23:59", "в четверг"),
        ("Акция до 25 декабря", "2026-12-25 23:59", "25 декабря"),
        ("Акция до 25.12", "2026-12-25 23:59", "до 25.12"),
        ("Только 31.12.2026", "2026-12-31 23:59", "31.12.2026"),
        ("Join us December 25th", "2026-12-25 23:59", "December 25th"),
        ("Until 2 Jan", "2027-01-02 23:59", "2 Jan"),
        ("С 8 марта!", "2027-03-08 23:59", "8 марта"),
        ("до конца недели", "2026-11-29 23:59", "до конца недели"),
        ("До конца месяца −10 %", "2026-11-30 23:59", "До конца месяца"),
        ("сегодня и завтра", "2026-11-26 23:59", "сегодня"),
        # The day after tomorrow is not tomorrow.
        ("See you the day after tomorrow", "2026-11-28 23:59", "day after tomorrow"),
        # A date with a dot is not a time of day.
        ("Акция до 12.12", "2026-12-12 23:59", "до 12.12"),
        ("Until 10.12 only", "2026-12-10 23:59", "Until 10.12"),
        ("сегодня до 18.00", "2026-11-26 18:00", "сегодня"),
        ("Today until 6:30pm", "2026-11-26 18:30", "Today"),
        ("today till 6 p.m.", "2026-11-26 18:00", "today"),
        ("Tomorrow before 12 am or 12 pm", "2026-11-27 00:00", "Tomorrow"),
        ("ещё до 5 минут, сегодня до 19:00", "2026-11-26 19:00", "сегодня"),
        # The year that is named is meant.
        ("до 31 декабря 2027 года", "2027-12-31 23:59", "31 декабря 2027"),
        ("by December 25, 2027", "2027-12-25 23:59", "December 25, 2027"),
        ("до 25 декабря 5000 ₽", "2026-12-25 23:59", "25 декабря"),
        # What begins on a day does not end with it.
        ("с 1 декабря по 10 декабря", "2026-12-10 23:59", "10 декабря"),
        ("от 01.12 до 10.12", "2026-12-10 23:59", "до 10.12"),
        ("с 01.12.2026 по 10.12.2026", "2026-12-10 23:59", "10.12.2026"),
        ("December 1 – December 5", "2026-12-05 23:59", "December 5"),
        ("с сегодняшнего дня до 10 декабря", "2026-12-10 23:59", "10 декабря"),
        ("до 25 декабря до 18:00", "2026-12-25 18:00", "25 декабря"),
        ("Оплатите к пятнице", "2026-11-27 23:59", "к пятнице"),
        ("Скидка до конца дня", "2026-11-26 23:59", "до конца дня"),
        ("Завтра до полуночи", "2026-11-27 23:59", "Завтра"),
    ],
)
def test_the_text_itself_says_until_when(text: str, at: str, word: str) -> None:
    found = propose(text, NOW)
    assert found is not None
    assert found.at.strftime("%Y-%m-%d %H:%M") == at
    assert found.word == word


@pytest.mark.parametrize(
    "text",
    [
        "Здравствуйте! Ваш заказ готов.",
        "Позавтракаем вместе?",
        "Todays",
        "Версия 1.5 вышла",
        "Акция закончилась 1 октября",
        "31.02 не бывает",
        "Звоните: 8 800 555-35-35",
        "цена 12.10",
        "мартовские коты, майонез",
        "Выберите 5 марок или 10 майонезов",
        "12 mayors, 20 decorations, 2 maybe",
        "You may 3 times",
        "From tomorrow on we are at a new address",
        "С завтрашнего дня мы работаем дольше",
        "",
    ],
)
def test_without_such_a_word_nothing_is_proposed(text: str) -> None:
    assert propose(text, NOW) is None


@given(
    text=st.lists(
        st.sampled_from(
            ["сегодня", "до 02:30", "завтра", "on Sunday", "29 марта", "25.10", "x"]
        ),
        max_size=5,
    ).map(" ".join),
    now=st.datetimes(
        datetime(2024, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
        datetime(2032, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([MOSCOW, ZoneInfo("Europe/Berlin")]),
    ),
)
def test_a_proposal_is_never_in_the_past(text: str, now: datetime) -> None:
    found = propose(text, now)
    assert found is None or found.at.astimezone(UTC) > now.astimezone(UTC)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("now", "at"),
    [
        # The clock is put back at 3:00: it shows 2:30 twice.
        (datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN), "01:30"),
        (datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1), "01:30"),
        # At 2:40 the second time it is over.
        (datetime(2026, 10, 25, 2, 40, tzinfo=BERLIN, fold=1), "22:59"),
        # The clock is put forward at 2:00: it never shows 2:30.
        (datetime(2026, 3, 29, 1, 50, tzinfo=BERLIN), "01:30"),
    ],
)
def test_a_clock_that_is_put_back_or_forward_is_understood(
    now: datetime, at: str
) -> None:
    found = propose("сегодня до 02:30", now)
    assert found is not None
    assert found.at.astimezone(UTC).strftime("%H:%M") == at
    assert found.at.astimezone(UTC) > now.astimezone(UTC)
