from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from asgi_app.env import Env, database
from tests.asgi_app.reading import NAMES


def make(folder: Path, var: Path, **changed: str) -> subprocess.CompletedProcess[str]:
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
            **changed,
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
    password = (var / "secrets" / "BASIC_AUTH_PASSWORD").read_text()
    assert first.stdout == f"Sign in as operator with the password {password}\n"
    files = {path.name: path.read_text() for path in folder.iterdir()}
    named = {"DATABASE_URL_FILE": str(folder / "database_url")}
    found = database("DATABASE_URL", Env(named).text("DATABASE_URL"))
    assert (found["USER"], found["PASSWORD"]) == ("campaigns", files["mysql"])
    assert files["redis_url"] == f"redis://:{files['redis']}@redis:6379/0"
    assert files["mysql"] != files["mysql_root"]
    assert all(stat.S_IMODE(p.stat().st_mode) == 0o444 for p in folder.iterdir())
    # Shown once, and kept as it is; the log of the first time may be gone by then.
    second = make(folder, var)
    assert second.returncode == 0 and password not in second.stdout
    assert "docker compose exec web cat var/secrets/BASIC_AUTH_P" in second.stdout
    assert {path.name: path.read_text() for path in folder.iterdir()} == files


def test_passwords_of_one_s_own_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "passwords").mkdir()
    users = "anna:her own password,boris:his own one"
    made = make(tmp_path / "passwords", tmp_path / "var", BASIC_AUTH_USERS=users)
    assert made.stdout == (
        "Sign in as anna, boris, with the password in BASIC_AUTH_USERS\n"
    )
