from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from asgi_app.env import Env, database
from tests.asgi_app.reading import NAMES


def make(folder: Path, var: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "asgi_app.passwords", str(folder)],
        env={
            **os.environ,
            **dict.fromkeys(NAMES, ""),
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(var),
            "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
            "DATABASE_URL_FILE": str(folder / "database_url"),
            "REDIS_URL_FILE": str(folder / "redis_url"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_servers_and_the_program_get_the_same_passwords(tmp_path: Path) -> None:
    folder, var = tmp_path / "passwords", tmp_path / "var"
    folder.mkdir()
    first = make(folder, var)
    assert first.returncode == 0, first.stderr
    assert "Sign in at http://127.0.0.1/ as operator with the password" in first.stdout
    files = {path.name: path.read_text() for path in folder.iterdir()}
    named = {"DATABASE_URL_FILE": str(folder / "database_url")}
    found = database("DATABASE_URL", Env(named).text("DATABASE_URL"))
    assert (found["USER"], found["PASSWORD"]) == ("campaigns", files["mysql"])
    assert files["redis_url"] == f"redis://:{files['redis']}@redis:6379/0"
    assert files["mysql"] != files["mysql_root"]
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o444 for p in folder.iterdir())
    # Shown once, and kept as it is.
    second = make(folder, var)
    assert second.returncode == 0 and "password" not in second.stdout
    assert {path.name: path.read_text() for path in folder.iterdir()} == files
