"""A venv for each peer under `var/bench`: they want different releases of redis-py."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from asgi_app.children import BASE_DIR

VENVS = BASE_DIR / "var" / "bench"
_HERE = Path(__file__).parent


class NoVenv(RuntimeError):
    """A peer's packages cannot be had; the text says why in one line."""


def interpreter(name: str, *, folder: Path = VENVS, pins: Path | None = None) -> Path:
    """The Python that has a peer's packages, installed if they are not there yet.

    Raises NoVenv, where there is no network for one.
    """
    pins = pins or _HERE / f"{name}.txt"
    venv = folder / name
    python, stamp = venv / "bin" / "python", venv / "installed"
    wanted = _stamp(venv, pins)
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    print(f"installing {name} into {venv} …", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(venv)])
    pip = [str(python), "-m", "pip", "install", "--no-input", "-q"]
    _run([*pip, "--disable-pip-version-check", "-r", str(pins)])
    stamp.write_text(wanted)
    return python


def _stamp(venv: Path, pins: Path) -> str:
    """Changes with the Python, the folder and the packages."""
    bound = f"{sys.version} {sys.executable} {venv}".encode()
    return hashlib.sha256(bound + pins.read_bytes()).hexdigest()


def _run(command: list[str]) -> None:
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stdout.strip().splitlines() or ["no reason was given"]
        raise NoVenv(said[-1])
