"""What is looked at before anything starts; each finding is one line with a name."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import redis
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from asgi_app.env import SettingError

LIMIT_S = 5.0

# Numbers of MySQL's and MariaDB's server and client errors.
_NO_ACCESS, _NO_LOGIN, _NO_DATABASE = 1044, 1045, 1049
_NOT_REACHED = range(2000, 2100)


def port_is_free(port: int) -> bool:
    """Whether a server can have this port of 127.0.0.1."""
    with socket.socket() as probe:
        # As uvicorn does: a connection that is still closing is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def require_database() -> None:
    """Raises SettingError unless the database lets us in within 5 s."""
    name = "DATABASE_URL"
    settings = connection.settings_dict
    try:
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except ImproperlyConfigured:
        raise SettingError(
            name, "the packages for MySQL are missing: pip install -e '.[mysql]'"
        ) from None
    except DatabaseError as exc:
        if connection.vendor == "sqlite":
            raise SettingError(name, f"{settings['NAME']}: {exc}") from None
        number, text = (*exc.args, "", "")[:2]
        where = f"{settings['HOST']}:{settings['PORT']}"
        if number == _NO_LOGIN:
            problem = f"cannot log in to {where} as “{settings['USER']}”"
        elif number in {_NO_DATABASE, _NO_ACCESS}:
            problem = f"unknown database “{settings['NAME']}” on {where}, or no access"
        elif number in _NOT_REACHED:
            problem = f"cannot connect to {where}"
        else:
            problem = f"{where} refuses"
        raise SettingError(name, f"{problem} ({_one_line(text)})") from None
    finally:
        connection.close()


def require_redis(url: str) -> None:
    """Raises SettingError unless Redis answers within 5 s."""
    name = "REDIS_URL"
    try:
        with contextlib.closing(
            redis.Redis.from_url(
                url, socket_connect_timeout=LIMIT_S, socket_timeout=LIMIT_S
            )
        ) as client:
            client.ping()
    except ValueError as exc:
        raise SettingError(name, _one_line(exc)) from None
    except redis.AuthenticationError as exc:
        raise SettingError(name, f"cannot log in ({_one_line(exc)})") from None
    except redis.RedisError as exc:
        raise SettingError(name, f"cannot connect ({_one_line(exc)})") from None


class FolderInUse(SettingError):
    """Another run, whose process id is `holder` if known, has the folder."""

    def __init__(self, folder: Path, holder: int) -> None:
        self.holder = holder
        super().__init__(
            "VAR_DIR", f"{folder} is in use by another `make run` (process {holder})"
        )


@contextlib.contextmanager
def only_one(lock: Path, say: Callable[[str], None]) -> Iterator[int]:
    """Holds the lock file, as a descriptor that is to be handed to all children.

    So it is held until the last of them ended, and a run that follows a killed one
    waits for what is left of that. Raises FolderInUse while another run lives.
    """
    told = False
    with lock.open("a+") as file:
        while not _locked(file):
            file.seek(0)
            holder = int(file.read().strip() or 0)
            if _lives(holder):
                raise FolderInUse(lock.parent, holder)
            if not told:
                say(f"waiting for what a killed run (process {holder}) left to end …")
                told = True
            time.sleep(0.1)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield file.fileno()


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(pid: int) -> bool:
    # 0: the other one holds the lock and is about to write its id.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
