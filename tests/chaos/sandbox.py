"""The sandbox ChatApp as a process, by its control API: its knobs and its record."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.chaos.facts import Send, Told

EVENTS = ["message", "messageStatus"]
PAGE = 1000


class Sandbox:
    """A client of the control API; the sandbox itself is not one of the victims."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=30, trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def is_up(self) -> bool:
        try:
            await self.state()
        except httpx.TransportError:
            return False
        return True

    async def state(self) -> dict[str, Any]:
        return await self._get("/sandbox/state")

    async def turn(self, kind: str, **fields: Any) -> int:
        """Sets a knob and returns its number."""
        knob = await self._post("/sandbox/knobs", {"kind": kind, **fields})
        return int(knob["id"])

    async def clear_knobs(self) -> None:
        (await self._http.delete("/sandbox/knobs")).raise_for_status()

    async def expire(self, which: str) -> None:
        await self._post("/sandbox/expire", {"which": which})

    async def log_in(self, account: dict[str, str]) -> str:
        """An access token for what is registered by hand."""
        pair = await self._post("/v1/tokens", account)
        return str(pair["data"]["accessToken"])

    async def register(self, line: tuple[str, str], url: str, token: str) -> bool:
        """Registers a callback URL; False when the sandbox does not reach it."""
        answer = await self._http.put(
            f"/v1/licenses/{line[0]}/messengers/{line[1]}/callbackUrl",
            json={"url": url, "events": EVENTS},
            headers={"Authorization": token},
        )
        return answer.is_success

    async def sends(self) -> list[Send]:
        """Every text that it was sent, oldest first."""
        return [
            Send(
                item["seq"],
                (item["licence_id"], item["messenger"]),
                item["phone"],
                item["tracking"] or "",
                item["message_id"],
                item["accepted"],
                item["answer"],
            )
            async for item in self._pages("/sandbox/sends")
        ]

    async def told(self) -> list[Told]:
        """Every callback that it has posted."""
        return [
            Told(
                item["message_seq"],
                item["label"],
                item["posted_at"],
                item["due"],
                item["answer"],
            )
            async for item in self._pages("/sandbox/callbacks")
        ]

    async def _pages(self, path: str) -> AsyncIterator[dict[str, Any]]:
        after: int | None = 0
        while after is not None:
            page = await self._get(f"{path}?after={after}&limit={PAGE}")
            for item in page["items"]:
                yield item
            after = page["next"]

    async def _get(self, path: str) -> dict[str, Any]:
        answer = await self._http.get(path)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def _post(self, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        answer = await self._http.post(path, json=fields)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
