from __future__ import annotations

import json
import subprocess
import sys

import pytest

from asgi_app.children import BASE_DIR
from benchmarks.peers.race import PeerFailed, Told, judged, read
from benchmarks.peers.work import Work

TOLD = {"recorded": 500, "seconds": 2.0, "cpu_seconds": 0.75}


def test_what_a_peer_measured_is_found_below_its_log() -> None:
    told = read(f"worker starts\n{{'odd': 1}}\n{json.dumps(TOLD)}\nworker ends\n")
    assert told == Told(recorded=500, seconds=2.0, cpu_seconds=0.75)
    assert told.per_s == 250
    assert told.cpu_ms == 1.5


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", "it said nothing"),
        ("starting\nConnectionError: refused\n\n", "ConnectionError: refused"),
    ],
)
def test_a_peer_that_measured_nothing_failed_for_its_last_words(
    output: str, reason: str
) -> None:
    with pytest.raises(PeerFailed, match=f"^{reason}$"):
        read(output)


def test_the_best_peer_by_its_median_is_the_reference() -> None:
    rates = {"arq": [100.0, 900.0, 110.0], "celery": [90.0] * 3, "saq": [150.0] * 3}
    figure = judged([400.0, 450.0, 1000.0], rates, {})
    assert (figure.reference, figure.reference_value) == ("best peer, saq", 150.0)
    assert figure.ratio == 3.0
    assert figure.is_met
    assert not judged([449.0], rates, {}).is_met


def test_a_peer_that_did_not_run_may_be_the_best_so_the_goal_is_missed() -> None:
    figure = judged([4000.0], {"arq": [100.0], "saq": []}, {"saq": "no network"})
    assert figure.reference == "saq: no network"
    assert figure.ratio is None
    assert not figure.is_met


def test_the_tally_tells_once_the_last_is_recorded_and_ends() -> None:
    script = (
        "from benchmarks.peers.work import Tally\n"
        "tally = Tally(3)\n"
        "for number in range(4):\n"
        "    tally.begin()\n"
        "    print('message', number, flush=True)\n"
        "    tally.recorded()\n"
    )
    # As in a peer's venv, where nothing of ours is installed.
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "message 2" in done.stdout
    assert "message 3" not in done.stdout
    assert read(done.stdout).recorded == 3


def test_a_peer_is_told_its_work_by_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = Work(2, "http://api", "mysql://anna:p-_w@127.0.0.1:33/base", "redis://r")
    for name, value in work.environment.items():
        monkeypatch.setenv(name, value)
    told = Work.told()
    assert told == work
    login = told.login
    assert (login.host, login.port, login.user) == ("127.0.0.1", 33, "anna")
    assert (login.password, login.database) == ("p-_w", "base")
    assert list(told.messages()) == [(1, "+79990000001"), (2, "+79990000002")]
