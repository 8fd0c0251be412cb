from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from pytest_django import Settings
from redis.asyncio import Redis as AsyncRedis

from asgi_app import valkey
from asgi_app.env import SettingError
from asgi_app.redis import open_redis
from asgi_app.valkey import PrivateValkey, ValkeyError, private_valkey


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PrivateValkey]:
    server = PrivateValkey(tmp_path / "private")
    server.start()
    yield server
    server.stop()


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=2)


def test_it_answers_at_the_address_that_start_returns(server: PrivateValkey) -> None:
    with _client(server.url) as client:
        assert client.ping()
        assert client.config_get("save")["save"] == ""
        assert client.config_get("bind")["bind"] == "127.0.0.1"


def test_it_lets_nobody_in_without_its_password(server: PrivateValkey) -> None:
    with (
        _client(f"redis://127.0.0.1:{server.port}/0") as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()


def test_its_password_is_in_a_file_that_only_the_owner_reads(
    server: PrivateValkey, tmp_path: Path
) -> None:
    config = tmp_path / "private" / "valkey.conf"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    command = Path(f"/proc/{server.process.pid}/cmdline")
    if command.exists():
        password = server.url.partition("@")[0].rpartition(":")[2]
        assert password not in command.read_text()


async def test_a_command_beside_it_finds_it_by_its_folder(
    tmp_path: Path, settings: Settings
) -> None:
    settings.VAR_DIR, settings.REDIS_URL = tmp_path, ""
    with pytest.raises(SettingError, match="REDIS_URL"):
        open_redis()
    private = PrivateValkey(tmp_path / "valkey")
    private.start()
    try:
        client = open_redis()
        assert await client.ping()
        await client.aclose(close_connection_pool=True)
    finally:
        private.stop()


def test_a_restart_keeps_the_address_and_forgets_the_data(
    server: PrivateValkey,
) -> None:
    before = server.url
    with _client(before) as client:
        client.set("bell", "1")
    assert server.restart() == before
    with _client(before) as client:
        assert client.get("bell") is None


def test_nobody_answers_after_a_kill(server: PrivateValkey) -> None:
    server.kill()
    with _client(server.url) as client, pytest.raises(redis.ConnectionError):
        client.ping()


def test_a_port_that_was_taken_meanwhile_is_given_up_for_another(
    tmp_path: Path, server: PrivateValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = valkey.free_port()
    offered = iter([server.port, free])
    monkeypatch.setattr(valkey, "free_port", lambda: next(offered))
    second = PrivateValkey(tmp_path / "second")
    try:
        second.start()
        assert second.port == free
    finally:
        second.stop()


def test_a_restart_on_a_port_that_was_taken_says_so(
    tmp_path: Path, server: PrivateValkey
) -> None:
    second = PrivateValkey(tmp_path / "second")
    second.port = server.port
    with pytest.raises(ValkeyError, match="in use"):
        second.restart()


async def test_it_lives_as_long_as_the_block(tmp_path: Path) -> None:
    async with private_valkey(tmp_path) as url, AsyncRedis.from_url(url) as client:
        assert await client.ping()
    with _client(url) as late, pytest.raises(redis.ConnectionError):
        late.ping()
