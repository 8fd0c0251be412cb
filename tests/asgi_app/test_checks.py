from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings as project
from django.core import checks
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_only_middleware
from pytest_django.fixtures import Settings

from asgi_app.checks import mysql_problems

SOUND = {
    "character_set_connection": "utf8mb4",
    "character_set_database": "utf8mb4",
    "sql_mode": "STRICT_TRANS_TABLES,NO_ZERO_DATE",
    "time_zone": "+00:00",
    "tx_isolation": "READ-COMMITTED",
}


@sync_only_middleware
def threaded(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    return get_response


def _found(databases: list[str] | None = None) -> set[str]:
    tags = ["async_support", "security", "database"]
    messages = checks.run_checks(tags=tags, databases=databases)
    return {message.id or "" for message in messages}


def test_our_own_settings_pass() -> None:
    assert not {id for id in _found() if id.startswith("asgi_app.")}


@pytest.mark.django_db
def test_the_database_that_the_tests_run_on_passes() -> None:
    assert not {id for id in _found(["default"]) if id.startswith("asgi_app.")}


def test_a_synchronous_middleware_is_found(settings: Settings) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.threaded"]
    assert "asgi_app.E001" in _found()


def test_a_middleware_before_the_door_is_found(settings: Settings) -> None:
    common = "django.middleware.common.CommonMiddleware"
    settings.MIDDLEWARE = [common, *settings.MIDDLEWARE]
    assert "asgi_app.E002" in _found()


@pytest.mark.parametrize(
    ("lost", "found"), [("basic_auth", "E003"), ("content_security_policy", "E004")]
)
def test_a_lost_middleware_is_found(settings: Settings, lost: str, found: str) -> None:
    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if not m.endswith(lost)]
    assert f"asgi_app.{found}" in _found()


def test_a_site_without_users_is_found(settings: Settings) -> None:
    settings.BASIC_AUTH_USERS = {}
    assert "asgi_app.E003" in _found()


def test_debugging_a_real_account_is_found(settings: Settings) -> None:
    settings.DEBUG, settings.CHATAPP_IS_SANDBOX = True, False
    assert "asgi_app.W001" in _found()


@pytest.mark.parametrize(
    ("url", "is_found"),
    [
        ("http://campaigns.shop.ru", True),
        ("https://campaigns.shop.ru", False),
        ("http://10.0.0.5:8000", False),
        ("", False),
    ],
)
def test_passwords_in_clear_on_the_internet_are_found(
    settings: Settings, url: str, is_found: bool
) -> None:
    settings.PUBLIC_URL = url
    assert ("asgi_app.W002" in _found()) is is_found


def test_kept_connections_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(project.DATABASES["default"], "CONN_MAX_AGE", None)
    assert "asgi_app.E005" in _found()


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("tx_isolation", "REPEATABLE-READ", "E006"),
        ("sql_mode", "NO_ZERO_DATE", "E007"),
        ("time_zone", "SYSTEM", "E008"),
        ("character_set_connection", "utf8mb3", "E009"),
        ("character_set_database", "latin1", "E009"),
    ],
)
def test_a_mysql_session_that_is_not_as_we_need_it_is_found(
    name: str, value: str, found: str
) -> None:
    assert mysql_problems(SOUND) == []
    problems = mysql_problems(SOUND | {name: value})
    assert [problem.id for problem in problems] == [f"asgi_app.{found}"]
