"""Access and refresh tokens: issued, checked, rotated, expired."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable
from typing import Any

from chatapp.sandbox.errors import ApiError
from chatapp.sandbox.options import DAY_S, Credentials, SandboxOptions
from chatapp.sandbox.store import Store

USER_ID = 100
_LETTERS = string.ascii_letters + string.digits + "./"


def _new_token() -> str:
    # One of the two formats seen: it has characters that careless code escapes.
    return "$2y$10$" + "".join(secrets.choice(_LETTERS) for _ in range(53))


class Tokens:
    """The pairs of tokens that are alive, and how many were issued."""

    def __init__(
        self,
        store: Store,
        options: SandboxOptions,
        credentials: Credentials | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._options = options
        self._credentials = credentials
        self._clock = clock
        # Set by a knob: how many may still be issued, whatever the count says.
        self._left: int | None = None

    def log_in(self, email: str, password: str, app_id: str) -> dict[str, Any]:
        """A pair for an account; ApiError if it is not the right one."""
        known = self._credentials
        if known and known != Credentials(email, password, app_id):
            raise ApiError("ApiInvalidCredentialsError")
        with self._store.transaction():
            return self._issue(email, app_id)

    def refresh(self, token: str) -> dict[str, Any]:
        """A fresh pair for a refresh token; the old pair is dead from then on."""
        with self._store.transaction():
            row = self._store.row(
                "SELECT email, app_id FROM tokens WHERE refresh=? AND refresh_end>?",
                token,
                self._clock(),
            )
            if row is None:
                raise ApiError("ApiInvalidRefreshTokenError")
            pair = self._issue(row[0], row[1])
            self._store.run("DELETE FROM tokens WHERE refresh=?", token)
            return pair

    def check(self, access: str) -> None:
        """ApiError unless the access token is alive."""
        row = self._store.row("SELECT access_end FROM tokens WHERE access=?", access)
        if row is None or row[0] <= self._clock():
            raise ApiError("ApiInvalidTokenError")

    def expire(self, *, refresh: bool = False) -> None:
        """Expire every access token now, and with ``refresh`` the others too."""
        if refresh:
            self._store.run("DELETE FROM tokens")
        else:
            self._store.run("UPDATE tokens SET access_end=0")

    def set_left(self, left: int | None) -> None:
        """Let only so many more tokens be issued; None goes back to counting."""
        self._left = left

    def issued_today(self) -> int:
        """How many pairs were issued in the last 24 hours."""
        since = self._clock() - DAY_S
        number: int
        (number,) = self._store.row("SELECT COUNT(*) FROM issues WHERE at>?", since)
        return number

    def alive(self) -> int:
        """How many access tokens are alive."""
        number: int
        (number,) = self._store.row(
            "SELECT COUNT(*) FROM tokens WHERE access_end>?", self._clock()
        )
        return number

    @property
    def left(self) -> int | None:
        """What the knob left, or None while issues are counted."""
        return self._left

    def _issue(self, email: str, app_id: str) -> dict[str, Any]:
        now = self._clock()
        self._spend(email, app_id, now)
        access, refresh = _new_token(), _new_token()
        access_end = now + self._options.access_lifetime_s
        refresh_end = now + self._options.refresh_lifetime_s
        store = self._store
        store.run("DELETE FROM tokens WHERE refresh_end<=?", now)
        store.run(
            "INSERT INTO tokens VALUES (?,?,?,?,?,?)",
            access,
            access_end,
            refresh,
            refresh_end,
            email,
            app_id,
        )
        store.run("INSERT INTO issues VALUES (?,?,?)", email, app_id, now)
        return {
            "cabinetUserId": USER_ID,
            "accessToken": access,
            "accessTokenEndTime": int(access_end),
            "refreshToken": refresh,
            "refreshTokenEndTime": int(refresh_end),
        }

    def _spend(self, email: str, app_id: str, now: float) -> None:
        if self._left is not None:
            if self._left < 1:
                raise ApiError("ApiTokenQuotaError")
            self._left -= 1
            return
        (issued,) = self._store.row(
            "SELECT COUNT(*) FROM issues WHERE email=? AND app_id=? AND at>?",
            email,
            app_id,
            now - DAY_S,
        )
        if issued >= self._options.tokens_a_day:
            raise ApiError("ApiTokenQuotaError")
