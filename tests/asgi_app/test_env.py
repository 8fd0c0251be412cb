from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgi_app import env
from asgi_app.env import Env, SettingError


def _load(tmp_path: Path, content: bytes) -> Env:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(content)
    return Env.load(dotenv)


def test_a_file_gives_values_and_the_environment_goes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOUSE_B", "environment")
    monkeypatch.setenv("HOUSE_C", "")
    read = _load(tmp_path, b"HOUSE_A=file\nHOUSE_B=file\nHOUSE_C=file\n")
    assert read.text("HOUSE_A") == "file"
    assert read.text("HOUSE_B") == "environment"
    assert read.text("HOUSE_C", "default") == "default"


def test_no_file_is_no_error(tmp_path: Path) -> None:
    assert Env.load(tmp_path / ".env").text("HOUSE_A", "default") == "default"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("HOUSE_A=", "default"),
        ("HOUSE_A=   ", "default"),
        ("HOUSE_A= # a comment", "default"),
        ("HOUSE_A=a # a comment", "a"),
        ("HOUSE_A=a#b", "a#b"),
        ("HOUSE_A=$HOME/${HOME}$", "$HOME/${HOME}$"),
        ("HOUSE_A='it''", None),
        ("HOUSE_A='$a # b'", "$a # b"),
        ('HOUSE_A="a b"', "a b"),
        ("export HOUSE_A=a=b", "a=b"),
        ("HOUSE_A=пароль", "пароль"),
        ("\ufeffHOUSE_A=from Notepad", "from Notepad"),
        ("HOUSE_A=a\r\n", "a"),
    ],
)
def test_it_reads_a_line_as_people_write_it(
    tmp_path: Path, line: str, value: str | None
) -> None:
    if value is None:
        with pytest.raises(SettingError, match=r"^\.env: line 1 is not NAME=value$"):
            _load(tmp_path, line.encode())
        return
    assert _load(tmp_path, line.encode()).text("HOUSE_A", "default") == value


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"HOUSE_A=1\n\n\nnonsense\n", "line 4 is not NAME=value"),
        (b"HOUSE_A=1\nHOUSE_B: 2\n", "line 2 is not NAME=value"),
        (b"\n\nHOUSE_A='never closed\n", "line 3 is not NAME=value"),
        (b"HOUSE_A=1\n# \xef\xe0\xf0\xee\xeb\xfc\n", "line 2 is not UTF-8 text"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    with pytest.raises(SettingError) as raised:
        _load(tmp_path, content)
    assert str(raised.value) == f".env: {problem}"


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    with pytest.raises(SettingError, match=r"^\.env: cannot be read: Is a directory$"):
        Env.load(tmp_path / ".env")


@pytest.mark.parametrize(
    ("text", "flag"), [("true", True), ("YES", True), ("0", False), ("Off", False)]
)
def test_a_flag_has_many_spellings(text: str, flag: bool) -> None:
    assert Env({"DEBUG": text}).flag("DEBUG", default=not flag) is flag


def test_a_flag_that_is_none_is_refused() -> None:
    with pytest.raises(
        SettingError, match=r"^DEBUG: “maybe” is neither true nor false$"
    ):
        Env({"DEBUG": "maybe"}).flag("DEBUG", default=False)


@pytest.mark.parametrize("text", ["0,5", "fast", "nan", "inf", "-1", "51", "1e9"])
def test_a_number_out_of_bounds_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"^RATE: .+$"):
        Env({"RATE": text}).number("RATE", 40, least=0.1, most=50)


def test_a_number_has_a_default() -> None:
    assert Env({"RATE": " "}).number("RATE", 40, least=0.1, most=50) == 40
    assert Env({"RATE": " 0.5 "}).number("RATE", 40, least=0.1, most=50) == 0.5


