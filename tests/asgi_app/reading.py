"""What the tests of the settings read them with."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Read = Callable[..., dict[str, Any]]
BASE_DIR = Path(__file__).parent.parent.parent
EXAMPLE = (BASE_DIR / ".env.example").read_text(encoding="utf-8")
NAMES = re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE)
