"""The compose file's Caddy in front of the web process, with a certificate of its own.

The Caddyfile is taken from docker-compose.yml; only ports, folders and the certificate
are others.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import ssl
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from asgi_app.database import in_orm
from asgi_app.valkey import PrivateValkey, free_port
from campaigns.models import Campaign
from chatapp.models import Line
from tests.asgi_app.reading import BASE_DIR, NAMES
from tests.campaigns.browser import form
from tests.eventually import eventually
from tests.test_two_processes import database_url

SECRET = "a-secret-of-the-callback"
CALLBACK = f"/webhooks/chatapp/{SECRET}/"
PAGE = "/campaigns/new/"
MIB = 1024 * 1024
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "MDAwMDAwMDAwMDAwMDAwMA==",
}

pytestmark = pytest.mark.skipif(
    shutil.which("caddy") is None, reason="Caddy is not installed"
)


def caddyfile(folder: Path, *, https: int, web: int) -> str:
    compose = (BASE_DIR / "docker-compose.yml").read_text(encoding="utf-8")
    found = re.search(r"^    content: \|\n((?: {6}.*\n)+)", compose, re.MULTILINE)
    assert found
    text = textwrap.dedent(found[1]).replace("$$", "$")
    local = (
        f"{{\n admin off\n skip_install_trust\n http_port {free_port()}\n"
        f" https_port {https}\n storage file_system {folder}\n grace_period 1s\n"
    )
    proxy = "reverse_proxy web:8000\n"
    assert text.startswith("{\n") and proxy in text
    text = text.replace("{\n", local, 1)
    return text.replace(proxy, f"tls internal\n reverse_proxy 127.0.0.1:{web}\n")


@asynccontextmanager
async def running(
    log: Path, *command: str, **env: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=BASE_DIR, env={**os.environ, **env}, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()


@dataclass
class House:
    """A browser before Caddy, and what Caddy and the web behind it have logged."""

    http: httpx.AsyncClient
    web: asyncio.subprocess.Process
    caddys: Path
    webs: Path

    async def send(self, line: Line, **headers: str) -> int:
        await self.http.get(PAGE)
        fields = form(line) | {"csrfmiddlewaretoken": self.http.cookies["csrftoken"]}
        return (await self.http.post(PAGE, data=fields, headers=headers)).status_code


@pytest.fixture
async def house(
    line: Line, valkey: PrivateValkey, redis: None, tmp_path: Path
) -> AsyncIterator[House]:
    https, port = free_port(), free_port()
    url = f"https://localhost:{https}"
    config, root = tmp_path / "Caddyfile", tmp_path / "pki/authorities/local/root.crt"
    config.write_text(caddyfile(tmp_path, https=https, web=port))
    env = dict.fromkeys(NAMES, "") | {
        "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(tmp_path / "var"),
        "BASIC_AUTH_USERS": "anna:correct horse",
        "DATABASE_URL": database_url(),
        "REDIS_URL": valkey.url,
        "CHATAPP_BASE_URL": "http://127.0.0.1:9",
        "WEBHOOK_SECRET": SECRET,
        "PUBLIC_URL": url,
        "TRUSTED_PROXIES": "127.0.0.1,::1",
    }
    caddys, webs = tmp_path / "caddy.log", tmp_path / "web.log"
    async with AsyncExitStack() as stack:
        command = ("caddy", "run", "--adapter", "caddyfile", "--config", str(config))
        homes = {"XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
        await stack.enter_async_context(
            running(caddys, *command, **homes, PUBLIC_URL=url)
        )
        served = (sys.executable, "-m", "asgi_app.web", "--port", str(port))
        web = await stack.enter_async_context(running(webs, *served, **env))
        await eventually(root.exists)
        http = httpx.AsyncClient(
            base_url=url,
            auth=("anna", "correct horse"),
            verify=ssl.create_default_context(cafile=str(root)),
            trust_env=False,
            timeout=30,
        )
        await stack.enter_async_context(http)

        async def answers() -> bool:
            try:
                return (await http.get("/healthz")).status_code == 200
            except httpx.TransportError:
                return False

        await eventually(answers)
        yield House(http, web, caddys, webs)


@pytest.mark.usefixtures("transactional_db")
async def test_a_site_behind_it_is_used_by_https_as_it_should_be(
    house: House, line: Line
) -> None:
    http, ours = house.http, str(house.http.base_url).rstrip("/")
    page = await http.get(PAGE)
    assert "; Secure" in page.headers["Set-Cookie"]
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert await house.send(line, Origin=ours) == 302
    assert await house.send(line, Referer=ours + PAGE) == 302
    assert await house.send(line, Referer="https://evil.example/") == 403
    assert await house.send(line, Origin=ours.replace("https", "http")) == 403
    assert await in_orm(Campaign.objects.count) == 2
    assert (await http.get(PAGE.rstrip("/"))).headers["Location"] == PAGE
    # Nothing of ours has a socket.
    assert (await http.get("/healthz", headers=UPGRADE)).status_code == 200
    wrong = await http.get(
        "/", auth=("anna", "wrong"), headers={"X-Forwarded-For": "198.51.100.1"}
    )
    assert wrong.status_code == 401
    logged = house.webs.read_text()
    assert re.search(r"wrong user or password from (127\.0\.0\.1|::/64)\n", logged)


async def test_a_body_up_to_the_limit_of_the_site_gets_the_answer_of_the_site(
    house: House,
) -> None:
    await house.http.get(PAGE)  # without its cookie no form is read
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": str(house.http.base_url).rstrip("/"),
    }
    body = bytes(64 * MIB - 1)
    answer = await house.http.post(PAGE, content=body, headers=headers)
    assert answer.status_code == 413 and "<main" in answer.text


async def test_callbacks_come_through_and_no_log_has_their_secret_or_a_phone(
    house: House,
) -> None:
    assert (await house.http.post(CALLBACK, json={})).text == "ok"
    house.web.send_signal(signal.SIGTERM)
    await house.web.wait()
    assert (await house.http.post(CALLBACK, json={})).status_code == 502
    referer = {"Referer": f"{house.http.base_url}phones/79991234501/"}
    answer = await house.http.get("/phones/79991234502/", headers=referer)
    assert answer.status_code == 502
    logged = house.caddys.read_text()
    assert logged.count("connection refused") >= 2
    for text in (logged, house.webs.read_text()):
        assert SECRET not in text and "7999123450" not in text
