"""Reads settings from the environment and `.env`, typed, with errors in one line."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

from django.core.exceptions import ImproperlyConfigured
from dotenv.parser import parse_stream

T = TypeVar("T")

# The same on both doors: UTC, so that NOW() is what Django stores, and strict. Each
# query has an index in whose order it reads; where MariaDB intersects two instead, it
# must sort all that it finds.
MYSQL_SESSION = (
    "SET SESSION time_zone = '+00:00', "
    "sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', "
    "optimizer_switch = 'index_merge_intersection=off'"
)
# A machine that is cut off in the middle of a transaction holds its rows until the
# server gives it up; the server's own time for that is eight hours.
MYSQL_IDLE_S = 30


class SettingError(ImproperlyConfigured):
    """A setting is missing or wrong; the text names the variable in one line."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(f"{name}: {problem}")


class Env:
    """Values of the environment over those of a `.env` file.

    An empty value means unset; a variable that is set but empty in the environment
    hides the one in the file. What is unset may be kept in a file of its own, which
    NAME_FILE names, as secrets of containers are.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    @classmethod
    def load(cls, dotenv: Path) -> Env:
        """Raises SettingError for a file that is there and cannot be read."""
        return cls({**_from_file(dotenv), **os.environ})

    def text(self, name: str, default: str = "") -> str:
        value = self._values.get(name, "").strip()
        own_file = f"{name}_FILE"
        if not value and (path := self._values.get(own_file, "").strip()):
            try:
                value = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
                raise SettingError(own_file, f"{path}: {reason}") from None
        return value or default

    def parsed(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """What `parse` makes of the value; its ValueError says what is wrong."""
        text = self.text(name)
        if not text:
            return default
        try:
            return parse(text)
        except ValueError as error:
            raise SettingError(name, str(error)) from None

    def flag(self, name: str, *, default: bool) -> bool:
        return self.parsed(name, _flag, default)

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        def parse(text: str) -> float:
            try:
                value = float(text)
            except ValueError:
                raise ValueError(f"“{text}” is not a number") from None
            if not least <= value <= most:
                raise ValueError(f"{text} is not between {least:g} and {most:g}")
            return value

        return self.parsed(name, parse, default)

    def items(self, name: str) -> list[str]:
        parts = (part.strip() for part in self.text(name).split(","))
        return [part for part in parts if part]

    def parsed_items(self, name: str, parse: Callable[[str], T]) -> list[T]:
        """What `parse` makes of each of the values between commas."""
        return self.parsed(name, lambda _: [parse(i) for i in self.items(name)], [])

    def users(self, name: str) -> dict[str, str]:
        """Passwords by user, from `user:password` pairs separated by commas."""
        users: dict[str, str] = {}
        for item in self.items(name):
            user, _, password = (part.strip() for part in item.partition(":"))
            if not (user and password):
                # Most likely a comma inside a password has cut it in two.
                raise SettingError(
                    name, "each entry must be user:password, without commas in either"
                )
            if user in users:
                raise SettingError(name, f"names the user “{user}” twice")
            users[user] = password
        return users


def _from_file(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingError(path.name, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SettingError(path.name, f"line {line} is not UTF-8 text") from None
    values: dict[str, str] = {}
    # The parser alone: dotenv_values() would skip a broken line and expand $NAME,
    # which passwords contain.
    for binding in parse_stream(StringIO(text)):
        if binding.error or (binding.key and binding.value is None):
            blank = binding.original.string.partition(binding.original.string.strip())
            line = binding.original.line + blank[0].count("\n")
            raise SettingError(path.name, f"line {line} is not NAME=value")
        if binding.key:
            values[binding.key] = binding.value or ""
    return values


def _flag(text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"0", "false", "no", "off"}:
        return False
    raise ValueError(f"“{text}” is neither true nor false")


# The password may hold anything, @ : / # ? too: it ends at the last @.
_MYSQL_URL = re.compile(
    r"(?:mysql|mariadb)://(?:(?P<user>[^:@]*)(?::(?P<password>.*))?@)?"
    r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<host>[^:/@\[\]]+))(?::(?P<port>[0-9]+))?"
    r"/(?P<schema>[^/@?#]+)"
)


def database(name: str, url: str, *, base: Path = Path()) -> dict[str, object]:
    """Turns `mysql://user:password@host:port/name` or `sqlite:///path` into Django's.

    A relative path is taken from `base`. Nothing of the URL is in the error, because
    it holds the password.
    """
    if url.startswith("sqlite:"):
        # sqlite:///relative and sqlite:////absolute, as everybody writes them
        path = unquote(url.removeprefix("sqlite:///"))
        if path == url or not path or path == ":memory:":
            raise SettingError(name, "must be sqlite:///path/of/a/file")
        file = base / path
        if file.is_dir() or not file.parent.is_dir():
            raise SettingError(name, f"{file} is not a file in an existing folder")
        return sqlite(file)
    if not url.startswith(("mysql://", "mariadb://")):
        raise SettingError(name, "must begin with mysql:// or sqlite:///")
    parts = _MYSQL_URL.fullmatch(url)
    if not parts:
        raise SettingError(name, "must be mysql://user:password@host:port/database")
    port = int(parts["port"] or 3306)
    if not 0 < port < 65536:
        raise SettingError(name, f"the port {port} is not between 1 and 65535")
    return {
        "ENGINE": "django.db.backends.mysql",
        "HOST": parts["v6"] or parts["host"],
        "PORT": str(port),
        "USER": unquote(parts["user"] or ""),
        "PASSWORD": unquote(parts["password"] or ""),
        "NAME": unquote(parts["schema"]),
        # Connections kept open under ASGI leak (django#33497); aiomysql has the pool.
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "charset": "utf8mb4",
            "connect_timeout": 5,
            "isolation_level": "read committed",
            "init_command": MYSQL_SESSION,
        },
        "TEST": {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"},
    }


def require_mysql_drivers(name: str) -> None:
    """Raises SettingError unless the packages of the extra `mysql` are there."""
    if not (find_spec("MySQLdb") and find_spec("aiomysql")):
        raise SettingError(name, "MySQL needs more: pip install -e '.[mysql]'")


def sqlite(path: Path) -> dict[str, object]:
    """The embedded database: a file, so that every process and thread shares it."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            "timeout": 20,
            # A transaction that reads first cannot wait for the lock later.
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        },
        "TEST": {"NAME": path.with_name(f"test_{path.name}")},
    }


def made_folder(name: str, path: Path) -> Path:
    """Makes the folder that the setting `name` stands for."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(name, f"cannot make {path}: {error.strerror}") from None
    return path


def kept_secret(folder: Path, name: str, *, size: int = 32) -> str:
    """Returns the secret kept in `folder/name`, made there on first use.

    Any number of processes may ask at once: they get the same one. Raises
    SettingError where it can be neither read nor kept.
    """
    path = folder / name
    try:
        if not path.exists():
            _keep(path, secrets.token_urlsafe(size))
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise SettingError(name, f"not set, and {path} fails: {reason}") from None
    if not text:
        raise SettingError(name, f"not set, and {path} is empty: remove it")
    return text


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)  # what it encrypts must not outlive it
        # A link, unlike a rename, leaves the one that another process made first.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
