from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from asgi_app import children

_PARENT = """
import signal, sys
from asgi_app import children
child = children.spawn(
    [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(60)"],
    death_signal=signal.Signals(int(sys.argv[1])),
    output=-1,
)
child.stdout.readline()
print(child.pid, flush=True)
signal.pause()
"""


def ends_within(pid: int, limit_s: float) -> bool:
    """Whether a process, not necessarily a child of ours, ends in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], limit_s)[0])
    finally:
        os.close(handle)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
@pytest.mark.parametrize("death_signal", [signal.SIGTERM, signal.SIGKILL])
def test_a_child_ends_when_its_parent_is_killed(death_signal: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(int(death_signal))],
        stdout=subprocess.PIPE,
        cwd=children.BASE_DIR,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not ends_within(child, 0.1)
        parent.kill()
        assert ends_within(child, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    command = children.tethered(["echo", "started"], signal.SIGTERM)
    place = command.index(str(os.getpid()))
    command[place] = "1"
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (1, b"")


def test_a_child_has_a_session_of_its_own() -> None:
    child = children.spawn(["sleep", "60"])
    try:
        assert os.getsid(child.pid) == child.pid != os.getsid(0)
    finally:
        child.kill()
        child.wait()


def test_a_missing_program_is_named() -> None:
    child = children.spawn(["no-such-program"], output=subprocess.PIPE)
    told, _ = child.communicate()
    assert told == b"no-such-program: No such file or directory\n"


async def test_the_exit_code_is_told_in_words() -> None:
    child = children.spawn(["sh", "-c", "exit 3"])
    assert children.in_words(await children.exit_code(child)) == "exit code 3"
    child = children.spawn(["sh", "-c", "kill -9 $$"])
    assert children.in_words(await children.exit_code(child)) == "SIGKILL"
