"""A whole installation as `make run` starts it, on free ports and in a folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from asgi_app import children
from asgi_app.valkey import free_port
from chatapp.sandbox.licences import GR_LICENCE_ID

OPERATOR = ("anna", "a long password")
START_LIMIT_S = 120.0
STOP_LIMIT_S = 60.0
_LOOK_S = 0.05


@dataclass(frozen=True)
class Installation:
    """Where the site is, and the sandbox behind it."""

    url: str
    sandbox_url: str

    def set_knob(self, kind: str, **fields: object) -> None:
        """Makes the sandbox do something wrong, as its page of knobs does."""
        knob = {"kind": kind, **fields}
        answer = httpx.post(f"{self.sandbox_url}/sandbox/knobs", json=knob)
        answer.raise_for_status()

    def tell(self, kind: str, **fields: str) -> None:
        """Makes the sandbox tell the site of something that ChatApp heard of."""
        answer = httpx.post(f"{self.sandbox_url}/sandbox/{kind}", json=fields)
        answer.raise_for_status()

    def clear_knobs(self) -> None:
        httpx.delete(f"{self.sandbox_url}/sandbox/knobs").raise_for_status()

    def sent_to(self) -> list[str]:
        """The phones of the requests that the sandbox has got so far, in order."""
        return [phone for phone, _text in self.sends()]

    def sends(self) -> list[tuple[str, str]]:
        """The phone and the text of each request so far, in order."""
        found: list[tuple[str, str]] = []
        after: int | None = 0
        while after is not None:
            answer = httpx.get(
                f"{self.sandbox_url}/sandbox/sends",
                params={"after": after, "limit": 1000},
            ).raise_for_status()
            page = answer.json()
            found += [(f"+{send['phone']}", send["text"]) for send in page["items"]]
            after = page["next"]
        return found


@contextmanager
def installed(folder: Path, **changed: str) -> Iterator[Installation]:
    """Web, worker, Valkey and sandbox, with quick pauses, on SQLite."""
    port = free_port()
    env = {
        "VAR_DIR": str(folder),
        "PORT": str(port),
        "BASIC_AUTH_USERS": ":".join(OPERATOR),
        "SEND_DELAY_MIN": "0.1",
        "SEND_DELAY_MAX": "0.3",
        **changed,
    }
    with _running(folder, env, "-m", "asgi_app.run"):
        url = f"http://127.0.0.1:{port}"
        _until_it_answers(url, folder / "log")
        said = (folder / "log").read_text(errors="replace")
        at = re.search(r"Sandbox ChatApp on (http://[^/\s]+)/", said)
        assert at, said
        _until_called_back(at[1], folder / "log")
        yield Installation(url, at[1])


@contextmanager
def web_alone(folder: Path, **changed: str) -> Iterator[str]:
    """The address of a site with an empty database, no worker and no account."""
    port = free_port()
    env = {
        "VAR_DIR": str(folder),
        "BASIC_AUTH_USERS": ":".join(OPERATOR),
        **changed,
    }
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity=0"],
        env=_environment(env),
        cwd=children.BASE_DIR,
        check=True,
    )
    with _running(folder, env, "-m", "asgi_app.web", "--port", str(port)):
        url = f"http://127.0.0.1:{port}"
        _until_it_answers(url, folder / "log")
        yield url


@contextmanager
def _running(folder: Path, env: Mapping[str, str], *command: str) -> Iterator[None]:
    with (folder / "log").open("wb") as output:
        process = children.spawn(
            [sys.executable, *command], env=_environment(env), output=output
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(changed: Mapping[str, str]) -> dict[str, str]:
    """Nothing of this machine's own settings, and no database but its own."""
    ours = {"ENV_FILE": os.devnull, "DATABASE_URL": "", "REDIS_URL": ""}
    return {
        **os.environ,
        **ours,
        "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
        **changed,
    }


def _until_it_answers(url: str, log: Path) -> None:
    def answers() -> bool:
        try:
            return httpx.get(f"{url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    _until(answers, "it does not start", log)


def _until_called_back(sandbox_url: str, log: Path) -> None:
    """What is sent before its line's callback is registered never gets a status."""

    def is_registered() -> bool:
        state = httpx.get(f"{sandbox_url}/sandbox/state").raise_for_status().json()
        lines = {found["licenseId"] for found in state["callbackUrls"]}
        return GR_LICENCE_ID in lines

    _until(is_registered, "no callback is registered", log)


def _until(is_so: Callable[[], bool], complaint: str, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if is_so():
            return
        time.sleep(_LOOK_S)
    raise AssertionError(f"{complaint}: {log.read_text(errors='replace')}")
