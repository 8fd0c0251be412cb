"""The project's settings with nothing taken from this machine's own `.env`.

Only DATABASE_URL is: the tests run on whatever it names.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_KEPT = {"DATABASE_URL"}
_EXAMPLE = Path(__file__).parent.parent / ".env.example"

for _line in _EXAMPLE.read_text(encoding="utf-8").splitlines():
    _name = _line.partition("=")[0]
    if "=" in _line and not _line.startswith("#") and _name not in _KEPT:
        os.environ[_name] = ""
os.environ["ENV_FILE"] = os.devnull
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="campaigns-tests-")
atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)
os.environ["BASIC_AUTH_USERS"] = "anna:correct horse,boris:battery staple"

from asgi_app.settings import *  # noqa: E402, F403  the environment comes first

# pytest shows the records of a failed test, and closes the stream that ours go to.
LOGGING_CONFIG = None
