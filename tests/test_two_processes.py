"""The web and the worker as processes of their own, from the form to the answers."""

from __future__ import annotations

import asyncio
import html
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from django.db import connection

from asgi_app.database import in_orm
from asgi_app.valkey import PrivateValkey, free_port
from campaigns.models import Campaign, Message
from campaigns.recipients import read_text
from chatapp.sandbox.testing import SandboxServer
from tests.campaigns import lists
from tests.campaigns.browser import hidden
from tests.eventually import eventually

ROOT = Path(__file__).parent.parent
SAMPLES = Path(__file__).parent / "campaigns" / "samples"
OPERATOR = ("anna", "a long password")


def database_url() -> str:
    """The test database, for a process that reads settings of its own."""
    at = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{at['NAME']}"
    user, password = quote(at["USER"], safe=""), quote(at["PASSWORD"], safe="")
    return f"mysql://{user}:{password}@{at['HOST']}:{at['PORT']}/{at['NAME']}"


@asynccontextmanager
async def running(env: dict[str, str], *command: str) -> AsyncIterator[None]:
    """A Python process that is asked to stop at the end, and must stop in order."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, env=env
    )
    try:
        yield
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            assert await process.wait() in {0, -signal.SIGTERM}
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def browser(
    transactional_db: None,
    valkey: PrivateValkey,
    redis: None,
    sandbox: SandboxServer,
    tmp_path: Path,
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without scripts at a whole installation with quick pauses."""
    port = free_port()
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(tmp_path),
        "BASIC_AUTH_USERS": ":".join(OPERATOR),
        "DATABASE_URL": database_url(),
        "REDIS_URL": valkey.url,
        "CHATAPP_BASE_URL": sandbox.url,
        "SEND_DELAY_MIN": "0.01",
        "SEND_DELAY_MAX": "0.05",
    }
    async with AsyncExitStack() as stack:
        web = running(env, "-m", "asgi_app.web", "--port", str(port))
        await stack.enter_async_context(web)
        await stack.enter_async_context(running(env, "worker.py"))
        client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            auth=OPERATOR,
            follow_redirects=True,
            timeout=30,
        )
        await stack.enter_async_context(client)

        async def answers() -> bool:
            try:
                return (await client.get("/healthz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(answers)
        yield client


async def post(
    browser: httpx.AsyncClient,
    page: str,
    to: str,
    fields: dict[str, str],
    files: dict[str, tuple[str, bytes]] | None = None,
) -> httpx.Response:
    """Fills in a form of a page and sends it."""
    shown = await browser.get(page)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', shown.text)
    assert token, shown.text
    return await browser.post(
        to, data={**fields, "csrfmiddlewaretoken": token[1]}, files=files
    )


async def first_line(browser: httpx.AsyncClient) -> str:
    """The line that the form proposes, once the worker has connected by itself."""
    found: list[str] = []

    async def is_there() -> bool:
        page = (await browser.get("/campaigns/new/")).text
        chosen = re.search(r'<input[^>]*name="line"[^>]*checked[^>]*>', page)
        if chosen:
            value = re.search(r'value="(\d+)"', chosen[0])
            assert value
            found.append(value[1])
        return bool(chosen)

    await eventually(is_there, within_s=30)
    return found[0]


async def test_an_operator_pastes_a_list_and_every_number_gets_it_once(
    browser: httpx.AsyncClient, sandbox: SandboxServer
) -> None:
    assert (await browser.get("/", auth=("anna", "wrong"))).status_code == 401
    pasted = (SAMPLES / "paste.txt").read_text()
    expected = {r.phone for r in read_text(pasted, region="RU").recipients}
    refused = sorted(expected)[0]
    sandbox.knobs.set("refuse", phone=refused, status=400, code="ApiNoSuchChat")
    fields = {
        "name": "Sale",
        "text": "Привет 👋",
        "line": await first_line(browser),
        "pacing": "one_after_another",
        "phones": pasted,
        "do": "save",
    }
    draft = await post(browser, "/campaigns/new/", "/campaigns/new/", fields)
    assert draft.status_code == 200, draft.text
    page = draft.url.path
    assert re.fullmatch(r"/campaigns/\d+/", page), draft.text
    shown = hidden(await browser.get(f"{page}confirm/"))
    started = await post(browser, f"{page}confirm/", f"{page}start/", shown)
    assert started.url.path == page

    campaign = await in_orm(Campaign.objects.get)
    await eventually(
        lambda: in_orm(lambda: Campaign.objects.get(pk=campaign.pk).is_sent_out),
        within_s=60,
    )
    counts = await in_orm(lists.counts, campaign)
    assert counts == {"accepted": len(expected) - 1, "failed": 1}
    sends = sandbox.record.sends()
    assert sorted(f"+{send.phone}" for send in sends) == sorted(expected)
    assert {send.text for send in sends} == {"Привет 👋"}
    rows = await in_orm(lambda: list(Message.objects.filter(campaign=campaign)))
    ids = {f"+{send.phone}": send.message_id for send in sends}
    assert {row.phone: row.message_id for row in rows} == ids

    results = html.unescape((await browser.get(page)).text)
    assert "ApiNoSuchChat" in results
    assert all(phone in results.replace("\u00a0", " ") for phone in expected)
