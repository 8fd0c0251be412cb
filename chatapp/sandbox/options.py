"""What can be set when a sandbox is made."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_S = 24 * 60 * 60.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """The only account that may log in; without one, anybody may."""

    email: str
    password: str = field(repr=False)
    app_id: str


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """Lifetimes, limits and the rhythm of the callbacks; ``_s`` is in seconds."""

    access_lifetime_s: float = DAY_S
    refresh_lifetime_s: float = 14 * DAY_S
    tokens_a_day: int = 100
    # Requests a second for one address; None lifts the limit.
    rate_limit: int | None = 50
    # What becomes of an accepted message, and how long after its acceptance.
    statuses: tuple[tuple[str, float], ...] = (
        ("sent", 0.5),
        ("delivered", 2.0),
        ("viewed", 6.0),
    )
    # How long a callback that is due waits for company in its batch.
    batch_wait_s: float = 0.0
    batch_size: int = 100
    callback_timeout_s: float = 10.0


DEFAULT = SandboxOptions()
