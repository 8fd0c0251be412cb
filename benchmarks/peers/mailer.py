"""A message's way in the peers that run on asyncio: claim, post, record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import aiomysql
import httpx
from httpx_aiohttp import HttpxAiohttpClient

from benchmarks.peers import work
from benchmarks.peers.work import IN_FLIGHT, Tally, Work

# Fewer wait for one another when commits are slow, more take more CPU.
CONNECTIONS = 50


class Mailer:
    """One pool of connections and one client for all jobs of a process."""

    def __init__(self, pool: Any, http: httpx.AsyncClient, tally: Tally) -> None:
        self._pool = pool
        self._http = http
        self._tally = tally

    async def send(self, message_id: int, phone: str) -> None:
        self._tally.begin()
        if not await self._update(work.CLAIM, message_id):
            return
        answer = await self._http.post(work.path(phone), json=work.body(message_id))
        answer.raise_for_status()
        await self._update(work.RECORD, answer.json()["data"]["id"], message_id)
        self._tally.recorded()

    async def _update(self, statement: str, *values: object) -> int:
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            changed: int = await cursor.execute(statement, values)
        return changed


@asynccontextmanager
async def open_mailer(told: Work) -> AsyncIterator[Mailer]:
    login = asdict(told.login)
    limits = httpx.Limits(
        max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT
    )
    async with (
        aiomysql.create_pool(
            db=login.pop("database"),
            **login,
            minsize=CONNECTIONS,
            maxsize=CONNECTIONS,
            autocommit=True,
        ) as pool,
        HttpxAiohttpClient(
            base_url=told.api_url, limits=limits, trust_env=False
        ) as http,
    ):
        yield Mailer(pool, http, Tally(told.count))
