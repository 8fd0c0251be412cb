"""The callback URLs that were registered, one for each line."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from typing import Any

import httpx

from chatapp.sandbox.errors import ApiError
from chatapp.sandbox.licences import Line
from chatapp.sandbox.store import Store

PROBE_TIMEOUT_S = 5.0
TOO_FAR = "The sandbox calls back this computer or its private network only"


class CallbackUrls:
    """One URL and its events for each line that has registered one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, line: Line, url: str, events: list[str]) -> None:
        """Set the URL of a line, in place of an earlier one."""
        self._store.run(
            "INSERT OR REPLACE INTO callback_urls VALUES (?,?,?,?)",
            *line,
            url,
            json.dumps(events),
        )

    def delete(self, line: Line) -> None:
        """Forget the URL of a line, if there is one."""
        self._store.run(
            "DELETE FROM callback_urls WHERE licence_id=? AND messenger=?", *line
        )

    def get(self, line: Line) -> tuple[str, list[str]] | None:
        """The URL of a line and the events it wants."""
        row = self._store.row(
            "SELECT url, events FROM callback_urls WHERE licence_id=? AND messenger=?",
            *line,
        )
        return (row[0], json.loads(row[1])) if row else None

    def listed(self) -> list[dict[str, Any]]:
        """The URLs as the API lists them."""
        rows = self._store.rows("SELECT * FROM callback_urls ORDER BY 1, 2")
        return [
            {
                "licenseId": int(licence_id),
                "messengerType": messenger,
                "events": json.loads(events),
                "url": url,
            }
            for licence_id, messenger, url, events in rows
        ]


async def probe(client: httpx.AsyncClient, url: str) -> None:
    """ApiError unless the URL is near and answers 200 to an empty POST."""
    try:
        if not await _is_near(httpx.URL(url).host):
            raise ApiError("ApiCallbackUrlError", TOO_FAR)
        answer = await client.post(url, timeout=PROBE_TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError):
        raise ApiError("ApiCallbackUrlError") from None
    if answer.status_code != 200:
        raise ApiError("ApiCallbackUrlError")


async def _is_near(host: str) -> bool:
    """Whether all addresses of a host are of this computer or a private network."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host, None, type=socket.SOCK_STREAM
    )
    return all(ipaddress.ip_address(entry[4][0]).is_private for entry in found)
