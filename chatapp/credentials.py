"""Whose tokens: the account of the settings or the one that was typed."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.crypto import salted_hmac

from chatapp.accounts import AccountKey, Stored
from chatapp.models import Source


@dataclass(frozen=True)
class Credentials:
    """What a log-in takes, and the API it is meant for."""

    place: str
    email: str
    password: str = field(repr=False)
    app_id: str

    @property
    def key(self) -> AccountKey:
        return AccountKey(self.place, self.email, self.app_id)

    @property
    def mark(self) -> str:
        """A keyed hash, to know credentials again without keeping them."""
        whole = "\0".join((self.place, self.email, self.password, self.app_id))
        return salted_hmac("chatapp.credentials", whole, algorithm="sha256").hexdigest()

    def __bool__(self) -> bool:
        return bool(self.email and self.password and self.app_id)


def belongs(row: Stored, configured: Credentials) -> bool:
    """Whether the row's tokens are for the account that is to be used now.

    Not so when the API is another one, or the settings name another account than
    they did when the tokens were made. A typed account stays whatever they say.
    """
    names_another = bool(configured.email and configured.app_id) and (
        row.key != configured.key
    )
    return row.key.place == configured.place and not (
        row.source == Source.ENVIRONMENT and names_another
    )
