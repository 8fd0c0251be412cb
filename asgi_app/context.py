"""What every page knows about the house it is in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from asgi_app.middleware import operator_of


def house(request: HttpRequest) -> dict[str, object]:
    engine = str(settings.DATABASES["default"]["ENGINE"])
    return {
        "operator": operator_of(request),
        "is_sandbox": settings.CHATAPP_IS_SANDBOX,
        "sandbox_url": settings.CHATAPP_BASE_URL if settings.CHATAPP_IS_SANDBOX else "",
        "database_words": (
            _("embedded SQLite") if engine.endswith("sqlite3") else "MySQL"
        ),
        "redis_words": (
            _("embedded Valkey") if settings.REDIS_IS_EMBEDDED else "Redis"
        ),
        "version": program_version(),
        "languages": settings.LANGUAGES,
        "troubles": _troubles(request),
    }


def _troubles(request: HttpRequest) -> Sequence[object]:
    state = getattr(request, "scope", {}).get("state", {})
    troubles = getattr(state.get("resources"), "troubles", None)
    return troubles.current if troubles and operator_of(request) else ()


@cache
def program_version() -> str:
    try:
        return version("whatsapp-campaign-sender")
    except PackageNotFoundError:  # run from a folder that was never installed
        return ""
