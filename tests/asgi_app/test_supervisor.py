from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from asgi_app import children, supervisor
from asgi_app.supervisor import GaveUp, Service, Supervisor

_STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(supervisor, "PATIENCE_S", 0.05)


def _service(name: str, *command: str, stop_within_s: float = 5) -> Service:
    return Service(name, lambda: children.spawn(command), stop_within_s)


def _stubborn(path: Path, *, stop_within_s: float) -> Service:
    """A running program that does not care for SIGTERM."""
    return _service(
        "mule",
        *(sys.executable, "-c", _STUBBORN, str(path)),
        stop_within_s=stop_within_s,
    )


def _made(path: Path) -> Callable[[], Awaitable[bool]]:
    async def is_made() -> bool:
        return _lines(path) is not None

    return is_made


def _lines(path: Path) -> int | None:
    return len(path.read_text().splitlines()) if path.exists() else None


async def test_what_ends_by_itself_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = Supervisor(said.append)
    starts = tmp_path / "starts"
    # The first one ends, the second stays.
    script = f'echo >>"{starts}"; [ $(wc -l <"{starts}") = 1 ] && exit 3; exec sleep 60'
    service = _service("web", "sh", "-c", script)
    keeper.add(service)

    async def twice() -> bool:
        return _lines(starts) == 2

    await keeper.until(twice, 10, "web")
    await keeper.stop(service)
    assert said == ["web ended by itself (exit code 3); starting it again in 0.01 s"]


async def test_what_fails_at_every_start_is_given_up() -> None:
    said: list[str] = []
    keeper = Supervisor(said.append)
    keeper.add(_service("web", "sh", "-c", "exit 3"))
    with pytest.raises(GaveUp, match=r"web .* \(exit code 3\), 3 times"):
        await keeper.first_failure()
    assert len(said) == 2


async def test_what_is_killed_from_outside_is_not_given_up(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = Supervisor(said.append)
    starts = tmp_path / "starts"
    script = f'echo >>"{starts}"; [ $(wc -l <"{starts}") = 5 ] || kill -9 $$; sleep 60'
    service = _service("web", "sh", "-c", script)
    keeper.add(service)

    async def often() -> bool:
        return _lines(starts) == 5

    await keeper.until(often, 10, "web")
    await keeper.stop(service)
    assert len(said) == 4


async def test_waiting_ends_when_a_service_is_given_up() -> None:
    keeper = Supervisor(lambda _: None)
    keeper.add(_service("web", "false"))

    async def never() -> bool:
        return False

    with pytest.raises(GaveUp, match="3 times"):
        await keeper.until(never, 30, "web")


async def test_waiting_has_a_limit() -> None:
    keeper = Supervisor(lambda _: None)
    service = _service("web", "sleep", "60")
    keeper.add(service)

    async def never() -> bool:
        return False

    with pytest.raises(GaveUp, match="web does not answer"):
        await keeper.until(never, 0.1, "web")
    await keeper.stop(service)


async def test_what_does_not_end_in_time_is_killed(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = Supervisor(said.append)
    service = _stubborn(tmp_path / "up", stop_within_s=0.2)
    keeper.add(service)
    await keeper.until(_made(tmp_path / "up"), 10, "mule")
    await keeper.stop(service)
    assert said == [
        "waiting for mule to finish (Ctrl-C to hurry) …",
        "mule did not end in time and is killed",
    ]
    assert _code(service) == -signal.SIGKILL


async def test_a_hurry_kills_at_once(tmp_path: Path) -> None:
    said: list[str] = []
    keeper = Supervisor(said.append)
    service = _stubborn(tmp_path / "up", stop_within_s=600)
    keeper.add(service)
    await keeper.until(_made(tmp_path / "up"), 10, "mule")
    stopping = asyncio.create_task(keeper.stop(service))
    await asyncio.sleep(0)
    keeper.hurry()
    await stopping
    assert said[-1] == "mule is killed"


async def test_what_waits_for_its_next_start_is_stopped_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_DELAY_S", 600)
    told = asyncio.Event()
    keeper = Supervisor(lambda _: told.set())
    service = _service("web", "false")
    keeper.add(service)
    await told.wait()
    await keeper.stop(service)
    assert _code(service) == 1


def _code(service: Service) -> int | None:
    process: subprocess.Popen[bytes] | None = service.process
    assert process is not None
    return process.poll()