def test_users_keep_colons_and_signs_in_passwords() -> None:
    read = Env({"USERS": "anna:a:b#c$d , борис: пароль два ,"})
    assert read.users("USERS") == {"anna": "a:b#c$d", "борис": "пароль два"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("anna", "each entry must be user:password"),
        ("anna:", "each entry must be user:password"),
        (":secret", "each entry must be user:password"),
        ("anna:sec,ret", "each entry must be user:password"),
        ("anna:one,anna:two", "names the user “anna” twice"),
    ],
)
def test_wrong_users_are_refused_without_showing_passwords(
    text: str, problem: str
) -> None:
    with pytest.raises(SettingError) as raised:
        Env({"USERS": text}).users("USERS")
    assert str(raised.value).startswith(f"USERS: {problem}")
    assert "sec" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("mysql://u:p@h/db", ("u", "p", "h", "3306", "db")),
        ("mariadb://u:p@h:3307/db", ("u", "p", "h", "3307", "db")),
        ("mysql://u@h/db", ("u", "", "h", "3306", "db")),
        ("mysql://h/db", ("", "", "h", "3306", "db")),
        ("mysql://u:p@[::1]:3306/db", ("u", "p", "::1", "3306", "db")),
        ("mysql://u%40x:p%40%25%2F@h/db", ("u@x", "p@%/", "h", "3306", "db")),
        ("mysql://u:a#b:c?d/e@f@h/db", ("u", "a#b:c?d/e@f", "h", "3306", "db")),
        ("mysql://u:$a&b@h/db", ("u", "$a&b", "h", "3306", "db")),
    ],
)
def test_a_mysql_url_is_taken_apart(url: str, parts: tuple[str, ...]) -> None:
    database = env.database("DATABASE_URL", url)
    keys = ("USER", "PASSWORD", "HOST", "PORT", "NAME")
    assert tuple(database[key] for key in keys) == parts
    assert database["CONN_MAX_AGE"] == 0


@given(st.text(st.characters(codec="utf-8", exclude_characters="%\n"), min_size=1))
def test_any_password_goes_through_a_url(password: str) -> None:
    database = env.database("DATABASE_URL", f"mysql://u:{password}@h:1/db")
    assert database["PASSWORD"] == password


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:hush@h/db",
        "localhost",
        "mysql://u:hush@h",
        "mysql://u:hush@h/",
        "mysql://u:hush@/db",
        "mysql://u:hush@h:port/db",
        "mysql://u:hush@h:0/db",
        "mysql://u:hush@h:70000/db",
        "mysql://u:hush@h/db?ssl=true",
        "mysql://u:hush@h/db/more",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///no/such/folder/file",
        "sqlite:////",
    ],
)
def test_a_wrong_database_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingError) as raised:
        env.database("DATABASE_URL", url)
    assert str(raised.value).startswith("DATABASE_URL: ")
    assert "\n" not in str(raised.value)
    assert "hush" not in str(raised.value)


def test_a_sqlite_url_is_relative_or_absolute(tmp_path: Path) -> None:
    for url in ("sqlite:///a b.sqlite3", f"sqlite:///{tmp_path}/a%20b.sqlite3"):
        database = env.database("DATABASE_URL", url, base=tmp_path)
        assert database["NAME"] == tmp_path / "a b.sqlite3"


_ASK = "from asgi_app.env import kept_secret; from pathlib import Path; import sys; "


def test_processes_that_ask_at_once_get_the_same_secret(tmp_path: Path) -> None:
    ask = _ASK + "print(kept_secret(Path(sys.argv[1]) / 'secrets', 'KEY'))"
    asked = [
        subprocess.Popen(
            [sys.executable, "-c", ask, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    told = {process.communicate()[0].strip() for process in asked}
    assert len(told) == 1
    assert len(told.pop()) >= 32
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["KEY"]
    assert stat.S_IMODE((tmp_path / "secrets" / "KEY").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_a_secret_that_cannot_be_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(SettingError) as raised:
        env.kept_secret(tmp_path / "var", "SECRET_KEY")
    assert str(raised.value).startswith("SECRET_KEY: not set, and ")
    assert "\n" not in str(raised.value)


def test_an_empty_secret_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "KEY").touch()
    with pytest.raises(SettingError, match=r"^KEY: not set, and .+ is empty"):
        env.kept_secret(tmp_path, "KEY")


def test_what_is_unset_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "address").write_text("mysql://u:p@h/db\n", encoding="utf-8")
    (tmp_path / "latin").write_bytes(b"\xff")
    named = {"HOUSE_A": "", "HOUSE_A_FILE": str(tmp_path / "address")}
    assert Env(named).text("HOUSE_A") == "mysql://u:p@h/db"
    assert Env({**named, "HOUSE_A": "said"}).text("HOUSE_A") == "said"
    assert Env({"HOUSE_A_FILE": ""}).text("HOUSE_A", "default") == "default"
    for name in ("none", "latin"):
        read = Env({"HOUSE_A_FILE": str(tmp_path / name)})
        with pytest.raises(SettingError, match=r"^HOUSE_A_FILE: "):
            read.text("HOUSE_A")
