from __future__ import annotations

import os
import re
import subprocess
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from asgi_app import values
from asgi_app.env import SettingError
from tests.asgi_app.reading import BASE_DIR, EXAMPLE, NAMES, Read

EXAMPLES = re.findall(r"^# Example: (.+)\n([A-Z_]+)=$", EXAMPLE, re.MULTILINE)
# Names are an interface: these stand in the issue.
GIVEN = """
SECRET_KEY DEBUG ALLOWED_HOSTS BASIC_AUTH_USERS DATABASE_URL REDIS_URL
CHATAPP_BASE_URL CHATAPP_EMAIL CHATAPP_PASSWORD CHATAPP_APP_ID
CHATAPP_LICENSE_ID CHATAPP_MESSENGER SEND_DELAY_MIN SEND_DELAY_MAX
CHATAPP_RATE_LIMIT PUBLIC_URL WEBHOOK_SECRET PHONE_REGION LANGUAGE_CODE
TIME_ZONE SECRET_KEY_FALLBACKS CHATAPP_TRACKING PHONE_CHECK TRUSTED_PROXIES
SPOOL_DIR STOP_WORDS SENTRY_DSN REDIS_SENTINEL WARM_UP COOLING_OFF_DAYS
LOG_FORMAT LOG_PHONES REDIS_PASSWORD REDIS_SENTINEL_PASSWORD
"""
REAL = {
    "CHATAPP_BASE_URL": "https://api.chatapp.online",
    "CHATAPP_EMAIL": "anna@shop.example",
    "CHATAPP_APP_ID": "app_17",
}


def test_the_example_has_every_name_with_a_comment_and_no_value() -> None:
    assert set(NAMES) == {*GIVEN.split(), "VAR_DIR", "PORT"}
    before = ""
    for line in EXAMPLE.splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r"([A-Z_]+=)?", line), line
            if line:
                assert before.startswith(("# ", "SEND_DELAY_MIN=")), line
        before = line


def test_the_copied_example_is_the_embedded_default(read: Read, tmp_path: Path) -> None:
    settings = read()
    assert settings["DEBUG"] is False
    assert settings["CHATAPP_IS_SANDBOX"] is True
    assert settings["REDIS_IS_EMBEDDED"] is True
    assert settings["DATABASES"]["default"]["NAME"] == (
        tmp_path / "var" / "campaigns.sqlite3"
    )
    assert list(settings["BASIC_AUTH_USERS"]) == ["operator"]
    assert settings["BASIC_AUTH_IS_GENERATED"] is True
    assert (settings["SEND_DELAY_MIN"], settings["SEND_DELAY_MAX"]) == (5, 50)
    assert (settings["PORT"], settings["PHONE_REGION"]) == (8000, "RU")
    assert settings["SPOOL_DIR"] == tmp_path / "var" / "spool"


def test_secrets_are_made_once_and_differ_between_installations(
    read: Read, tmp_path: Path
) -> None:
    def secrets(settings: dict[str, Any]) -> list[str]:
        return [
            settings["SECRET_KEY"],
            settings["BASIC_AUTH_USERS"]["operator"],
            settings["CHATAPP_PASSWORD"],
            *settings["WEBHOOK_SECRET"],
        ]

    first = secrets(read())
    assert secrets(read()) == first
    other = secrets(read(VAR_DIR=str(tmp_path / "other")))
    assert len({*first, *other}) == 8


