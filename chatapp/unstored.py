"""The way of a new pair into the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError

from asgi_app.database import in_orm
from chatapp import accounts
from chatapp.accounts import Claim, NewPair, Overtaken
from chatapp.errors import TokenUnavailable
from chatapp.types import TokenPair

P = ParamSpec("P")
T = TypeVar("T")

RETRY_S = 5.0
_STORE_PAUSES_S = (0.2, 1.0)


async def database(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs a function of `accounts`; TokenUnavailable while the database is away."""
    try:
        return await in_orm(function, *args, **kwargs)
    except (OperationalError, InterfaceError) as exc:
        raise TokenUnavailable("database_away", retry_after=RETRY_S) from exc


class Unstored:
    """A pair that the API has given and the database has not taken yet.

    Losing it would cost a log-in: the refresh token that it was traded for is dead.
    """

    def __init__(self) -> None:
        self._waiting: tuple[Claim, NewPair] | None = None

    async def store(self, claim: Claim, new: NewPair) -> TokenPair:
        """Keeps the pair, trying three times; Overtaken if the claim was lost."""
        self._waiting = claim, new
        for pause_s in _STORE_PAUSES_S:
            try:
                return await self._try(claim, new)
            except TokenUnavailable:
                await asyncio.sleep(pause_s)
        return await self._try(claim, new)

    async def catch_up(self) -> None:
        """Stores what an earlier renewal could not."""
        if self._waiting is not None:
            try:
                await self._try(*self._waiting)
            except Overtaken:
                return

    async def _try(self, claim: Claim, new: NewPair) -> TokenPair:
        is_kept = await database(accounts.store, claim, new)
        self._waiting = None
        if not is_kept:
            raise Overtaken
        return new.pair
