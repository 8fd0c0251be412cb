"""What can go wrong with a call to ChatApp, told apart by what to do next.

ChatAppError
├── Refused             the API said no: sending again will not help
│   └── TokenRefused    the access token is not accepted: renew it and repeat
├── RetryLater          nothing was taken: later it may go through
│   ├── TokenUnavailable  there is no usable token now
│   └── OutOfTime         the deadline leaves no room for a request
├── NotReached          no connection was made
└── Unsure              it left, and what became of it is not known
"""

from __future__ import annotations

RAW_LIMIT = 2_000
TEXT_LIMIT = 500


class ChatAppError(Exception):
    """Says why a call to ChatApp has no result.

    `code` is the API's own error code where it gave one, else ours in snake_case.
    """

    left = True
    """Whether the request left this machine and may have had an effect."""
    safe_to_repeat = False

    def __init__(
        self,
        code: str,
        text: str = "",
        *,
        status: int | None = None,
        raw: str = "",
    ) -> None:
        self.code = code
        self.text = text[:TEXT_LIMIT]
        self.status = status
        self.raw = raw[:RAW_LIMIT]
        super().__init__(f"{code}: {self.text}" if text else code)


class Refused(ChatAppError):
    """The API refused the request; sending it again will not help."""

    left = False


class TokenRefused(Refused):
    """The API does not accept the access token; with a new one it may go through."""

    safe_to_repeat = True


class RetryLater(ChatAppError):
    """Nothing was taken; `retry_after` is in seconds, None when nobody knows."""

    left = False
    safe_to_repeat = True

    def __init__(
        self,
        code: str,
        text: str = "",
        *,
        status: int | None = None,
        raw: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code, text, status=status, raw=raw)
        self.retry_after = retry_after


class TokenUnavailable(RetryLater):
    """No usable token now; `code` says why."""


class OutOfTime(RetryLater):
    """The deadline leaves no room for a request; nothing is under way."""


class NotReached(ChatAppError):
    """No connection was made, so nothing was sent."""

    left = False
    safe_to_repeat = True


class Unsure(ChatAppError):
    """The request left and its outcome is not known; a send must not be repeated."""
