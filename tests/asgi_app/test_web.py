"""The web server as a process: what it logs, and how."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import httpx

from asgi_app.valkey import free_port
from tests.asgi_app.reading import BASE_DIR, NAMES
from tests.eventually import eventually

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDAwMDAwMDAwMDAwMDAwMA==",
}


async def test_all_that_it_logs_is_written_as_log_format_says(tmp_path: Path) -> None:
    port = free_port()
    env = {
        **os.environ,
        **dict.fromkeys(NAMES, ""),
        "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(tmp_path),
        "REDIS_URL": "redis://127.0.0.1:9/0",
        "PUBLIC_URL": "http://campaigns.shop.ru",
        "LOG_FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "asgi_app.web", "--port", str(port)),
        cwd=BASE_DIR,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def answers() -> bool:
                try:
                    return (await client.get("/healthz")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(answers)
            # No page has a socket: it is answered as any other request is.
            assert (await client.get("/", headers=UPGRADE)).status_code == 401
        process.send_signal(signal.SIGTERM)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        out, errors = await process.communicate()
    assert errors == b""
    told = [json.loads(line) for line in out.splitlines()]
    assert any(it["logger"] == "uvicorn.error" for it in told)
    assert any("is plain http on the internet" in it["event"] for it in told)
