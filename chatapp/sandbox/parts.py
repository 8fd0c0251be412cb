"""The parts of a sandbox that its endpoints and pages share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from chatapp.sandbox.callbacks import Callbacks
from chatapp.sandbox.knobs import Knobs
from chatapp.sandbox.options import Credentials, SandboxOptions
from chatapp.sandbox.record import Record
from chatapp.sandbox.store import Store
from chatapp.sandbox.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Parts:
    """State, knobs and what works on them."""

    store: Store
    options: SandboxOptions
    knobs: Knobs
    record: Record
    tokens: Tokens
    callbacks: Callbacks

    @classmethod
    def make(
        cls,
        state_path: Path | None,
        credentials: Credentials | None,
        options: SandboxOptions,
    ) -> Parts:
        """The parts around one store, in memory if there is no path."""
        store = Store(state_path)
        knobs = Knobs()
        record = Record(store)
        return cls(
            store=store,
            options=options,
            knobs=knobs,
            record=record,
            tokens=Tokens(store, options, credentials),
            callbacks=Callbacks(store, options, knobs, record),
        )
