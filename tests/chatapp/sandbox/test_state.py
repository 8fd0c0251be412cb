"""What a restart and a kill leave, and how the sandbox starts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from chatapp.sandbox.knobs import Kind
from chatapp.sandbox.testing import SandboxServer

from .conftest import ACCOUNT, Receiver, authorise, connect, register, send


@contextlib.asynccontextmanager
async def process(
    *arguments: str, **variables: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """``python -m chatapp.sandbox`` on a free port, and its URL."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chatapp.sandbox",
        "--port=0",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **variables},
    )
    assert child.stdout
    try:
        line = (await child.stdout.readline()).decode()
        yield child, line.split(" on ")[1].split("/:")[0]
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def test_a_restart_keeps_tokens_record_and_callbacks(
    tmp_path: Path, receiver: Receiver
) -> None:
    path = tmp_path / "sandbox.sqlite3"
    async with (
        SandboxServer(state_path=path) as sandbox,
        connect(sandbox.url) as client,
    ):
        pair = await authorise(client)
        await register(client, receiver.url)
        await send(client, text="before")
        port = sandbox.port

    async with (
        SandboxServer(state_path=path, port=port) as again,
        connect(again.url) as client,
    ):
        client.headers["Authorization"] = pair["accessToken"]
        await send(client, text="after")
        assert [kept.text for kept in again.record.sends()] == ["before", "after"]
        assert len((await client.get("/v1/callbackUrls")).json()["data"]) == 1
        assert again.app.tokens.issued_today() == 1


async def test_it_starts_and_stops_in_no_time_with_requests_hanging() -> None:
    started = time.monotonic()
    async with SandboxServer() as sandbox, connect(sandbox.url) as client:
        up = time.monotonic() - started
        await authorise(client)
        sandbox.knobs.set(Kind.HANG)
        client.timeout = httpx.Timeout(10)
        hanging = [asyncio.create_task(send(client)) for _ in range(5)]
        while len(sandbox.record.sends()) < 5:
            await client.get("/sandbox/state")
        started = time.monotonic()
        await sandbox.__aexit__(None, None, None)
        down = time.monotonic() - started
        ends = await asyncio.gather(*hanging, return_exceptions=True)
    assert all(isinstance(end, httpx.TransportError) for end in ends)
    assert up < 0.5
    assert down < 0.5


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with SandboxServer() as sandbox:
        with pytest.raises(OSError, match="in use"):
            async with SandboxServer(port=sandbox.port):
                pass


async def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.sqlite3"
    async with process(f"--state={path}") as (child, url), connect(url) as client:
        pair = await authorise(client)
        answers = [await send(client, f"7999000{number:04}") for number in range(30)]
        ids = [answer.json()["data"]["id"] for answer in answers]
        child.send_signal(signal.SIGKILL)
        await child.wait()

    async with SandboxServer(state_path=path) as sandbox:
        assert [kept.message_id for kept in sandbox.record.sends()] == ids
        sandbox.app.tokens.check(pair["accessToken"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_stops_promptly_with_a_request_hanging(
    number: signal.Signals,
) -> None:
    async with process() as (child, url), connect(url) as client:
        await authorise(client)
        await client.post("/sandbox/knobs", json={"kind": "hang"})
        hanging = asyncio.create_task(send(client))
        state = {"total": 0}
        while not state["total"]:
            state = (await client.get("/sandbox/state")).json()["sends"]
        started = time.monotonic()
        child.send_signal(number)
        await child.wait()
        assert time.monotonic() - started < 2
        with pytest.raises(httpx.TransportError):
            await hanging


async def test_the_process_takes_its_account_from_the_environment() -> None:
    account = {
        "SANDBOX_EMAIL": ACCOUNT["email"],
        "SANDBOX_PASSWORD": ACCOUNT["password"],
        "SANDBOX_APP_ID": ACCOUNT["appId"],
    }
    async with process(**account) as (_, url), connect(url) as client:
        wrong = {**ACCOUNT, "password": "wrong"}
        assert (await client.post("/v1/tokens", json=wrong)).status_code == 403
        assert (await client.post("/v1/tokens", json=ACCOUNT)).is_success


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        ((), {"SANDBOX_EMAIL": "a@example.com"}, "SANDBOX_PASSWORD is missing"),
        (("--host=127.0.0.1", "--port={taken}"), {}, "Address already in use"),
    ],
)
async def test_the_process_says_in_a_line_why_it_does_not_start(
    sandbox: SandboxServer,
    arguments: tuple[str, ...],
    variables: dict[str, str],
    message: str,
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "chatapp.sandbox",
        "--port=0",
        *(one.format(taken=sandbox.port) for one in arguments),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **variables},
    )
    _, error = await child.communicate()
    assert child.returncode == 1
    assert message in error.decode()
    assert len(error.decode().splitlines()) == 1
