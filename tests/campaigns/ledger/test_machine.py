"""Any order, any duplicates, any interleaving: the books balance after every step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from asgi_app.database import Door, open_door
from campaigns import decisions, services
from campaigns.audit import audit
from campaigns.history import EVIDENCE, EventKind, Standing, split_tracking
from campaigns.ledger import Ledger
from campaigns.ledger.entries import Claimed, HeardStatus, LostClaim, Outcome
from campaigns.ledger.shelf import Heard
from campaigns.models import Campaign, Message, ShelvedStatus
from campaigns.states import MessageStatus
from chatapp.models import Line
from tests.campaigns import lists

T = TypeVar("T")
STATUSES = [EventKind.SENT, EventKind.DELIVERED, EventKind.READ, EventKind.FAILED]
OUTCOMES = [
    MessageStatus.ACCEPTED,
    MessageStatus.FAILED,
    MessageStatus.UNSURE,
    MessageStatus.WAITING,
]


@dataclass
class Sent:
    """An attempt as ChatApp knows it."""

    claimed: Claimed
    message_id: str
    statuses: list[EventKind] = field(default_factory=list)


class Books(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        Campaign.objects.all().delete()
        ShelvedStatus.objects.all().delete()
        Line.objects.all().delete()
        self.runner = asyncio.Runner()
        self.door, self.ledger = self.runner.run(_opened())
        self.line = Line.objects.create(licence_id="1", messenger="grWhatsApp")
        self.campaign = lists.running(self.line, 4)
        self.who: Any = {"campaign_id": self.campaign.pk, "operator": "anna"}
        self.left: set[str] = set()
        self.sent: list[Sent] = []
        self.at = self.run(self.ledger.now())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.ledger.apply_matching())
        for fault in audit():
            raise AssertionError(str(fault))
        for sent in self.sent:
            row = Message.objects.get(pk=sent.claimed.message_id)
            shown = Standing(MessageStatus(row.status), row.attempt, True)
            is_earlier = sent.claimed.attempt < row.attempt
            for kind in sent.statuses:
                # A failure of an earlier attempt was answered by a person.
                if is_earlier and (
                    kind == EventKind.FAILED
                    or (kind == EventKind.SENT and EventKind.FAILED in sent.statuses)
                ):
                    continue
                assert shown.rank >= Standing(EVIDENCE[kind], 1, True).rank
        self.run(_closed(self.door))
        self.runner.close()

    @invariant()
    def the_books_balance(self) -> None:
        assert list(audit()) == []

    def claim(self, *, for_s: float = 90) -> Claimed | None:
        state = self.run(self.ledger.look(self.line.pk))
        if state is None or state.head is None or state.is_stopped:
            return None
        due = self.run(self.ledger.find_due(state, 1))
        try:
            claim = self.run(self.ledger.claim(state, due, for_s=for_s))
        except LostClaim:
            return None
        (claimed,) = claim.messages
        assert claimed.tracking not in self.left, "an attempt leaves once"
        return claimed

    def record(self, claimed: Claimed, status: MessageStatus, message_id: str) -> None:
        accepted = status == MessageStatus.ACCEPTED
        outcome = Outcome(
            claimed,
            status,
            self.at,
            message_id=message_id if accepted else None,
            code="" if accepted else "code",
        )
        self.run(self.ledger.record(outcome))

    @rule(status=st.sampled_from(OUTCOMES), took=st.booleans(), twice=st.booleans())
    def send(self, status: MessageStatus, took: bool, twice: bool) -> None:
        claimed = self.claim()
        if claimed is None:
            return
        message_id = f"id-{claimed.tracking}"
        accepted = status == MessageStatus.ACCEPTED
        if accepted or (status == MessageStatus.UNSURE and took):
            self.sent.append(Sent(claimed, message_id))
        if status != MessageStatus.WAITING:
            self.left.add(claimed.tracking)
        for _ in range(1 + twice):
            self.record(claimed, status, message_id)

    @rule(took=st.booleans(), answers_late=st.booleans())
    def die_between_claim_and_record(self, took: bool, answers_late: bool) -> None:
        claimed = self.claim(for_s=-1)
        if claimed is None:
            return
        self.left.add(claimed.tracking)
        assert self.run(self.ledger.give_up_claims()) == 1
        if took:
            message_id = f"id-{claimed.tracking}"
            self.sent.append(Sent(claimed, message_id))
            if answers_late:
                self.record(claimed, MessageStatus.ACCEPTED, message_id)

    @precondition(lambda self: self.sent)
    @rule(
        data=st.data(),
        kinds=st.lists(st.sampled_from(STATUSES), min_size=1, max_size=4),
        by_tracking=st.booleans(),
        applies=st.booleans(),
    )
    def tell(
        self,
        data: st.DataObject,
        kinds: list[EventKind],
        by_tracking: bool,
        applies: bool,
    ) -> None:
        sent = data.draw(st.sampled_from(self.sent))
        sent.statuses += kinds
        base, attempt = split_tracking(sent.claimed.tracking)
        heard = Heard(
            [
                HeardStatus(
                    digest=f"{sent.message_id}{kind}",
                    kind=kind,
                    type=kind,
                    message_id=sent.message_id,
                    # Without it the status waits for the id to be recorded.
                    tracking=base if by_tracking or not _knows(sent) else "",
                    attempt=attempt,
                    at=self.at + timedelta(seconds=STATUSES.index(kind)),
                )
                for kind in kinds
            ],
            {"status": len(kinds)},
        )
        self.run(self.ledger.shelve(heard))
        if applies:
            self.run(self.ledger.apply(heard))

    @rule()
    def sweep(self) -> None:
        self.run(self.ledger.apply_matching())
        assert self.run(self.ledger.apply_matching()) == 0

    @rule(
        decide=st.sampled_from(
            [decisions.assume_sent, decisions.send_again, decisions.retry_failed]
        )
    )
    def decide(self, decide: Callable[..., int]) -> None:
        decide(**self.who)

    @rule()
    def pause_and_resume(self) -> None:
        try:
            services.pause_campaign(**self.who)
        except services.NotPossibleNow:
            return
        assert self.claim() is None
        services.resume_campaign(**self.who)

    @rule()
    def release(self) -> None:
        decisions.release_line(line_id=self.line.pk, operator="anna")


async def _opened() -> tuple[Door, Ledger]:
    door = open_door()
    return door, Ledger(door, worker="machine")


async def _closed(door: Door) -> None:
    await door.close()
    # Sockets end in the loop's next rounds.
    await asyncio.sleep(0.01)


def _knows(sent: Sent) -> bool:
    """Whether the message's row knows the id already."""
    row = Message.objects.get(pk=sent.claimed.message_id)
    earlier = row.earlier_attempts.filter(message_id=sent.message_id)
    return row.message_id == sent.message_id or earlier.exists()


@pytest.mark.timeout(120)
def test_the_books_balance_whatever_happens(transactional_db: None) -> None:
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
