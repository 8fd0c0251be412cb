"""Compares the sandbox's record with our database; the sandbox is right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.chaos.facts import Event, Halt, Row, Send, Told

TAKEN = frozenset({"accepted", "sent", "delivered", "read", "assumed_sent"})
OPEN = frozenset({"waiting", "claimed"})
# What a row may be called when the sandbox has accepted its message.
HONEST = TAKEN | {"unsure"}
LADDER = {"accepted": 1, "sent": 2, "delivered": 3, "read": 4, "viewed": 4}
ENDS_A_CLAIM = frozenset({"accepted", "refused", "unsure", "given_back", "no_answer"})
MAKES_UNSURE = frozenset({"unsure", "no_answer"})
CUT = frozenset(
    {"never answered", "connection closed", "connection reset", "half an answer"}
)


@dataclass
class Verdict:
    """The numbers of a seed, and each finding in words."""

    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    unsure: int = 0
    settled: int = 0
    bound: int = 0
    unexcused: int = 0
    # Unsure to the end though accepted: no harm, but the chat's history had them.
    overlooked: int = 0
    findings: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (
            self.lost
            or self.doubled
            or self.wrong
            or self.unexcused
            or self.unsure > self.bound
        )


@dataclass(frozen=True)
class Case:
    """Everything that is known of a seed."""

    sends: Sequence[Send]
    told: Sequence[Told]
    rows: Sequence[Row]
    events: Sequence[Event]
    halts: Sequence[Halt]


def judge(case: Case) -> Verdict:
    """Says what was lost, doubled, wrong, and unsure without a cause."""
    verdict = Verdict()
    accepted: dict[str, Send] = {}
    times: Counter[tuple[tuple[str, str], str]] = Counter()
    for send in case.sends:
        if send.accepted:
            accepted.setdefault(send.phone, send)
            times[send.line, send.phone] += 1
    for (_, phone), count in times.items():
        if count > 1:
            verdict.doubled += 1
            verdict.findings.append(f"doubled: {phone} was accepted {count} times")
    confirmed, posted = _told(case.told)
    for row in case.rows:
        send_ = accepted.get(row.phone)
        if send_ is None:
            _judge_absent(row, verdict)
            continue
        verdict.overlooked += row.status == "unsure"
        if fault := _fault(row, send_, confirmed[send_.seq], posted[send_.seq]):
            verdict.wrong += 1
            verdict.findings.append(f"wrong: {fault}: {row}, {send_}")
    known = {row.phone for row in case.rows}
    for phone in accepted.keys() - known:
        verdict.wrong += 1
        verdict.findings.append(f"wrong: {phone} was accepted and is on no list")
    _judge_unsure(case, verdict)
    return verdict


def _told(told: Iterable[Told]) -> tuple[dict[int, int], dict[int, int]]:
    """By send: the highest status that we answered with 200, and that was posted."""
    confirmed: dict[int, int] = defaultdict(int)
    posted: dict[int, int] = defaultdict(int)
    for one in told:
        rank = LADDER.get(one.label, 0)
        posted[one.send] = max(posted[one.send], rank)
        if one.answer == "200":
            confirmed[one.send] = max(confirmed[one.send], rank)
    return confirmed, posted


def _judge_absent(row: Row, verdict: Verdict) -> None:
    """A row whose message the sandbox has not accepted."""
    if row.status in TAKEN or row.status in OPEN:
        verdict.lost += 1
        verdict.findings.append(f"lost: not accepted by the sandbox: {row}")
    elif row.status != "unsure":
        # No fault here refuses a message for good.
        verdict.wrong += 1
        verdict.findings.append(f"wrong: nobody has refused or cancelled it: {row}")


def _fault(row: Row, send: Send, confirmed: int, posted: int) -> str:
    """What is wrong with a row whose message the sandbox has accepted."""
    rank = LADDER.get(row.status, 0)
    if row.status not in HONEST:
        return "accepted by the sandbox"
    if row.tracking != send.tracking:
        return "sent with another tracking"
    if row.message_id != send.message_id and (row.message_id or row.status in LADDER):
        return "another id"
    if rank < confirmed:
        return f"below the status {confirmed} that was answered with 200"
    if rank > max(posted, LADDER["accepted"]):
        return f"above the status {posted} that was told"
    return ""


def _judge_unsure(case: Case, verdict: Verdict) -> None:
    """Each message that ever was unsure needs a cause of its own."""
    rows = {row.pk: row for row in case.rows}
    was_unsure = {e.row: e for e in case.events if e.kind in MAKES_UNSURE}
    bent = {send.phone for send in case.sends if is_bent(send.answer)}
    halted = under_way_at_halts(case)
    early = _told_early(case)
    verdict.bound = len(bent) + len(halted)
    for pk, event in was_unsure.items():
        row = rows[pk]
        verdict.unsure += 1
        verdict.settled += row.status != "unsure"
        if row.phone in bent or pk in halted:
            continue
        if row.phone in early and event.code == "read_timeout":
            verdict.bound += 1
            continue
        verdict.unexcused += 1
        verdict.findings.append(f"unsure without a cause: {event}, {row}")


def _told_early(case: Case) -> set[str]:
    """Phones whose answer waited for callbacks of ours that came before it.

    While our database is away, such a callback takes longer than the worker's patience
    with the send: a request that hung, though the record says 200.
    """
    phones = {send.seq: send.phone for send in case.sends}
    return {phones[one.send] for one in case.told if one.posted_at < one.due}


def is_bent(answer: str) -> bool:
    """Whether the sandbox cut the request, left it hanging or answered 5xx."""
    return answer in CUT or answer.startswith("5")


def under_way_at_halts(case: Case) -> set[int]:
    """Rows that a worker had claimed and not recorded when it was killed or stopped."""
    found: set[int] = set()
    claim: dict[int, Event] = {}
    for event in case.events:  # in the order of their keys
        if event.kind == "claimed":
            claim[event.row] = event
        elif event.kind in ENDS_A_CLAIM and event.row in claim:
            begun = claim.pop(event.row)
            found |= {
                event.row
                for halt in case.halts
                if halt.worker in begun.worker
                and begun.at <= halt.until
                and halt.since <= event.at
            }
    return found
