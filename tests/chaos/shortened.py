"""Times of the program that are shorter under chaos, so that a seed takes a minute."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import timedelta
from functools import partial, partialmethod
from typing import Any

CLAIM_S = 8.0
READ_TIMEOUT_S = 3.5


@dataclass(frozen=True)
class Shortened:
    """A constant of one or more modules; times in seconds."""

    words: str
    name: str
    real: float
    short: float
    modules: tuple[str, ...]

    def apply(self) -> None:
        """Raises RuntimeError when the program's own value is another by now."""
        for path in self.modules:
            module = importlib.import_module(path)
            _set(module, self.name, self.real, self.short)


CONSTANTS = (
    Shortened(
        "claim deadline",
        "CLAIM_S",
        90.0,
        CLAIM_S,
        ("campaigns.ledger.claims", "campaigns.sending", "campaigns.each_on_its_own"),
    ),
    Shortened("least time for a request", "MIN_LEFT_S", 5, 1, ("chatapp.repeats",)),
    Shortened("wait after a 429", "BACK_OFF_S", 5, 1, ("chatapp.repeats",)),
    Shortened("a token's short life", "SHORT_LIFE", 60, 3, ("chatapp.renewal",)),
    Shortened("least setback", "BACKOFF_LEAST_S", 5, 0.5, ("campaigns.pacing",)),
    Shortened("longest setback", "BACKOFF_MOST_S", 60, 3, ("campaigns.pacing",)),
    Shortened("first look", "FIRST_LOOK_S", 60, 3, ("campaigns.ledger.records",)),
    Shortened("second look", "SECOND_LOOK_AFTER", 840, 3, ("campaigns.ledger.looks",)),
    Shortened("look put off", "LATER", 60, 2, ("campaigns.settling",)),
    Shortened(
        "probe of a stopped line", "PROBE_AFTER_S", 60, 1, ("campaigns.ledger.brake",)
    ),
)
# These are arguments or lists and not constants; `apply_all` says how they are set.
READ_TIMEOUT = ("read timeout", 30, READ_TIMEOUT_S)
SWEEP = ("sweep", 5, 1)
SETTLE = ("settle", 15, 2)
POLL = ("poll of Redis", 0.1, 0.02)


def described() -> str:
    """What was shortened, from what to what, in a line."""
    named = [(c.words, c.real, c.short) for c in CONSTANTS]
    listed = [*named, READ_TIMEOUT, SWEEP, SETTLE, POLL]
    return ", ".join(f"{words} {real:g}→{short:g} s" for words, real, short in listed)


def apply_all(worker: Any) -> None:
    """Shortens the times in this process, which is a worker; before it runs."""
    for constant in CONSTANTS:
        constant.apply()
    # A default is bound when its function is defined.
    claims = importlib.import_module("campaigns.ledger.claims").Claims
    claims.claim = partialmethod(claims.claim, for_s=CLAIM_S)
    resources: Any = importlib.import_module("asgi_app.resources")
    resources.open_http = partial(resources.open_http, read_timeout_s=READ_TIMEOUT_S)
    settings = worker.WorkerSettings
    _set(settings, "poll_delay", POLL[1], POLL[2])
    for job in settings.cron_jobs:
        if job.name in {"cron:sweep", "cron:settle"}:
            every_s = SWEEP[2] if job.name == "cron:sweep" else SETTLE[2]
            job.second = set(range(0, 60, every_s))


def _set(owner: Any, name: str, real: float, short: float) -> None:
    current = getattr(owner, name)
    is_delta = isinstance(current, timedelta)
    if (current.total_seconds() if is_delta else current) != real:
        raise RuntimeError(f"{name} is {current} and not {real:g}: tell chaos")
    setattr(owner, name, timedelta(seconds=short) if is_delta else short)
