from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from asgi_app.database import in_orm, orm_now
from campaigns.ledger import Ledger
from campaigns.ledger.entries import Claimed, HeardStatus, Outcome
from campaigns.ledger.shelf import Heard
from campaigns.models import CallbackCount, Campaign, MinuteCount
from campaigns.silence import Cause, Facts, Silence, Tone, look
from campaigns.silence_selectors import read_silence
from campaigns.silence_words import sentence
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists
from tests.campaigns.browser import Site, words

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


# 60 messages in half an hour, and as a rule two statuses of each: one every 15 s.
BUSY = Facts(
    now=NOW,
    sent_lately=60,
    sent_for=timedelta(minutes=30),
    unanswered_since=ago(0.5),
    sent=400,
    heard=800,
    delivered=200,
    read=150,
    status_at=ago(0.5),
    callback_at=ago(0.5),
)


def found(**changed: object) -> Silence:
    """The clock, where messages left all the while since the last status."""
    status_at = changed.get("status_at", BUSY.status_at)
    changed.setdefault("unanswered_since", status_at or ago(30))
    silence = look(replace(BUSY, **changed))  # type: ignore[arg-type]
    assert silence is not None
    return silence


@pytest.mark.parametrize(
    ("changed", "tone", "cause"),
    [
        ({}, Tone.CALM, Cause.NONE),
        ({"status_at": ago(2.9)}, Tone.CALM, Cause.NONE),
        ({"status_at": ago(4), "callback_at": ago(4)}, Tone.AMBER, Cause.BROKEN),
        ({"status_at": ago(12), "callback_at": ago(12)}, Tone.RED, Cause.BROKEN),
        ({"status_at": None, "callback_at": None}, Tone.RED, Cause.BROKEN),
        # People write, and are heard: only the statuses are missing.
        ({"status_at": ago(12), "callback_at": ago(1)}, Tone.RED, Cause.NOT_SUBSCRIBED),
        ({"status_at": None, "callback_at": ago(1)}, Tone.RED, Cause.NOT_SUBSCRIBED),
        ({"status_at": None, "callback_at": ago(90)}, Tone.RED, Cause.BROKEN),
        ({"read": 10}, Tone.CALM, Cause.NOT_READ),
        ({"delivered": 9, "read": 0}, Tone.CALM, Cause.NONE),
        # One message in half an hour: a quarter of an hour says nothing.
        ({"sent_lately": 1, "status_at": ago(14)}, Tone.CALM, Cause.NONE),
        # What was sent just now cannot have been answered an hour ago.
        ({"unanswered_since": ago(1), "status_at": ago(600)}, Tone.CALM, Cause.NONE),
        # What came seconds after the last status says nothing of the silence since.
        ({"status_at": ago(12), "callback_at": ago(11.9)}, Tone.RED, Cause.BROKEN),
        # Everything has its statuses, and nothing was sent since.
        ({"unanswered_since": None, "status_at": ago(25)}, Tone.CALM, Cause.NONE),
    ],
)
def test_the_clock_tells_what_the_silence_means(
    changed: dict[str, object], tone: Tone, cause: Cause
) -> None:
    silence = found(**changed)
    assert (silence.tone, silence.cause) == (tone, cause)


def test_the_sentence_says_how_long_and_how_often() -> None:
    assert sentence(found(status_at=ago(2))) == (
        "Last status 2 min ago; one every 15 s is expected at this pace."
    )
    assert sentence(found(status_at=None)).startswith("No status has come for 30 min")


def test_the_pace_counts_from_the_first_message() -> None:
    begun = found(sent_lately=10, sent_for=timedelta(minutes=5))
    assert begun.every == timedelta(seconds=15)


def test_before_anything_is_sent_nothing_is_said() -> None:
    assert look(replace(BUSY, sent_lately=0)) is None


async def test_a_status_is_heard_once_however_often_it_is_told(
    ledger: Ledger, line: Line
) -> None:
    await in_orm(lists.running, line, 1)
    state = await ledger.look(line.pk)
    assert state is not None
    (claimed,) = (await ledger.claim(state, await ledger.find_due(state, 1))).messages
    assert isinstance(claimed, Claimed)
    accepted = Outcome(claimed, MessageStatus.ACCEPTED, state.now, message_id="m1")
    await ledger.record(accepted)

    async def tell(kind: str, digest: str) -> None:
        status = HeardStatus(digest, kind, kind, "m1", claimed.tracking, 1, NOW)
        told = Heard([status], {"status": 1})
        await ledger.shelve(told)
        await ledger.apply(told)

    await tell("echoed", "e")  # our own message, which is no status
    await tell("sent", "a")
    await tell("delivered", "b")
    await tell("delivered", "c")
    counted = MinuteCount.objects.filter(kind="heard").values_list("count", flat=True)
    assert sum(await in_orm(list, counted)) == 2


async def test_the_pages_show_the_clock_and_the_test_beside_it(
    site: Site, line: Line
) -> None:
    campaign = await in_orm(lists.running, line, 50)

    def be_silent() -> None:
        now = orm_now()
        Campaign.objects.update(served_at=now)
        for minutes in (25, 15):
            MinuteCount.objects.create(
                campaign=campaign,
                kind="sent",
                minute=now - timedelta(minutes=minutes),
                count=20,
            )
        MinuteCount.objects.create(
            campaign=campaign,
            kind="heard",
            minute=now - timedelta(minutes=21),
            count=80,
        )
        CallbackCount.objects.create(
            day=now.date(),
            kind="status",
            count=1,
            last_at=now - timedelta(minutes=20),
        )

    await in_orm(be_silent)
    for path in (f"/campaigns/{campaign.pk}/", f"/lines/{line.pk}/", "/queue/"):
        page = await site.get(path)
        assert "Silence. Last status 20 min ago; one every 19 s" in words(page), path
        assert "Test the callback" in words(page)


async def test_another_line_and_the_self_test_say_nothing_of_a_line(
    line: Line,
) -> None:
    def read() -> Silence | None:
        now = orm_now()
        campaign = lists.running(line, 50)
        Campaign.objects.update(served_at=now)
        MinuteCount.objects.create(
            campaign=campaign, kind="sent", minute=now - timedelta(minutes=25), count=40
        )
        for kind in ("status", "selftest"):
            CallbackCount.objects.create(
                day=now.date(), kind=kind, count=1, last_at=now
            )
        CallbackCount.objects.filter(kind="status").update(
            last_at=now - timedelta(minutes=1)
        )
        return read_silence(now, line_id=line.pk)

    silence = await in_orm(read)
    assert silence is not None
    # Nothing was heard of this line; a status of some other, and a self-test, came.
    assert (silence.tone, silence.cause) == (Tone.RED, Cause.BROKEN)
    assert not silence.has_heard
