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
