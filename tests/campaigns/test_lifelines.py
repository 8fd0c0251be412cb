from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from campaigns import lifelines as lifelines_module
from campaigns.lifelines import Lifelines, has_moved, name_of_worker
from tests.eventually import stand_still

HOLD = """
import sys, time
from pathlib import Path
from campaigns.lifelines import Lifelines
Lifelines(Path(sys.argv[1])).hold("other")
print("holds", flush=True)
time.sleep(600)
"""


@contextmanager
def other(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds its lifeline."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "holds\n"
            yield process
        finally:
            process.kill()


def test_who_lives_is_not_dead_and_who_was_killed_is(tmp_path: Path) -> None:
    ours = Lifelines(tmp_path)
    ours.hold("ours")
    with other(tmp_path) as process:
        assert ours.dead() == []
        stand_still(process)
        assert ours.dead() == [], "who is only slow may still send"
        process.kill()
        process.wait()
        assert ours.dead() == ["other"]
        assert ours.dead() == ["other"], "until it is buried"
        ours.bury("other")
    assert ours.dead() == []
    ours.close()


def test_of_another_machines_workers_nothing_is_concluded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("another\n")
    folder = tmp_path / "workers"
    with monkeypatch.context() as there:
        there.setattr(lifelines_module, "BOOT_ID", boot_id)
        theirs = Lifelines(folder)
        theirs.hold("theirs")
    (lock,) = folder.iterdir()
    # As seen through a file system that does not tell machines of their locks.
    copy = folder / "unlocked.alive"
    copy.write_bytes(lock.read_bytes())
    ours = Lifelines(folder)
    ours.hold("ours")
    assert ours.dead() == []
    a_day_ago = time.time() - lifelines_module.FORGOTTEN_S - 1
    os.utime(copy, (a_day_ago, a_day_ago))
    assert ours.dead() == []
    assert sorted(path.stem for path in folder.iterdir()) == ["ours", "theirs"]
    theirs.close()
    ours.close()


def test_who_ends_in_order_leaves_nothing(tmp_path: Path) -> None:
    ours, theirs = Lifelines(tmp_path), Lifelines(tmp_path)
    theirs.hold("theirs")
    theirs.close()
    assert ours.dead() == [] and list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_reason_not_to_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    ours = Lifelines(tmp_path / "file" / "workers")
    ours.hold("ours")
    assert "no lock tells that this worker lives" in caplog.text
    assert ours.dead() == []
    ours.close()


def test_a_worker_that_does_not_move_is_not_healthy(tmp_path: Path) -> None:
    lifelines = Lifelines(tmp_path)
    now = time.time()
    assert not has_moved(tmp_path, now=now)
    lifelines.hold(name_of_worker())
    assert has_moved(tmp_path, now=now)
    assert not has_moved(tmp_path, now=now + 60)
    for path in tmp_path.iterdir():
        os.utime(path, (now - 60, now - 60))
    assert not has_moved(tmp_path, now=now)
    lifelines.move()
    assert has_moved(tmp_path, now=now)
    lifelines.close()
    assert not has_moved(tmp_path, now=now)


def test_the_health_check_is_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "campaigns.lifelines", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "has moved for 30 s" in done.stderr
    lifelines = Lifelines(tmp_path)
    lifelines.hold(name_of_worker())
    assert subprocess.run(command, check=False).returncode == 0
    lifelines.close()
