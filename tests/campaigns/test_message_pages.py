from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from asgi_app.database import orm_now
from campaigns import message_pages
from campaigns.message_pages import MessagePage, Wanted, read_messages
from campaigns.models import Campaign, Message
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists

pytestmark = pytest.mark.django_db

FAILED = MessageStatus.FAILED


@pytest.fixture(autouse=True)
def pages_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_pages, "PAGE", 3)


def mixed(line: Line) -> Campaign:
    """Twelve messages: the even ones failed with two codes, the latest first."""
    campaign = lists.running(line, 12)
    now = orm_now()
    for number, message in enumerate(campaign.messages.order_by("id")):
        if number % 2 == 0:
            message.status = FAILED
            message.code = "not_on_whatsapp" if number % 4 else "http_422"
            message.answered_at = now - timedelta(minutes=number // 4)
            message.delay_ms = number % 3 * 1000
            message.save()
    Campaign.objects.filter(pk=campaign.pk).update(failed=6, waiting=6)
    # Another campaign's messages, which no page may show.
    lists.running(line, 4, start=100)
    return Campaign.objects.get(pk=campaign.pk)


def walk(campaign: Campaign, **query: str) -> list[list[int]]:
    """The ids of all pages, from the first to the last."""
    pages = []
    while True:
        page = read_messages(campaign, Wanted.read(query))
        pages.append([message.pk for message in page.messages])
        if not page.next:
            return pages
        query |= {"after": page.next}


def walk_back(campaign: Campaign, **query: str) -> list[list[int]]:
    """The same from the last page to the first, in the order of reading."""
    pages, before = [], "end"
    while before:
        page = read_messages(campaign, Wanted.read({**query, "before": before}))
        pages.append([message.pk for message in page.messages])
        before = page.previous
    return pages[::-1]


def flat(pages: list[list[int]]) -> list[int]:
    return [pk for page in pages for pk in page]


ORDERS: dict[str, tuple[dict[str, str], Callable[[Message], object]]] = {
    "list": ({}, lambda m: m.pk),
    "status": ({"status": "failed"}, lambda m: (m.delay_ms, m.pk)),
    "code": ({"status": "failed", "code": "http_422"}, lambda m: m.pk),
}
BY_TIME: dict[str, dict[str, str]] = {
    "time": {},
    "time and status": {"status": "failed"},
    "time and code": {"status": "failed", "code": "not_on_whatsapp"},
}


def expected(campaign: Campaign, query: dict[str, str]) -> list[Message]:
    rows = Message.objects.filter(campaign=campaign)
    wanted = {k: v for k, v in query.items() if k in {"status", "code"}}
    return list(rows.filter(**wanted))


@pytest.mark.parametrize("name", list(ORDERS))
def test_pages_hold_every_message_once_in_order(line: Line, name: str) -> None:
    campaign = mixed(line)
    query, key = ORDERS[name]
    ids = [m.pk for m in sorted(expected(campaign, query), key=key)]  # type: ignore[arg-type]
    pages = walk(campaign, **query)
    assert flat(pages) == ids
    assert all(len(page) <= 3 for page in pages)
    back = walk_back(campaign, **query)
    assert flat(back) == ids


@pytest.mark.parametrize("name", list(BY_TIME))
def test_sorted_by_time_the_latest_answer_comes_first(line: Line, name: str) -> None:
    campaign = mixed(line)
    query = BY_TIME[name]
    answered = [m for m in expected(campaign, query) if m.answered_at]
    answered.sort(key=lambda m: (m.answered_at, m.pk), reverse=True)
    ids = [m.pk for m in answered]
    assert flat(walk(campaign, **query, sort="time")) == ids
    assert flat(walk_back(campaign, **query, sort="time")) == ids


def test_too_many_to_sort_are_looked_for_stretch_by_stretch(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = mixed(line)
    monkeypatch.setattr(message_pages, "MOST_SORTED", 2)
    query = {"status": "failed", "code": "not_on_whatsapp"}
    found = walk(campaign, **query, sort="time")
    ids = [m.pk for m in expected(campaign, query)]
    assert sorted(flat(found)) == ids
    first = read_messages(campaign, Wanted.read({**query, "sort": "time"}))
    assert first.looked_back_to is not None
    assert (first.count, first.previous) == (None, "")


def test_counters_say_how_many_there_are(line: Line) -> None:
    campaign = mixed(line)
    assert page(campaign).count == 12
    assert page(campaign, status="failed").count == 6
    assert page(campaign, status="failed", code="http_422").count == 3
    assert page(campaign, status="read").count == 0


def page(campaign: Campaign, **query: str) -> MessagePage:
    return read_messages(campaign, Wanted.read(query))


def test_a_place_that_is_gone_shows_what_comes_behind_it(line: Line) -> None:
    campaign = mixed(line)
    first = page(campaign)
    Message.objects.filter(pk=first.messages[-1].pk).delete()
    following = page(campaign, after=first.next)
    assert following.messages[0].pk == first.messages[-1].pk + 1
    assert following.previous


@pytest.mark.parametrize(
    "query",
    [
        {"status": "nonsense", "code": "x"},
        {"after": "1"},
        {"after": "x.y"},
        {"before": "-1.2"},
        {"after": f"{'9' * 19}.1"},
        {"after": "\u0663.1"},
    ],
)
def test_nonsense_in_the_address_is_left_out(line: Line, query: dict[str, str]) -> None:
    campaign = mixed(line)
    assert [m.pk for m in page(campaign, **query).messages] == walk(campaign)[0]


def test_times_beyond_the_calendar_find_nothing_and_fail_nothing(line: Line) -> None:
    campaign = mixed(line)
    far = {"sort": "time", "after": "999999999999999999.1", "status": "failed"}
    assert page(campaign, **far).messages
    assert page(campaign, sort="time", before="999999999999999999.1").messages == []
