from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

from asgi_app.logs import JsonFormatter, LineFormatter
from asgi_app.subjects import about
from tests.asgi_app.reading import BASE_DIR, NAMES, Read


def test_a_record_is_one_line_without_secrets(read: Read) -> None:
    settings = read(
        WEBHOOK_SECRET="w" * 20,
        BASIC_AUTH_USERS="anna:pass word/1",
        REDIS_URL="redis://:hush%23@h",
        DATABASE_URL="",
    )
    config = settings["LOGGING"]
    options = dict(config["formatters"]["line"])
    assert options.pop("()") == "asgi_app.logs.LineFormatter"
    formatter = LineFormatter(**options)
    shown = formatter.format(
        logging.LogRecord(
            *("campaigns.x", logging.WARNING, "x.py", 1),
            f"/webhooks/{'w' * 20} %s %s\n2026 ERROR forged\x1b[31m",
            ("pass word/1 pass%20word%2F1", f"hush# {settings['SECRET_KEY']}"),
            None,
        )
    )
    first, second = shown.split("\n")
    assert first.endswith(" WARNING campaigns.x: /webhooks/••• ••• ••• ••• •••")
    assert second == r"    2026 ERROR forged\x1b[31m"


def test_a_process_logs_each_record_once_to_stdout(tmp_path: Path) -> None:
    code = (
        "import django, logging; django.setup()\n"
        "logging.getLogger('campaigns.x').info('plain')\n"
        "logging.getLogger('django.security').warning('of Django')\n"
        "logging.getLogger('uvicorn.error').warning('of uvicorn')\n"
        "logging.getLogger('httpx').info('each request')\n"
        "logging.getLogger('uvicorn.access').info('each request')\n"
    )
    empty = dict.fromkeys(NAMES, "")
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            **empty,
            "DJANGO_SETTINGS_MODULE": "asgi_app.settings",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(tmp_path),
        },
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    lines = [re.sub(r"^\S+ \S+ ", "", line) for line in done.stdout.splitlines()]
    assert lines == [
        "INFO campaigns.x: plain",
        "WARNING django.security: of Django",
        "WARNING uvicorn.error: of uvicorn",
    ]


def record(text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(
        "campaigns.x", logging.WARNING, "x.py", 1, text, args, None
    )


def test_a_phone_is_told_apart_and_not_told() -> None:
    shown = LineFormatter().format(record("to %s, id %d", "+79991234501", 79991234501))
    assert shown.endswith("to +7999•••01, id 79991234501")
    whole = LineFormatter(phones=True).format(record("to %s", "+79991234501"))
    assert whole.endswith("to +79991234501")


def test_a_record_tells_what_it_is_about_and_no_secret() -> None:
    broken = record("no good")
    try:
        raise ValueError("why")
    except ValueError:
        broken.exc_info = sys.exc_info()
    with about(campaign=7, message=79991234501, operator="hush\n+79991234501"):
        first, *rest = LineFormatter(["hush"]).format(broken).split("\n")
        told = json.loads(JsonFormatter(["hush"]).format(broken))
    assert first.endswith(
        ": no good campaign=7 message=79991234501 operator=•••\\n+7999•••01"
    )
    assert rest[-1] == "    ValueError: why"
    assert (told["campaign"], told["message"]) == (7, 79991234501)
    assert told["operator"] == "•••\n+7999•••01"


def test_json_is_a_record_a_line(read: Read) -> None:
    assert read(LOG_FORMAT="json")["LOG_FORMAT"] == "JsonFormatter"
    formatter = JsonFormatter(["a secret"])
    broken = record("no\nforged line, %s, +79991234501", "a secret")
    try:
        raise ValueError("a secret")
    except ValueError:
        broken.exc_info = sys.exc_info()
    shown = formatter.format(broken)
    assert "\n" not in shown
    told = json.loads(shown)
    assert told["event"] == "no\nforged line, •••, +7999•••01"
    assert told["level"] == "WARNING" and told["logger"] == "campaigns.x"
    assert told["exception"].endswith("ValueError: •••")
