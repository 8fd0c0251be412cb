from __future__ import annotations

import asyncio
import gc
import socket
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from chatapp.sandbox.server import serving
from tests.chatapp.test_callbacks import receiver


@pytest.mark.parametrize("turns", range(6))
async def test_who_comes_as_it_stops_is_hung_up_on_and_leaves_nothing(
    turns: int,
) -> None:
    async with serving(receiver) as url:
        port = urlsplit(url).port
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        for _ in range(turns):
            await asyncio.sleep(0)
    with client, suppress(ConnectionResetError):
        assert client.recv(1) == b""
    # What was left behind would be told of here, and fail the test.
    gc.collect()
