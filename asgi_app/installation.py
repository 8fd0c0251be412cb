"""What this computer's installation consists of, by its settings."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from asgi_app import children, preflight
from asgi_app.supervisor import Say, Service
from asgi_app.valkey import PrivateValkey, free_port

# A worker ends at once, unless it waits for the answer to a message that has left.
WORKER_STOP_S = 75.0
WEB_STOP_S = 15.0
OTHERS_STOP_S = 5.0


class Installation:
    """Web and worker, and stand-ins for the servers that no setting names."""

    def __init__(self) -> None:
        self.port: int = settings.PORT
        self.folder: Path = settings.VAR_DIR.resolve()
        self.redis_url: str = settings.REDIS_URL
        self._own_redis = not (settings.REDIS_URL or settings.REDIS_SENTINEL)
        self._own_chatapp = not settings.CHATAPP_BASE_URL
        self._sqlite = connection.vendor == "sqlite"
        self._valkey = PrivateValkey(self.folder / "valkey")
        self._sandbox_port = 0

    @property
    def lock_file(self) -> Path:
        """One run a folder, unless everything that it keeps is on servers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        alone = self._own_redis or self._own_chatapp or self._sqlite
        return self.folder / ("run.lock" if alone else f"run-{self.port}.lock")

    def migrate(self, say: Say) -> None:
        """Brings the tables up to date; says so only when there is something to do."""
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            say(f"preparing the database ({len(plan)} migrations) …")
            call_command("migrate", interactive=False, verbosity=0)
        connection.close()

    def services(self, say: Say, lock: int) -> list[Service]:
        """Everything to run, in the order of its start."""
        python = [sys.executable, "-m"]
        services: list[Service] = []

        def add(name: str, argv: list[str], stop_within_s: float) -> None:
            start = functools.partial(self._start, name, argv, say, lock)
            services.append(Service(name, start, stop_within_s))

        if self._own_redis:
            services.append(Service("valkey", self._start_valkey, OTHERS_STOP_S))
        if self._own_chatapp:
            wanted = self.port + 1
            free = wanted < 65_536 and preflight.port_is_free(wanted)
            self._sandbox_port = wanted if free else free_port()
            add(
                "sandbox",
                [*python, *self._sandbox()],
                OTHERS_STOP_S,
            )
        add("web", [*python, "asgi_app.web", "--port", str(self.port)], WEB_STOP_S)
        add("worker", [sys.executable, "worker.py"], WORKER_STOP_S)
        return services

    async def web_answers(self) -> bool:
        return await _answers(self.port, "/healthz")

    async def sandbox_answers(self) -> bool:
        return await _answers(self._sandbox_port, "/")

    def banner(self) -> str:
        """Where it is, who may enter, and what it works with; no server's password."""
        rows = [("Address", f"http://127.0.0.1:{self.port}/")]
        users: dict[str, str] = settings.BASIC_AUTH_USERS
        rows.append(("User", ", ".join(users)))
        if settings.BASIC_AUTH_IS_GENERATED:
            kept = _short(self.folder / "secrets" / "BASIC_AUTH_PASSWORD")
            rows.append(
                ("Password", f"{next(iter(users.values()))}   (kept in {kept})")
            )
        rows.append(("Database", self._database_in_words()))
        if self._own_redis:
            redis = f"private Valkey on port {self._valkey.port}"
        else:
            address = settings.REDIS_SENTINEL or settings.REDIS_URL
            redis = str(address).rpartition("@")[2].removeprefix("redis://")
        rows.append(("Redis", redis))
        rows.append(("ChatApp", self._chatapp_in_words()))
        lines = [f"  {name:<9} {value}" for name, value in rows]
        return "\n".join(["", *lines, "", "  Ctrl-C stops everything.", ""])

    def _database_in_words(self) -> str:
        database = connection.settings_dict
        if self._sqlite:
            return f"SQLite, {_short(Path(database['NAME']))}"
        return f"MySQL, {database['NAME']} on {database['HOST']}:{database['PORT']}"

    def _chatapp_in_words(self) -> str:
        if self._own_chatapp:
            address = f"http://127.0.0.1:{self._sandbox_port}/"
            return f"Sandbox ChatApp at {address} — nothing leaves this computer"
        if settings.CHATAPP_IS_SANDBOX:
            return f"Sandbox ChatApp at {settings.CHATAPP_BASE_URL}"
        return f"{settings.CHATAPP_BASE_URL} — real messages to real people"

    def _sandbox(self) -> list[str]:
        state = str(self.folder / "sandbox.sqlite3")
        return ["chatapp.sandbox", "--port", str(self._sandbox_port), "--state", state]

    def _start_valkey(self) -> subprocess.Popen[bytes]:
        if self._valkey.port:
            self._valkey.restart()
        else:
            self._valkey.start()
        return self._valkey.process

    def _start(
        self, name: str, argv: list[str], say: Say, lock: int
    ) -> subprocess.Popen[bytes]:
        process = children.spawn(
            argv,
            env=self._environment(name),
            output=subprocess.PIPE,
            pass_fds=[lock],
        )
        children.relay(process, lambda line: say(f"{name:<7} | {line}"))
        return process

    def _environment(self, name: str) -> dict[str, str]:
        values = {"PYTHONUNBUFFERED": "1"}
        if self._own_redis:
            values |= {"REDIS_URL": self._valkey.url, "REDIS_IS_EMBEDDED": "true"}
        if self._own_chatapp:
            values["CHATAPP_BASE_URL"] = f"http://127.0.0.1:{self._sandbox_port}"
            prefix = "SANDBOX" if name == "sandbox" else "CHATAPP"
            for key in ("EMAIL", "PASSWORD", "APP_ID"):
                values[f"{prefix}_{key}"] = getattr(settings, f"CHATAPP_{key}")
            if not settings.PUBLIC_URL:  # where the sandbox sends its callbacks
                values["PUBLIC_URL"] = f"http://127.0.0.1:{self.port}"
                values["ALLOWED_HOSTS"] = ",".join(
                    [*settings.ALLOWED_HOSTS, "127.0.0.1"]
                )
        return values


async def _answers(port: int, path: str) -> bool:
    """Whether a web server is there; a refusal is an answer, a server error is none."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        status = (await reader.readline()).split()[1:2]
    except OSError:
        return False
    finally:
        writer.close()
    return bool(status) and status[0] < b"500"


def _short(path: Path) -> str:
    return (
        str(path.relative_to(children.BASE_DIR))
        if path.is_relative_to(children.BASE_DIR)
        else str(path)
    )
