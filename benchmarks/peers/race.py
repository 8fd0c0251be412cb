"""How fast the peers send the same messages, beside ours: `send` ÷ the best of them.

Each keeps to the measured core in a process of its own, its Redis, which is ours alone,
to the servers'. It makes the two writes of a message and nothing else: no counters, no
history, no pace, and nothing that settles what a dead worker leaves behind.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop
from django.db import connection

from asgi_app import children
from asgi_app.valkey import PrivateValkey
from benchmarks.figures import Figure, at_least
from benchmarks.peers.venvs import NoVenv, interpreter
from benchmarks.peers.work import Work
from benchmarks.rig import Rig
from benchmarks.sending import send_all

PEERS = ("arq", "celery", "saq")
ROUNDS = 3
# A worker that is slower than this, its queue filled, hangs.
SLOWEST_PER_S = 20
START_S = 60.0

_TABLE = """\
CREATE TABLE peer_messages (
    id BIGINT PRIMARY KEY,
    phone VARCHAR(16) NOT NULL,
    status VARCHAR(16) NOT NULL,
    answer VARCHAR(64) NULL,
    updated_at DATETIME(6) NOT NULL
)"""
_FILL = (
    "INSERT INTO peer_messages (id, phone, status, updated_at) "
    "VALUES (%s, %s, 'waiting', UTC_TIMESTAMP(6))"
)
_DONE = "SELECT COUNT(*) FROM peer_messages WHERE status = 'accepted' AND answer <> ''"


class PeerFailed(RuntimeError):
    """A peer did not send everything; the text says why in one line."""


@dataclass(frozen=True)
class Told:
    """What a peer measured of itself."""

    recorded: int
    seconds: float
    cpu_seconds: float

    @property
    def per_s(self) -> float:
        return self.recorded / self.seconds

    @property
    def cpu_ms(self) -> float:
        return self.cpu_seconds * 1000 / self.recorded


def measure(rig: Rig, count: int) -> list[Figure]:
    """`send peers`: every peer and ours, one after the other."""
    problems: dict[str, str] = {}
    pythons: dict[str, Path] = {}
    for name in PEERS:
        try:
            pythons[name] = interpreter(name)
        except NoVenv as exc:
            problems[name] = str(exc)
    rates: dict[str, list[float]] = {name: [] for name in pythons}
    ours: list[float] = []
    for number in range(ROUNDS):
        for name, python in pythons.items():
            if name in problems:
                continue
            try:
                told = _send(rig, name, python, count)
            except PeerFailed as exc:
                problems[name] = str(exc)
                continue
            rates[name].append(told.per_s)
            print(f"{name}: {told.per_s:,.0f}/s, {told.cpu_ms:.2f} ms of CPU each")
        pace = uvloop.run(send_all(rig, count, start=number * count))
        ours.append(pace.per_s)
    return [judged(ours, rates, problems)]


def judged(
    ours: Sequence[float],
    rates: Mapping[str, Sequence[float]],
    problems: Mapping[str, str],
) -> Figure:
    """Ours beside the best peer, or, since it may be the best, why one did not run."""
    goal = at_least(3, of_ratio=True)
    value = median(ours)
    if problems:
        reason = "; ".join(f"{name}: {why}" for name, why in problems.items())
        return Figure("send peers", value, "messages/s", goal, reason)
    medians = {name: median(each) for name, each in rates.items()}
    best = max(medians, key=lambda name: medians[name])
    return Figure(
        "send peers", value, "messages/s", goal, f"best peer, {best}", medians[best]
    )


def read(output: str) -> Told:
    """What a peer printed, below whatever its worker logs. Raises PeerFailed."""
    for line in reversed(output.splitlines()):
        if line.startswith('{"recorded"'):
            return Told(**json.loads(line))
    raise PeerFailed(next(reversed(output.strip().splitlines()), "it said nothing"))


def _send(rig: Rig, name: str, python: Path, count: int) -> Told:
    """A round of one peer. Raises PeerFailed."""
    with tempfile.TemporaryDirectory() as folder:
        redis = PrivateValkey(Path(folder))
        with rig.beside():
            redis.start()
        try:
            work = Work(count, rig.api_url, rig.database_url, redis.url)
            _fill(work)
            told = read(_output(work, name, python))
        finally:
            redis.stop()
    with connection.cursor() as cursor:
        cursor.execute(_DONE)
        done = cursor.fetchone()[0]
    if done != count:
        raise PeerFailed(f"only {done} of {count} are recorded")
    return told


def _fill(work: Work) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS peer_messages")
        cursor.execute(_TABLE)
        cursor.executemany(_FILL, list(work.messages()))


def _output(work: Work, name: str, python: Path) -> str:
    process = children.spawn(
        [str(python), "-m", f"benchmarks.peers.with_{name}"],
        # Celery would look for Django, which is not there.
        env={**work.environment, "DJANGO_SETTINGS_MODULE": ""},
        output=subprocess.PIPE,
    )
    limit_s = START_S + work.count / SLOWEST_PER_S
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise PeerFailed(f"it did not end within {limit_s:.0f} s") from None
    finally:
        process.kill()
        process.wait()
    return output.decode(errors="replace")
