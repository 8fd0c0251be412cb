"""What must hold before anything starts; `manage.py check` and `migrate` ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.utils.module_loading import import_string

from asgi_app.values import is_public_host

Apps = Sequence[AppConfig] | None
AUTH = "asgi_app.middleware.basic_auth"
POLICY = "asgi_app.middleware.content_security_policy"
LANGUAGE = "asgi_app.languages.language"
# They answer nothing themselves, so they may stand before the door.
BEFORE_AUTH = {
    "django.middleware.security.SecurityMiddleware",
    POLICY,
    LANGUAGE,
    "campaigns.api.problems.as_problems",
}


@register(Tags.async_support)
def middleware_is_async(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """A middleware that is only synchronous holds a thread for a whole request."""
    return [
        Error(f"{path} is not async_capable", id="asgi_app.E001")
        for path in settings.MIDDLEWARE
        if not getattr(import_string(path), "async_capable", False)
    ]


@register(Tags.security)
def door_is_closed(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    before = settings.MIDDLEWARE[: _position(AUTH)]
    found: list[CheckMessage] = [
        Error(f"{path} stands before {AUTH}", id="asgi_app.E002")
        for path in before
        if path not in BEFORE_AUTH
    ]
    if AUTH not in settings.MIDDLEWARE or not settings.BASIC_AUTH_USERS:
        found.append(Error("nothing closes the site by Basic auth", id="asgi_app.E003"))
    if POLICY not in settings.MIDDLEWARE:
        found.append(Error("no Content-Security-Policy is sent", id="asgi_app.E004"))
    if settings.DEBUG and not settings.CHATAPP_IS_SANDBOX:
        found.append(
            Warning(
                "DEBUG shows settings and data on error pages",
                hint="Leave DEBUG empty next to a real CHATAPP_BASE_URL.",
                id="asgi_app.W001",
            )
        )
    return found


@register(Tags.security)
def public_url_is_protected(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Basic auth sends the password with every request, to be read on the way."""
    address = urlsplit(settings.PUBLIC_URL)
    if address.scheme != "http" or not is_public_host(address.hostname or ""):
        return []
    return [
        Warning(
            f"PUBLIC_URL: {settings.PUBLIC_URL} is plain http on the internet: "
            "passwords and phones can be read on the way",
            hint="Put a proxy with TLS in front, and begin it with https://.",
            id="asgi_app.W002",
        )
    ]


@register(Tags.async_support)
def connections_are_not_kept(app_configs: Apps, **kwargs: Any) -> list[CheckMessage]:
    """Connections that Django keeps open leak under ASGI (django#33497)."""
    return [
        Error(f"CONN_MAX_AGE of the database {alias} is not 0", id="asgi_app.E005")
        for alias, database in settings.DATABASES.items()
        if database.get("CONN_MAX_AGE", 0) != 0
    ]


@register(Tags.database)
def mysql_is_set_up(
    app_configs: Apps, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Asks the server what the session is really like."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if connection.vendor != "mysql":
            continue
        with connection.cursor() as cursor:
            # MySQL has transaction_isolation, MariaDB before 11 tx_isolation.
            cursor.execute(
                "SHOW SESSION VARIABLES WHERE Variable_name IN ("
                "'character_set_connection', 'character_set_database', 'sql_mode', "
                "'time_zone', 'tx_isolation', 'transaction_isolation')"
            )
            found += mysql_problems(dict(cursor.fetchall()))
    return found


def mysql_problems(session: dict[str, str]) -> list[CheckMessage]:
    """What is wrong with a session, given its variables."""
    found: list[CheckMessage] = []
    isolation = session.get("transaction_isolation") or session.get("tx_isolation")
    if isolation != "READ-COMMITTED":
        found.append(
            Error(f"MySQL's isolation is {isolation}", id="asgi_app.E006"),
        )
    if "STRICT_TRANS_TABLES" not in session["sql_mode"]:
        found.append(Error("MySQL is not in strict mode", id="asgi_app.E007"))
    if session["time_zone"] != "+00:00":
        found.append(
            Error(f"MySQL's time zone is {session['time_zone']}", id="asgi_app.E008")
        )
    for name in ("character_set_connection", "character_set_database"):
        if session[name] != "utf8mb4":
            found.append(
                Error(
                    f"MySQL's {name} is {session[name]}, which cannot hold emoji",
                    hint="ALTER DATABASE … CHARACTER SET utf8mb4",
                    id="asgi_app.E009",
                )
            )
    return found


def _position(path: str) -> int:
    return settings.MIDDLEWARE.index(path) if path in settings.MIDDLEWARE else 0
