"""The delivery brake: it stops a line whose messages do not arrive."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_app.database import in_orm
from campaigns.collapse import Evidence, judge
from campaigns.collapse_words import said
from campaigns.decisions import NeedsTest, release_line
from campaigns.hindrance_words import in_words
from campaigns.hindrances import why_not_now
from campaigns.ledger import Ledger
from campaigns.ledger.brake import DELIVERY_COLLAPSED
from campaigns.models import (
    CallbackCount,
    Campaign,
    LineClock,
    Message,
    MinuteCount,
    WorkerBeat,
)
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, hidden, words
from tests.campaigns.desk import Desk
from tests.campaigns.frozen import FrozenClock, clock

__all__ = ["clock"]


def of(delivered: int, count: int) -> list[bool]:
    return [True] * delivered + [False] * (count - delivered)


@pytest.mark.parametrize(
    ("recent", "before", "collapses"),
    [
        (of(3, 20), of(90, 100), True),  # as in the promise
        (of(0, 20), [], True),
        (of(4, 20), [], True),
        (of(5, 20), [], False),  # a new line and a bad list
        (of(7, 20), of(95, 100), True),
        (of(11, 20), of(95, 100), False),  # more than half of what is usual
        (of(7, 20), of(40, 100), False),  # it was never much better
        (of(3, 20), of(10, 100), False),
        (of(0, 19), of(100, 100), False),  # too few to tell
        (of(7, 20), of(10, 10), False),
    ],
)
def test_a_collapse_needs_enough_messages_and_a_clear_fall(
    recent: list[bool], before: list[bool], collapses: bool
) -> None:
    assert (judge(recent, before) is not None) == collapses


@given(
    recent=st.lists(st.booleans(), min_size=20, max_size=20),
    before=st.lists(st.booleans(), max_size=100),
)
def test_one_more_delivery_never_makes_it_a_collapse(
    recent: list[bool], before: list[bool]
) -> None:
    better = sorted(recent, reverse=True)
    better[sum(recent) : sum(recent) + 1] = [True]
    if judge(recent, before) is None:
        assert judge(better[:20], before) is None


def test_the_evidence_is_a_sentence_in_whatever_language() -> None:
    evidence = Evidence(3, 20, 90, 100)
    assert Evidence.read(evidence.write()) == evidence
    assert said(evidence) == (
        "Of the last 20 older than 15 min, 3 were delivered; before: 18."
    )
    assert said(Evidence(0, 20, 0, 0)).endswith("0 were delivered.")
    assert Evidence.read("Some text of ChatApp's") is None
    assert Evidence.read("[]") is None


HOUR = timedelta(hours=1)


async def sent(
    line: Line, clock: FrozenClock, flags: list[bool], *, hours_ago: float = 1
) -> Campaign:
    """A campaign whose messages were taken then, and arrived or not, oldest first."""
    campaign = await in_orm(lists.running, line, len(flags) + 5)

    def settle() -> None:
        begins = clock.now - timedelta(hours=hours_ago)
        rows = Message.objects.filter(campaign=campaign).order_by("pk")
        for number, (row, arrived) in enumerate(zip(rows, flags, strict=False)):
            status = MessageStatus.DELIVERED if arrived else MessageStatus.ACCEPTED
            at = begins + timedelta(seconds=number)
            Message.objects.filter(pk=row.pk).update(status=status, answered_at=at)
        Campaign.objects.filter(pk=campaign.pk).update(
            served_at=begins,
            waiting=5,
            delivered=sum(flags),
            accepted=flags.count(False),
        )

    await in_orm(settle)
    return campaign


async def heard(since: datetime, until: datetime) -> None:
    """Every minute a status of some message came."""

    def count() -> None:
        campaign = Campaign.objects.latest("pk")
        at = since.replace(second=0, microsecond=0)
        while at < until:
            MinuteCount.objects.create(
                campaign=campaign, kind="heard", minute=at, count=1
            )
            at += timedelta(minutes=1)

    await in_orm(count)


async def stop_reason() -> str:
    return await in_orm(lambda: LineClock.objects.get().stopped_reason)


async def test_a_line_whose_messages_do_not_arrive_is_stopped_and_says_why(
    ledger: Ledger, line: Line, clock: FrozenClock
) -> None:
    campaign = await sent(line, clock, [*of(90, 100), *of(3, 20)])
    await heard(clock.now - HOUR, clock.now)
    assert await ledger.doubt_lines() == [line.pk]
    assert await ledger.doubt_lines() == []
    assert Evidence.read(await stop_reason()) == Evidence(3, 20, 90, 100)
    state = await ledger.look(line.pk)
    assert state is not None and state.is_stopped

    def read() -> str:
        WorkerBeat.objects.create(name="w", started_at=clock.now, beat_at=clock.now)
        hindrance = why_not_now(Campaign.objects.get(pk=campaign.pk))
        return in_words(hindrance) if hindrance else ""

    sentence = await in_orm(read)
    assert "Of the last 20 older than 15 min, 3 were delivered; before: 18." in sentence


async def test_what_is_younger_than_the_limit_may_still_arrive(
    ledger: Ledger, line: Line, clock: FrozenClock
) -> None:
    await sent(line, clock, [*of(90, 100), *of(0, 20)], hours_ago=0.2)
    await heard(clock.now - HOUR, clock.now)
    assert await ledger.doubt_lines() == []


async def test_while_nothing_at_all_is_heard_the_line_is_not_blamed(
    ledger: Ledger, line: Line, clock: FrozenClock
) -> None:
    await sent(line, clock, [*of(90, 100), *of(0, 20)])
    assert await ledger.doubt_lines() == []
    # What people write is no status, nor is what the self-test sends.
    await in_orm(
        lambda: CallbackCount.objects.create(
            day=clock.now.date(), kind="message_in", count=9, last_at=clock.now
        )
    )
    assert await ledger.doubt_lines() == []


async def test_after_an_outage_of_the_callback_the_line_is_not_blamed(
    ledger: Ledger, line: Line, clock: FrozenClock
) -> None:
    """The statuses of those minutes are lost; others come again."""
    await sent(line, clock, [*of(90, 100), *of(0, 20)], hours_ago=1)
    await heard(clock.now - timedelta(hours=3), clock.now - timedelta(minutes=61))
    assert await ledger.doubt_lines() == []
    await heard(clock.now - timedelta(minutes=20), clock.now)
    assert await ledger.doubt_lines() == []


async def test_refusals_and_other_lines_say_nothing_of_a_line(
    ledger: Ledger, line: Line, clock: FrozenClock
) -> None:
    await sent(line, clock, of(0, 20))
    await heard(clock.now - HOUR, clock.now)
    await in_orm(
        lambda: Message.objects.filter(status="accepted").update(status="failed")
    )
    assert await ledger.doubt_lines() == []
    await in_orm(
        lambda: Message.objects.filter(status="failed").update(failed_at=clock.now)
    )
    assert await ledger.doubt_lines() == [line.pk]


async def test_what_was_judged_before_does_not_stop_it_again(
    ledger: Ledger, line: Line, clock: FrozenClock
) -> None:
    await sent(line, clock, of(0, 20))
    await heard(clock.now - HOUR, clock.now)
    await ledger.doubt_lines()
    with pytest.raises(NeedsTest):
        await in_orm(release_line, line_id=line.pk, operator="anna")
    await in_orm(release_line, line_id=line.pk, operator="anna", is_sure=True)
    assert await ledger.doubt_lines() == []
    clock.go_on(hours=2)
    await heard(clock.now - HOUR, clock.now)
    assert await ledger.doubt_lines() == []
    await in_orm(
        lambda: Message.objects.filter(status="accepted").update(
            answered_at=clock.now - timedelta(minutes=20)
        )
    )
    assert await ledger.doubt_lines() == [line.pk]


async def stop(line: Line) -> None:
    await in_orm(lists.running, line, 3, start=900)
    await in_orm(
        lambda: LineClock.objects.filter(line=line).update(
            stopped_at="2026-01-01 00:00+00:00",
            stopped_code=DELIVERY_COLLAPSED,
            stopped_reason=Evidence(3, 20, 90, 100).write(),
        )
    )


async def test_a_stopped_line_sends_a_test_and_nothing_else(
    site: Site, desk: Desk
) -> None:
    await stop(desk.line)
    await desk.let_pauses_pass()
    assert await desk.serve() is None
    assert await desk.sending.ledger.overdue(by_s=2) == []
    gone = await site.post(f"/lines/{desk.line.pk}/release/")
    assert gone.headers["Location"] == f"/lines/{desk.line.pk}/test/"
    page = await site.get(f"/lines/{desk.line.pk}/test/")
    assert "3 were delivered; before: 18." in words(page)
    form = {**hidden(page), "phone": "8 999 000 11 22", "text": "Is it {alive}?"}
    for _ in range(2):  # two clicks
        await site.post(f"/lines/{desk.line.pk}/test/", **form)
    other = {**form, "key": "another page's"}  # of somebody else, at the same time
    await site.post(f"/lines/{desk.line.pk}/test/", **other)
    tests = Campaign.objects.filter(is_line_test=True)
    assert await in_orm(tests.count) == 1
    assert len(await desk.sending.ledger.overdue(by_s=2)) == 1
    await desk.serve()
    await desk.let_pauses_pass()
    assert await desk.serve() is None
    assert desk.accepted() == ["+79990001122"]
    (send,) = desk.sandbox.record.sends()
    assert send.text == "Is it (alive)?"
    page = await site.get(f"/lines/{desk.line.pk}/test/")
    assert "Its delivery has not been told yet." in words(page)
    await in_orm(
        lambda: Message.objects.filter(phone="+79990001122").update(status="delivered")
    )
    page = await site.get(f"/lines/{desk.line.pk}/test/")
    assert "It was delivered: the line works." in words(page)
    await site.post(f"/lines/{desk.line.pk}/release/", sure="yes")
    await desk.let_pauses_pass()
    await desk.serve()
    assert len(desk.accepted()) == 2


async def test_a_test_that_does_not_arrive_warns_and_can_be_repeated(
    site: Site, desk: Desk
) -> None:
    await stop(desk.line)
    page = await site.get(f"/lines/{desk.line.pk}/test/")
    bad = await site.post(f"/lines/{desk.line.pk}/test/", phone="12", text="Hi")
    assert bad.status_code == 422
    form = {**hidden(page), "phone": "+79990001122", "text": "Hi"}
    await site.post(f"/lines/{desk.line.pk}/test/", **form)
    await desk.let_pauses_pass()
    await desk.serve()
    await in_orm(
        lambda: Message.objects.filter(phone="+79990001122").update(
            answered_at="2026-01-01 00:00+00:00"
        )
    )
    page = await site.get(f"/lines/{desk.line.pk}/test/")
    assert "Most probably the line is restricted" in words(page)
    assert "Try once more" in words(page)


async def test_a_line_that_goes_has_no_test(site: Site, line: Line) -> None:
    assert (await site.get(f"/lines/{line.pk}/test/")).status_code == 404
    late = await site.post(f"/lines/{line.pk}/test/", phone="+79990001122", text="Hi")
    assert late.headers["Location"] == f"/lines/{line.pk}/"
