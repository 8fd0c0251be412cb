from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.history import (
    EVIDENCE,
    EventKind,
    Standing,
    after,
    fold,
    join_tracking,
    split_tracking,
)
from campaigns.states import MessageStatus

K = EventKind
BEGUN = [(K.CLAIMED, 1)]
EVENTS = st.tuples(st.sampled_from(list(EventKind)), st.integers(1, 3))


@given(st.permutations([k for k in EVIDENCE if k != K.ACCEPTED]), st.data())
def test_the_order_of_statuses_never_changes_the_end(
    order: list[EventKind], data: st.DataObject
) -> None:
    count = data.draw(st.integers(1, len(order)))
    told = order[:count]
    doubled = [*told, *data.draw(st.lists(st.sampled_from(told), max_size=6))]
    shuffled = data.draw(st.permutations(doubled))
    straight = fold([*BEGUN, *((kind, 1) for kind in sorted(told))])
    mixed = fold([*BEGUN, *((kind, 1) for kind in shuffled)])
    assert mixed.status == straight.status


@given(st.lists(EVENTS, max_size=20), EVENTS)
def test_evidence_only_raises(
    events: list[tuple[EventKind, int]], more: tuple[EventKind, int]
) -> None:
    before = fold(events)
    kind, attempt = more
    if kind in EVIDENCE:
        assert after(before, kind, attempt).rank >= before.rank


@given(st.lists(EVENTS, max_size=20), EVENTS)
def test_the_same_evidence_again_changes_nothing(
    events: list[tuple[EventKind, int]], more: tuple[EventKind, int]
) -> None:
    if more[0] in EVIDENCE:
        once = fold([*events, more])
        assert after(once, *more) == once


@pytest.mark.parametrize("kind", [K.GIVEN_BACK, K.UNSURE, K.NO_ANSWER, K.REFUSED])
def test_an_answer_never_undoes_a_status(kind: EventKind) -> None:
    early = fold([*BEGUN, (K.SENT, 1)])
    assert after(early, kind, 1) == early


def test_a_read_message_was_delivered_whether_that_was_told_or_not() -> None:
    read = fold([*BEGUN, (K.ACCEPTED, 1), (K.READ, 1)])
    assert after(read, K.DELIVERED, 1).status == MessageStatus.READ


def test_delivered_outweighs_a_failure_and_sent_does_not() -> None:
    failed = fold([*BEGUN, (K.ACCEPTED, 1), (K.FAILED, 1)])
    assert failed.status == MessageStatus.FAILED
    assert after(failed, K.SENT, 1) == failed
    assert after(failed, K.DELIVERED, 1).status == MessageStatus.DELIVERED


def test_a_refusal_is_outweighed_by_anything_that_shows_the_message_exists() -> None:
    refused = fold([*BEGUN, (K.REFUSED, 1)])
    assert refused == Standing(MessageStatus.FAILED)
    assert after(refused, K.ECHOED, 1).status == MessageStatus.ACCEPTED


def test_a_retry_waits_until_somebody_shows_that_the_first_one_came_through() -> None:
    again = fold([*BEGUN, (K.UNSURE, 1), (K.SENT_AGAIN, 1)])
    assert again == Standing(MessageStatus.WAITING, 2)
    assert after(again, K.FAILED, 1) == again
    assert after(again, K.GIVEN_BACK, 1) == again
    assert after(again, K.DELIVERED, 1).status == MessageStatus.DELIVERED


@pytest.mark.parametrize(
    ("kind", "status"),
    list(
        itertools.product(
            [K.ASSUMED_SENT, K.SENT_AGAIN, K.RETRIED],
            [MessageStatus.ACCEPTED, MessageStatus.READ, MessageStatus.WAITING],
        )
    ),
)
def test_people_decide_only_about_what_is_open(
    kind: EventKind, status: MessageStatus
) -> None:
    standing = Standing(status)
    assert after(standing, kind, 1) == standing


@given(st.text("0123456789abcdef", min_size=24, max_size=24), st.integers(1, 9_999))
def test_a_tracking_tells_its_row_and_its_attempt(base: str, attempt: int) -> None:
    assert split_tracking(join_tracking(base, attempt)) == (base, attempt)


@given(st.text(max_size=40))
def test_any_tracking_can_be_split(tracking: str) -> None:
    base, attempt = split_tracking(tracking)
    assert attempt >= 0 and tracking.startswith(base)


def test_what_failed_is_not_on_its_way_though_that_is_told_later() -> None:
    """The order of `sent` and `failed` must not keep a retry from leaving."""
    again = [*BEGUN, (K.FAILED, 1), (K.RETRIED, 1)]
    for late in (K.SENT, K.ACCEPTED, K.ECHOED):
        assert fold([*again, (late, 1)]).status == MessageStatus.WAITING
    for late in (K.DELIVERED, K.READ):
        assert fold([*again, (late, 1)]).status == EVIDENCE[late]


def test_a_next_attempt_that_an_earlier_one_held_back_fails_with_it() -> None:
    held = [*BEGUN, (K.UNSURE, 1), (K.SENT_AGAIN, 1), (K.SENT, 1)]
    assert fold(held).status == MessageStatus.SENT
    assert fold([*held, (K.FAILED, 1)]) == Standing(MessageStatus.FAILED, 2, True)
    assert fold([*held, (K.DELIVERED, 1), (K.FAILED, 1)]).status == "delivered"
    left = [*BEGUN, (K.UNSURE, 1), (K.SENT_AGAIN, 1), (K.CLAIMED, 2), (K.SENT, 1)]
    assert fold([*left, (K.FAILED, 1)]).status == MessageStatus.SENT
