from __future__ import annotations

import fcntl
import os
import socket
import subprocess
from pathlib import Path

import pytest

from asgi_app.preflight import FolderInUse, only_one, port_is_free


def _say_nothing(text: str) -> None:
    raise AssertionError(text)


def test_a_port_is_free_until_somebody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not port_is_free(port)
    assert port_is_free(port)


def test_a_folder_is_lent_to_one_at_a_time(tmp_path: Path) -> None:
    lock = tmp_path / "run.lock"
    with only_one(lock, _say_nothing):
        with (
            pytest.raises(FolderInUse, match="VAR_DIR: ") as refused,
            only_one(lock, _say_nothing),
        ):
            pass
        assert refused.value.holder == os.getpid()
    with only_one(lock, _say_nothing):
        pass


def test_what_a_killed_run_left_is_waited_for(tmp_path: Path) -> None:
    with subprocess.Popen(["true"]) as killed:
        killed.wait()
    lock = tmp_path / "run.lock"
    lock.write_text(str(killed.pid))
    said: list[str] = []
    with lock.open() as left:
        fcntl.flock(left, fcntl.LOCK_EX)

        def end(text: str) -> None:
            said.append(text)
            fcntl.flock(left, fcntl.LOCK_UN)

        with only_one(lock, end):
            assert lock.read_text() == str(os.getpid())
    (line,) = said
    assert f"process {killed.pid}" in line
