"""The launcher, run for real on the embedded default."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from asgi_app.children import BASE_DIR
from asgi_app.valkey import free_port
from tests.asgi_app.test_children import ends_within

_MYSQL_URL = os.environ.get("DATABASE_URL", "")
_COMMAND = [sys.executable, "-m", "asgi_app.run"]


def _environment(folder: Path, **values: str) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
        "ENV_FILE": os.devnull,
        "VAR_DIR": str(folder),
        # Never the database that the tests run on, nor anybody's real one.
        "DATABASE_URL": "",
        "BASIC_AUTH_USERS": "",
        "PORT": str(free_port()),
        **values,
    }


def _refusal(folder: Path, **values: str) -> str:
    """The one line that a launcher says which does not start."""
    done = subprocess.run(
        _COMMAND,
        env=_environment(folder, **values),
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    return line


class _Run:
    """A launcher that is up: what it has said so far, and its children."""

    def __init__(self, process: subprocess.Popen[str], port: str) -> None:
        self.process, self.port = process, port
        assert process.stdout is not None
        self.said = ""
        for line in process.stdout:
            self.said += line
            if "Ctrl-C stops" in line:
                return
        raise AssertionError(self.said)

    def row(self, name: str) -> str:
        found = re.search(rf"^  {name} +(\S.*)$", self.said, re.MULTILINE)
        assert found, self.said
        return found[1]

    def children(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task")
        return [
            int(pid)
            for task in tasks.iterdir()
            for pid in (task / "children").read_text().split()
        ]


@contextmanager
def _running(environment: Mapping[str, str]) -> Iterator[_Run]:
    with subprocess.Popen(
        _COMMAND,
        env=environment,
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield _Run(process, environment["PORT"])
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PORT", "eighty", "eighty"),
        ("DATABASE_URL", "postgres://example.org/campaigns", "mysql://"),
        ("REDIS_URL", "redis://127.0.0.1:1/0", "cannot connect"),
        ("SEND_DELAY_MIN", "soon", "not a number"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    line = _refusal(tmp_path, **{name: value})
    assert line.startswith(f"error: {name}: ")
    assert words in line


@pytest.mark.skipif(not find_spec("MySQLdb"), reason="needs the extra mysql")
def test_a_database_that_is_away_is_one_line(tmp_path: Path) -> None:
    line = _refusal(tmp_path, DATABASE_URL="mysql://anna:secret@127.0.0.1:1/campaigns")
    assert line.startswith("error: DATABASE_URL: cannot connect to 127.0.0.1:1")
    assert "secret" not in line


@pytest.mark.skipif(not _MYSQL_URL.startswith("mysql:"), reason="needs MariaDB")
@pytest.mark.parametrize(
    ("part", "wrong", "words"),
    [
        (r"//[^:]*:[^@]*@", "//anna:secret@", "cannot log in to .* as “anna”"),
        (r"[^/]*$", "nowhere", "unknown database “nowhere”"),
    ],
)
def test_a_database_that_lets_nobody_in_is_one_line(
    tmp_path: Path, part: str, wrong: str, words: str
) -> None:
    url = re.sub(part, wrong, _MYSQL_URL, count=1)
    line = _refusal(tmp_path, DATABASE_URL=url)
    assert re.match(f"error: DATABASE_URL: {words}", line)
    assert "secret" not in line


def test_a_file_that_is_no_database_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear customers, " * 100)
    line = _refusal(tmp_path, DATABASE_URL=f"sqlite:///{file}")
    assert line.startswith("error: DATABASE_URL: ")
    assert "not a database" in line


def test_a_busy_port_is_one_line_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = _refusal(tmp_path, PORT=str(port))
    assert line.startswith(f"error: PORT: {port} is already in use")
    assert not (tmp_path / "valkey").exists()


def test_it_starts_serves_refuses_a_second_and_stops(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    with _running(environment) as run:
        with urllib.request.urlopen(run.row("Address") + "healthz") as answer:
            assert answer.status == 200
        password = run.row("Password").split()[0]
        assert (tmp_path / "secrets" / "BASIC_AUTH_PASSWORD").read_text() == password
        assert "nothing leaves this computer" in run.row("ChatApp")
        children = run.children()
        assert len(children) == 4

        process = str(run.process.pid)
        line = _refusal(tmp_path, PORT=run.port)
        assert line.startswith("error: PORT: ")
        assert process in line
        line = _refusal(tmp_path)
        assert line.startswith("error: VAR_DIR: ")
        assert process in line
    assert run.process.returncode == 0
    assert all(ends_within(pid, 0) for pid in children)

    # Killed this time, so nobody is there to end the others.
    with _running(environment) as run:
        assert run.row("Password").split()[0] == password
        children = run.children()
        run.process.kill()
        assert all(ends_within(pid, 20) for pid in children)