def test_with_every_secret_set_nothing_is_written(read: Read, tmp_path: Path) -> None:
    pytest.importorskip("MySQLdb")
    read(
        **REAL,
        SECRET_KEY="k" * 32,
        BASIC_AUTH_USERS="anna:secret",
        WEBHOOK_SECRET="w" * 16,
        DATABASE_URL="mysql://u:p@h/db",
    )
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "k" * 32 + ",k"),
        ("SECRET_KEY_FALLBACKS", "k" * 32 + ",short"),
        ("DEBUG", "maybe"),
        ("BASIC_AUTH_USERS", "anna"),
        ("DATABASE_URL", "postgres://u:p@h/db"),
        ("DATABASE_URL", "mysql://u:p@h"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("REDIS_URL", "redis://"),
        ("REDIS_URL", "redis://h:port"),
        ("REDIS_URL", "redis://h:6379/name"),
        ("REDIS_URL", "redis://:a/b@h:6379/0"),
        ("REDIS_URL", "unix://"),
        ("REDIS_SENTINEL", "h:26379"),
        ("REDIS_SENTINEL", "h/master"),
        ("REDIS_SENTINEL", "h:1,/master"),
        ("REDIS_SENTINEL", "h:port/master"),
        ("REDIS_SENTINEL", "h:1/"),
        ("CHATAPP_BASE_URL", "api.chatapp.online"),
        ("CHATAPP_BASE_URL", "ftp://api.chatapp.online"),
        ("CHATAPP_BASE_URL", "https://"),
        ("CHATAPP_BASE_URL", "https://h:port"),
        ("CHATAPP_BASE_URL", "https://[::1"),
        ("CHATAPP_BASE_URL", "https://u:p@h"),
        ("CHATAPP_BASE_URL", "https://h/?v=1"),
        ("CHATAPP_BASE_URL", "https://a h"),
        ("CHATAPP_LICENSE_ID", "line one"),
        ("CHATAPP_MESSENGER", "gr/WhatsApp"),
        ("CHATAPP_RATE_LIMIT", "51"),
        ("CHATAPP_TRACKING", "maybe"),
        ("SEND_DELAY_MIN", "-1"),
        ("SEND_DELAY_MAX", "soon"),
        ("SEND_DELAY_MAX", "4"),
        ("PHONE_REGION", "XX"),
        ("PHONE_REGION", "Russia"),
        ("PHONE_CHECK", "maybe"),
        ("PUBLIC_URL", "campaigns.shop.example"),
        ("PUBLIC_URL", "ftp://campaigns.shop.example"),
        ("PUBLIC_URL", "https://campaigns.shop.example/desk"),
        ("PUBLIC_URL", "https://campaigns.shop.example?x=1"),
        ("PUBLIC_URL", "https://campaigns.shop.example#x"),
        ("PUBLIC_URL", "https://anna:secret@campaigns.shop.example"),
        ("PUBLIC_URL", "https://campaigns.shop.example:99999"),
        ("PUBLIC_URL", "https://рассылки.example"),
        ("PUBLIC_URL", "https://a_b.example"),
        ("WEBHOOK_SECRET", "short"),
        ("WEBHOOK_SECRET", "has/a/slash/inside/it"),
        ("WEBHOOK_SECRET", "w" * 16 + ",short"),
        ("LANGUAGE_CODE", "de"),
        ("TIME_ZONE", "Moscow"),
        ("TIME_ZONE", "Europe"),
        ("TIME_ZONE", "../../etc/passwd"),
        ("TRUSTED_PROXIES", "proxy"),
        ("TRUSTED_PROXIES", "10.0.0.0/33"),
        ("SENTRY_DSN", "https://sentry.shop.example/1"),
        ("LOG_FORMAT", "xml"),
        ("PORT", "0"),
        ("PORT", "70000"),
        ("PORT", "http"),
        ("VAR_DIR", "/dev/null/var"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(
    read: Read, name: str, value: str
) -> None:
    # So that nothing but the value itself is asked for first.
    kept = {"SECRET_KEY": "k" * 32, "WEBHOOK_SECRET": "w" * 16}
    kept |= {"BASIC_AUTH_USERS": "anna:secret", "CHATAPP_PASSWORD": "secret"}
    kept |= {"CHATAPP_BASE_URL": "http://127.0.0.1:9"}
    with pytest.raises(SettingError) as raised:
        read(**(kept | {name: value}))
    assert str(raised.value).startswith(f"{name}: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "result"),
    [
        ("CHATAPP_BASE_URL", "http://localhost:9/", "http://localhost:9"),
        ("REDIS_URL", "unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("REDIS_URL", "rediss://u:p%23@h:1/2", "rediss://u:p%23@h:1/2"),
        ("REDIS_SENTINEL", "a:1,[::1]:2/m-1", "a:1,[::1]:2/m-1"),
        ("CHATAPP_LICENSE_ID", "12345", "12345"),
        ("PHONE_REGION", "kz", "KZ"),
        ("LANGUAGE_CODE", "RU", "ru"),
        ("TIME_ZONE", "Asia/Almaty", "Asia/Almaty"),
        ("TRUSTED_PROXIES", "10.0.0.2", [ip_network("10.0.0.2")]),
        ("STOP_WORDS", "нет, стоп", ["нет", "стоп"]),
        ("WARM_UP", "10, 20", [10, 20]),
        ("WARM_UP", "0", []),
        ("WARM_UP", "", []),  # in the sandbox
        ("COOLING_OFF_DAYS", "0", 0),
        ("SENTRY_DSN", "https://key@h/1", "https://key@h/1"),
        ("WEBHOOK_SECRET", f"{'a' * 16},{'b' * 16}", ["a" * 16, "b" * 16]),
    ],
)
def test_a_right_value_is_taken(
    read: Read, name: str, value: str, result: object
) -> None:
    assert read(**{name: value})[name] == result


def test_sentinels_are_read() -> None:
    hosts, master = values.read_sentinel("a:1, [::1]:2/mymaster")
    assert (hosts, master) == ([("a", 1), ("::1", 2)], "mymaster")


def test_the_real_api_needs_an_account_but_not_its_password(read: Read) -> None:
    settings = read(**REAL)
    assert settings["CHATAPP_IS_SANDBOX"] is False
    assert settings["CHATAPP_PASSWORD"] == ""
    for name in ("CHATAPP_EMAIL", "CHATAPP_APP_ID"):
        with pytest.raises(SettingError, match=f"^{name}: is missing"):
            read(**(REAL | {name: ""}))


def test_an_account_without_the_api_does_not_go_to_the_sandbox(read: Read) -> None:
    with pytest.raises(SettingError, match=r"^CHATAPP_BASE_URL: is missing"):
        read(CHATAPP_EMAIL="anna@shop.example")


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost", "[::1]:9", "sandbox:9"])
def test_the_sandbox_is_known_by_its_host(read: Read, host: str) -> None:
    settings = read(CHATAPP_BASE_URL=f"http://{host}")
    assert settings["CHATAPP_IS_SANDBOX"] is True
    assert settings["CHATAPP_EMAIL"] == "operator@sandbox.invalid"
    assert settings["CHATAPP_APP_ID"] == "app_sandbox_1"
    assert settings["CHATAPP_PASSWORD"]


def test_no_example_of_a_secret_passes_next_to_the_real_api(read: Read) -> None:
    examples = {name: example for example, name in EXAMPLES}
    secret = examples.keys() & {
        *("SECRET_KEY", "BASIC_AUTH_USERS", "DATABASE_URL", "REDIS_URL"),
        *("CHATAPP_EMAIL", "CHATAPP_PASSWORD", "CHATAPP_APP_ID", "WEBHOOK_SECRET"),
    }
    assert len(secret) == 5
    shipped = [(name, examples[name]) for name in sorted(secret)]
    shipped += [
        ("CHATAPP_EMAIL", values.SANDBOX_EMAIL),
        ("CHATAPP_APP_ID", values.SANDBOX_APP_ID),
        ("BASIC_AUTH_USERS", "user:password"),
    ]
    for name, example in shipped:
        others = dict.fromkeys(secret, "") | REAL
        with pytest.raises(SettingError, match=f"^{name}: "):
            read(**(others | {name: example}))


def test_examples_are_valid_where_they_do_no_harm(read: Read) -> None:
    pytest.importorskip("MySQLdb")
    settings = read(
        CHATAPP_BASE_URL="http://127.0.0.1:9",
        **{name: example for example, name in EXAMPLES},
    )
    assert settings["ALLOWED_HOSTS"] == ["campaigns.company.example", "10.0.0.5"]


def test_cookies_are_secure_behind_https(read: Read) -> None:
    settings = read(PUBLIC_URL="https://campaigns.shop.example:8443/")
    assert settings["CSRF_COOKIE_SECURE"] is True
    assert settings["HSTS_S"] > 0 and read(PUBLIC_URL="http://10.0.0.5")["HSTS_S"] == 0
    origins = ["https://campaigns.shop.example:8443"]
    assert settings["CSRF_TRUSTED_ORIGINS"] == origins
    assert "campaigns.shop.example" in settings["ALLOWED_HOSTS"]
    assert read(PUBLIC_URL="http://10.0.0.5")["CSRF_COOKIE_SECURE"] is False


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://campaigns.shop.example", "10.0.0.5,shop.example"),
        ("http://10.0.0.6:8000", "10.0.0.5"),
        ("https://[2001:db8::1]", "10.0.0.5"),
    ],
)
def test_a_public_host_that_pages_would_refuse_is_named(
    read: Read, url: str, allowed: str
) -> None:
    with pytest.raises(SettingError, match=r"^ALLOWED_HOSTS: lacks .*PUBLIC_URL: "):
        read(PUBLIC_URL=url, ALLOWED_HOSTS=allowed)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://Campaigns.Shop.Example/", "10.0.0.5,campaigns.shop.example"),
        ("https://campaigns.shop.example:8443", ".shop.example"),
        ("https://campaigns.shop.example", "*"),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]"),
        ("https://[2001:db8::1]", ""),
        ("", "10.0.0.5"),
    ],
)
def test_a_public_host_that_is_allowed_is_good(
    read: Read, url: str, allowed: str
) -> None:
    settings = read(PUBLIC_URL=url, ALLOWED_HOSTS=allowed)
    assert settings["PUBLIC_URL"] == url.lower().rstrip("/")


@pytest.mark.parametrize(
    ("host", "is_public"),
    [
        ("campaigns.shop.ru", True),
        ("8.8.8.8", True),
        ("10.0.0.5", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("localhost", False),
        ("web", False),
        ("desk.local", False),
        ("campaigns.company.example", False),
    ],
)
def test_the_internet_is_told_from_a_local_net(host: str, is_public: bool) -> None:
    assert values.is_public_host(host) is is_public


def test_reading_settings_imports_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys, asgi_app.settings\n"
        "heavy = {'redis', 'httpx', 'arq', 'phonenumbers', 'aiomysql', 'MySQLdb'}\n"
        "print(heavy & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            **dict.fromkeys(NAMES, ""),
            "DATABASE_URL": "mysql://u:p@h/db",
            "ENV_FILE": os.devnull,
            "VAR_DIR": str(tmp_path),
        },
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    if "MySQL needs more" not in done.stderr:
        assert done.stdout == "set()\n"
