from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.peers.race import PEERS
from benchmarks.peers.venvs import NoVenv, interpreter

HERE = Path(__file__).parents[3] / "benchmarks" / "peers"


@pytest.mark.parametrize("name", PEERS)
def test_every_package_of_a_peer_is_pinned(name: str) -> None:
    lines = (HERE / f"{name}.txt").read_text().splitlines()
    assert lines == sorted(set(lines))
    assert all(line.count("==") == 1 for line in lines)
    assert (HERE / f"with_{name}.py").is_file()


def test_a_peer_whose_packages_cannot_be_had_says_so(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("--no-index\nno-such-peer==1\n")
    for _ in range(2):
        with pytest.raises(NoVenv, match=r"No matching distribution.*no-such-peer"):
            interpreter("peer", folder=tmp_path, pins=pins)


def test_a_peer_is_installed_once_and_anew_when_its_pins_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("--no-index\n")
    python = interpreter("peer", folder=tmp_path, pins=pins)
    # It has nothing of ours.
    asked = subprocess.run([python, "-c", "import django"], capture_output=True)
    assert b"No module named 'django'" in asked.stderr
    assert "installing" in capsys.readouterr().out
    assert interpreter("peer", folder=tmp_path, pins=pins) == python
    assert capsys.readouterr().out == ""
    pins.write_text("--no-index\n\n")
    interpreter("peer", folder=tmp_path, pins=pins)
    assert "installing" in capsys.readouterr().out
