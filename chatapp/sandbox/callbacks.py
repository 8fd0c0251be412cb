"""Callbacks: what is told about a message, when, and to which URL."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from chatapp.sandbox.events import (
    MESSAGE,
    STATUS,
    envelope,
    message_item,
    status_item,
)
from chatapp.sandbox.knobs import Endpoint, Kind, Knob, Knobs
from chatapp.sandbox.licences import Line
from chatapp.sandbox.options import SandboxOptions
from chatapp.sandbox.pump import Pump
from chatapp.sandbox.record import Record, Send
from chatapp.sandbox.store import Store
from chatapp.sandbox.urls import CallbackUrls, probe


@dataclass(frozen=True, slots=True)
class Told:
    """A callback that was posted, and what it was answered: a status or an error.

    Of one that was posted twice, 200 is kept.
    """

    seq: int
    message_seq: int
    label: str
    due: float
    posted_at: float
    answer: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The callbacks of a line with the times they are due."""

    line: Line
    steps: list[tuple[float, int]]
    early: bool = False


class Callbacks:
    """The callbacks on their way to the registered URLs.

    A callback is kept before it is due and marked before it is posted: a restart
    goes on with what was not posted and repeats nothing.
    """

    def __init__(
        self, store: Store, options: SandboxOptions, knobs: Knobs, record: Record
    ) -> None:
        self.urls = CallbackUrls(store)
        self._store = store
        self._options = options
        self._knobs = knobs
        self._record = record
        self._pumps: dict[Line, Pump] = {}
        self._client: httpx.AsyncClient | None = None

    async def open(self) -> None:
        """Start posting, beginning with what an earlier run left."""
        # Certificates of near addresses are seldom signed by anybody known, and no
        # proxy is to see the callbacks.
        self._client = httpx.AsyncClient(
            timeout=self._options.callback_timeout_s, verify=False, trust_env=False
        )
        pending = self._store.rows(
            "SELECT licence_id, messenger, due, seq FROM callbacks"
            " WHERE posted_at IS NULL"
        )
        for licence_id, messenger, due, seq in pending:
            self._pump(Line(licence_id, messenger)).add(due, seq)

    async def close(self) -> None:
        """Stop posting; what is not posted stays in the store."""
        for pump in self._pumps.values():
            await pump.close()
        self._pumps.clear()
        if self._client:
            await self._client.aclose()

    async def register(self, line: Line, url: str, events: list[str]) -> None:
        """Set the URL of a line; ApiError unless it answers 200 to an empty POST."""
        await probe(self._http, url)
        self.urls.put(line, url, events)

    def plan(self, send: Send) -> Plan:
        """Keep the callbacks of a message just accepted, as the knobs want them."""
        if self._knob(send, Kind.STATUS_DROPPED):
            return Plan(send.line, [])
        late = self._knob(send, Kind.STATUS_LATE)
        start = send.at + (late.seconds if late else 0)
        statuses = self._statuses(send, start)
        if self._knob(send, Kind.STATUS_REVERSED):
            last = max((at for _, at, _ in statuses), default=start)
            dues = [last] * len(statuses)
            statuses.reverse()
        else:
            dues = [at for _, at, _ in statuses]
        copies = 2 if self._knob(send, Kind.STATUS_DOUBLED) else 1
        early = self._knob(send, Kind.STATUS_EARLY) is not None
        steps: list[tuple[float, int]] = []
        if self._knob(send, Kind.ECHO):
            steps += self._keep(send, MESSAGE, "echo", message_item(send), start)
        for due, (kind, at, error) in zip(dues, statuses, strict=True):
            item = status_item(send, kind, at, error)
            steps += self._keep(send, STATUS, kind, item, due, copies)
        return Plan(send.line, steps, early)

    async def follow(self, plan: Plan) -> None:
        """Let the callbacks of a plan go out when they are due, or early ones now."""
        if plan.early:
            await self._post(plan.line, [seq for _, seq in plan.steps])
            return
        for due, seq in plan.steps:
            self._pump(plan.line).add(due, seq)

    async def status(self, send: Send, kind: str, error: Any = None) -> None:
        """Post one more status of a message now."""
        now = time.time()
        item = status_item(send, kind, now, error)
        await self.follow(Plan(send.line, self._keep(send, STATUS, kind, item, now)))

    async def echo(self, send: Send) -> None:
        """Post a message of ours now, as a ``message`` event."""
        now = time.time()
        steps = self._keep(send, MESSAGE, "echo", message_item(send), now)
        await self.follow(Plan(send.line, steps))

    async def incoming(self, line: Line, phone: str, text: str) -> Send:
        """Let somebody write to a line."""
        message_id = f"in.{time.time_ns()}"
        send = self._record.add(
            line=line,
            phone=phone,
            text=text,
            message_id=message_id,
            answer="",
            side="in",
        )
        steps = self._keep(send, MESSAGE, "incoming", message_item(send), send.at)
        await self.follow(Plan(line, steps))
        return send

    def told(self, seqs: list[int]) -> dict[int, list[tuple[str, str | None]]]:
        """What was called back about messages: labels and what was answered."""
        marks = ",".join("?" * len(seqs))
        rows = self._store.rows(
            "SELECT message_seq, label, answer FROM callbacks WHERE posted_at NOTNULL"
            f" AND message_seq IN ({marks}) ORDER BY posted_at, seq",
            *seqs,
        )
        found: dict[int, list[tuple[str, str | None]]] = {}
        for seq, label, answer in rows:
            found.setdefault(seq, []).append((label, answer))
        return found

    def posted(self, after: int, limit: int) -> list[Told]:
        """The callbacks after ``after`` that were posted, oldest first."""
        rows = self._store.rows(
            "SELECT seq, message_seq, label, due, posted_at, answer FROM callbacks"
            " WHERE posted_at NOTNULL AND seq>? ORDER BY seq LIMIT ?",
            after,
            limit,
        )
        return [Told(*row) for row in rows]

    def pending(self) -> int:
        """How many callbacks wait for their time."""
        number: int
        (number,) = self._store.row(
            "SELECT COUNT(*) FROM callbacks WHERE posted_at IS NULL"
        )
        return number

    @property
    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            raise RuntimeError("the sandbox has not been started")
        return self._client

    def _knob(self, send: Send, kind: Kind) -> Knob | None:
        return self._knobs.take((kind,), Endpoint.SEND, send.phone)

    def _statuses(self, send: Send, start: float) -> list[tuple[str, float, Any]]:
        statuses: list[tuple[str, float, Any]]
        statuses = [
            (kind, start + after, None) for kind, after in self._options.statuses
        ]
        failed = self._knob(send, Kind.STATUS_FAILED)
        if failed is None:
            return statuses
        error: Any = failed.message or "Message undeliverable"
        if failed.code:
            error = {"code": failed.code, "message": error}
        at = statuses[-1][1] if statuses else start
        return [*statuses[:1], ("failed", at, error)]

    def _keep(
        self,
        send: Send,
        event: str,
        label: str,
        item: dict[str, Any],
        due: float,
        copies: int = 1,
    ) -> list[tuple[float, int]]:
        wanted = self.urls.get(send.line)
        if wanted is None or event not in wanted[1]:
            return []
        seq = self._store.insert(
            "INSERT INTO callbacks (message_seq, licence_id, messenger, event, label,"
            " item, due, copies) VALUES (?,?,?,?,?,?,?,?)",
            send.seq,
            *send.line,
            event,
            label,
            json.dumps(item, ensure_ascii=False),
            due,
            copies,
        )
        return [(due, seq)]

    def _pump(self, line: Line) -> Pump:
        pump = self._pumps.get(line)
        if pump is None:
            pump = self._pumps[line] = Pump(
                lambda seqs: self._post(line, seqs),
                batch_size=self._options.batch_size,
                batch_wait_s=self._options.batch_wait_s,
            )
        return pump

    async def _post(self, line: Line, seqs: list[int]) -> None:
        """Post callbacks, one body for each event; doubled ones once more after."""
        marks = ",".join("?" * len(seqs))
        rows = self._store.rows(
            f"SELECT seq, event, item, copies FROM callbacks WHERE seq IN ({marks})",
            *seqs,
        )
        rows.sort(key=lambda row: seqs.index(row[0]))
        for event in dict.fromkeys(row[1] for row in rows):
            batch = [row for row in rows if row[1] == event]
            await self._post_batch(line, event, batch)
            if doubled := [row for row in batch if row[3] > 1]:
                await self._post_batch(line, event, doubled)

    async def _post_batch(self, line: Line, event: str, batch: list[Any]) -> None:
        seqs = [row[0] for row in batch]
        marks = ",".join("?" * len(seqs))
        self._store.run(
            f"UPDATE callbacks SET posted_at=? WHERE seq IN ({marks})",
            time.time(),
            *seqs,
        )
        body = envelope(line, event, [json.loads(row[2]) for row in batch])
        answer = await self._deliver(line, body)
        self._store.run(
            f"UPDATE callbacks SET answer=? WHERE seq IN ({marks})"
            " AND answer IS NOT '200'",
            answer,
            *seqs,
        )

    async def _deliver(self, line: Line, body: dict[str, Any]) -> str:
        registered = self.urls.get(line)
        if registered is None:
            return "no URL any more"
        try:
            answer = await self._http.post(registered[0], json=body)
        except httpx.HTTPError as error:
            return type(error).__name__
        return str(answer.status_code)
