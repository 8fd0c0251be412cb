from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asgi_app import install


class _Folder:
    """A project whose packages are only noted, not installed."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.installed: list[list[str]] = []
        self.venvs = 0
        for name in ("pyproject.toml", "constraints.txt"):
            (path / name).touch()
        venv = path / ".venv"
        monkeypatch.setattr(install, "BASE_DIR", path)
        monkeypatch.setattr(install, "VENV", venv)
        monkeypatch.setattr(install, "STAMP", venv / "installed")
        monkeypatch.setattr(install, "_make_venv", self._make_venv)
        monkeypatch.setattr(install, "_pip", self._pip)
        monkeypatch.setenv("ENV_FILE", str(path / ".env"))
        monkeypatch.delenv("DATABASE_URL", raising=False)

    def _make_venv(self) -> None:
        self.venvs += 1
        (self.path / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        (self.path / ".venv" / "bin" / "python").touch()

    def _pip(self, extras: list[str]) -> str | None:
        self.installed.append(extras)
        return "error: no network" if "broken" in extras else None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Folder:
    return _Folder(tmp_path, monkeypatch)


def test_it_installs_once(folder: _Folder) -> None:
    assert install.main([]) is None
    assert install.main([]) is None
    assert (folder.venvs, folder.installed) == (1, [[]])


def test_it_installs_again_when_the_packages_change(folder: _Folder) -> None:
    install.main([])
    (folder.path / "constraints.txt").write_text("arq==0.28.0\n")
    install.main([])
    assert (folder.venvs, folder.installed) == (1, [[], []])


def test_an_extra_stays_when_it_is_not_asked_for(folder: _Folder) -> None:
    install.main(["dev"])
    install.main([])
    (folder.path / "pyproject.toml").write_text("# changed\n")
    install.main([])
    assert folder.installed == [["dev"], ["dev"]]


def test_a_failure_is_told_and_tried_again(folder: _Folder) -> None:
    assert install.main(["broken"]) == "error: no network"
    assert install.main(["broken"]) == "error: no network"
    assert (folder.venvs, len(folder.installed)) == (1, 2)


def test_a_moved_folder_gets_a_new_environment(
    folder: _Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    install.main([])
    monkeypatch.setattr(sys, "executable", "/another/python3")
    install.main([])
    assert folder.venvs == 2


@pytest.mark.parametrize(
    ("line", "extras"),
    [
        ("DATABASE_URL=mysql://a:b@db/campaigns", ["mysql"]),
        ("export DATABASE_URL='mariadb://a:b@db/campaigns'", ["mysql"]),
        ("DATABASE_URL=", []),
        ("# DATABASE_URL=mysql://a:b@db/campaigns", []),
        ("DATABASE_URL=sqlite:///var/other.sqlite3", []),
    ],
)
def test_the_drivers_of_mysql_come_with_its_address(
    folder: _Folder, line: str, extras: list[str]
) -> None:
    (folder.path / ".env").write_text(f"DEBUG=\n{line}\n", encoding="utf-8")
    install.main([])
    assert folder.installed == [extras]


def test_an_empty_variable_hides_the_file(
    folder: _Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.path / ".env").write_text("DATABASE_URL=mysql://a:b@db/campaigns\n")
    monkeypatch.setenv("DATABASE_URL", "")
    install.main([])
    assert folder.installed == [[]]


def test_what_cannot_be_built_is_left_out(
    folder: _Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "mysql_build_lacks", lambda: "gcc")
    install.main(["dev", "mysql?"])
    monkeypatch.setattr(install, "mysql_build_lacks", lambda: "")
    install.main(["dev", "mysql?"])
    assert folder.installed == [["dev"], ["dev", "mysql"]]


def test_a_python_without_ensurepip_is_told_which_package_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    monkeypatch.setattr(install, "BASE_DIR", tmp_path)
    monkeypatch.setattr(install, "STAMP", tmp_path / ".venv" / "installed")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    told = install.main(["dev"]) or ""
    assert told.startswith("error: python3-venv is missing: apt-get install")
    assert "\n" not in told
