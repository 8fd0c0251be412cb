from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.asgi_app.reading import BASE_DIR, NAMES

CODE = """
import django; django.setup()
import logging, sys
from asgi_app.error_reports import report_errors
report_errors()
log = logging.getLogger("campaigns.x")
def fail(phone="+79991234501"):
    password = "correct horse"
    raise RuntimeError(f"{password} for {phone}")
try:
    fail()
except RuntimeError:
    log.exception("no good: %s to %s", "correct horse", "+79991234501")
log.warning("only a warning")
if "sentry_sdk" in sys.modules:
    import sentry_sdk; sentry_sdk.flush(10)
print("sentry_sdk" in sys.modules)
"""


class Sentry(ThreadingHTTPServer):
    """Takes envelopes and keeps their text."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.told: list[str] = []

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.server_address[1]}/1"


class _Taker(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        assert isinstance(self.server, Sentry)
        self.server.told.append(body.decode())
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The tests' output is not its place."""


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    server = Sentry()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fail(tmp_path: Path, dsn: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=BASE_DIR,
        env={
            **os.environ,
            **dict.fromkeys(NAMES, ""),
            "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(tmp_path),
            "BASIC_AUTH_USERS": "anna:correct horse",
            "SENTRY_DSN": dsn,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1]


def test_an_error_is_told_once_without_secrets_and_phones(
    sentry: Sentry, tmp_path: Path
) -> None:
    assert fail(tmp_path, sentry.dsn) == "True"
    lines = [line for told in sentry.told for line in told.splitlines()]
    (event,) = [line for line in lines if "RuntimeError" in line]
    logged = json.loads(event)["logentry"]
    assert logged["message"] == "no good: %s to %s"
    assert logged["params"] == ["•••", "+7999•••01"]
    assert "correct horse" not in event and "1234501" not in event
    assert "only a warning" not in "".join(sentry.told)


def test_without_a_dsn_nothing_of_it_is_loaded(tmp_path: Path) -> None:
    assert fail(tmp_path, "") == "False"
