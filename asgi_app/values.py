"""What the values of settings must look like.

A function that takes the text of a setting returns its value, or raises ValueError
with the reason in words; secrets are not repeated in it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from django.http.request import validate_host

from asgi_app.env import Env, SettingError

Network = IPv4Network | IPv6Network
_URL_SAFE = frozenset(string.ascii_letters + string.digits + "-_")

# Names that no public DNS has.
LOCAL_ENDINGS = (
    *(".localhost", ".local", ".lan", ".internal", ".intranet", ".home.arpa"),
    *(".test", ".example", ".invalid"),
)

SANDBOX_EMAIL = "operator@sandbox.invalid"
SANDBOX_APP_ID = "app_sandbox_1"
# The stand-in runs on this computer or as the compose file's service.
SANDBOX_HOSTS = {"127.0.0.1", "::1", "localhost", "sandbox"}
# Every value in this repository that somebody might copy has one of these in it.
SHIPPED = (SANDBOX_EMAIL, "app_sandbox", "change-me", "@company.example")
_SECRET = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "BASIC_AUTH_USERS",
    "DATABASE_URL",
    "REDIS_URL",
    "CHATAPP_EMAIL",
    "CHATAPP_PASSWORD",
    "CHATAPP_APP_ID",
    "WEBHOOK_SECRET",
)


def refuse_shipped(env: Env) -> None:
    """Raises SettingError for a value copied from this repository."""
    for name in _SECRET:
        text = env.text(name)
        if any(mark in text for mark in SHIPPED):
            raise SettingError(name, "is still the example, put a value of your own")
    if env.users("BASIC_AUTH_USERS").get("user") == "password":
        raise SettingError("BASIC_AUTH_USERS", "user:password is only an example")


def refuse_missing_account(env: Env) -> None:
    """Raises SettingError unless the real API's account is named.

    Its password may be absent: the Connect page asks for it then.
    """
    for name in ("CHATAPP_EMAIL", "CHATAPP_APP_ID"):
        if not env.text(name):
            raise SettingError(name, "is missing, CHATAPP_BASE_URL needs it")


def refuse_account_without_url(env: Env) -> None:
    """Raises SettingError where an account would go to the sandbox unnoticed."""
    for name in ("CHATAPP_EMAIL", "CHATAPP_PASSWORD", "CHATAPP_APP_ID"):
        if env.text(name) and not env.text("CHATAPP_BASE_URL"):
            raise SettingError(
                "CHATAPP_BASE_URL",
                f"is missing though {name} is set; ChatApp's own is "
                "https://api.chatapp.online",
            )


def secret_key(text: str) -> str:
    if len(text) < 32:
        raise ValueError("must have at least 32 characters")
    if "," in text:
        raise ValueError("must have no comma, because SECRET_KEY_FALLBACKS is a list")
    return text


def url_safe_secret(text: str) -> str:
    if len(text) < 16 or not _URL_SAFE.issuperset(text):
        raise ValueError("needs at least 16 of the characters A-Z a-z 0-9 - _")
    return text


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError as well
    except ValueError:
        raise ValueError("is not a well-formed address") from None
    return parts


def web_url(text: str) -> str:
    """An address without a slash at its end, so that paths can be added."""
    parts = _split(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address that begins with http:// or https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be an address without user, password, ? and #")
    if any(char.isspace() for char in text):
        raise ValueError("must be an address without spaces")
    return text.rstrip("/")


def public_url(text: str) -> str:
    """The address of the site: scheme, host and port alone, in small letters."""
    url = web_url(text).lower()
    parts = _split(url)
    if parts.path:
        raise ValueError(
            f"must be no more than {parts.scheme}://{parts.netloc}: the site stands at "
            "the root of its host"
        )
    if not re.fullmatch(r"[a-z0-9.-]+|[0-9a-f:.]+", parts.hostname or ""):
        raise ValueError(
            "must name its host in the letters of host names, such as xn--… for "
            "Cyrillic ones"
        )
    return url


def host_of(url: str) -> str:
    """The host of an address as browsers name it, an IPv6 address in brackets."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


def refuse_unknown_host(name: str, host: str, allowed: Sequence[str]) -> None:
    """Raises SettingError where pages under the public address would be refused."""
    if host and not validate_host(host, allowed):
        raise SettingError(
            name,
            f"lacks {host}, the host of PUBLIC_URL: pages would be answered 400 there",
        )


def is_public_host(host: str) -> bool:
    """Whether a host is one of the internet, not of this computer or a local net."""
    try:
        return ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(LOCAL_ENDINGS)


def redis_url(text: str) -> str:
    parts = _split(text)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must begin with redis://, rediss:// or unix://")
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError("must name the socket's path: unix:///path/of/socket")
        return text
    if not parts.hostname:
        raise ValueError("must name a host")
    database = parts.path.strip("/")
    if parts.fragment or (database and not re.fullmatch("[0-9]+", database)):
        # A password with / or # in it ends up here.
        raise ValueError(
            "must be redis://user:password@host:port/number, with # / ? @ in the "
            "password written as %23 %2F %3F %40"
        )
    return text


def read_sentinel(text: str) -> tuple[list[tuple[str, int]], str]:
    """`host:port,host:port/master-name` as addresses and the master's name."""
    addresses, slash, master = text.partition("/")
    hosts: list[tuple[str, int]] = []
    for address in addresses.split(","):
        try:
            parts = urlsplit(f"//{address.strip()}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not (host and port):
            break
        hosts.append((host, port))
    else:
        if slash and re.fullmatch(r"[\w.-]+", master):
            return hosts, master
    raise ValueError("must be host:port,host:port/master-name")


def sentinel(text: str) -> str:
    read_sentinel(text)
    return text


def sentry_dsn(text: str) -> str:
    parts = _split(text)
    if not (
        parts.scheme in {"http", "https"}
        and parts.username
        and parts.hostname
        and parts.path.strip("/")
    ):
        raise ValueError("must be https://key@host/project")
    return text


def network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"“{text}” is neither an IP address nor a network such as 10.0.0.0/8"
        ) from None


def licence_id(text: str) -> str:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(f"“{text}” is not a licence's number")
    return text


def messenger(text: str) -> str:
    # It becomes a part of the API's paths.
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError(f"“{text}” is not a messenger such as grWhatsApp")
    return text


def phone_region(text: str) -> str:
    # Imported only where a region is set: it takes 50 ms.
    from phonenumbers import SUPPORTED_REGIONS

    if text.upper() not in SUPPORTED_REGIONS:
        raise ValueError(f"“{text}” is not a country in two letters, such as RU")
    return text.upper()


def log_format(text: str) -> str:
    """The class in `logs` that writes it."""
    formats = {"text": "LineFormatter", "json": "JsonFormatter"}
    if text.lower() not in formats:
        raise ValueError(f"“{text}” is neither text nor json")
    return formats[text.lower()]


def language(text: str) -> str:
    if text.lower() not in {"en", "ru"}:
        raise ValueError(f"“{text}” is neither en nor ru")
    return text.lower()


def time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"“{text}” is not a time zone such as Europe/Moscow") from None
    return text


def whole(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text):
        raise ValueError(f"“{text}” is not a whole number below 1,000,000")
    return int(text)


def port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise ValueError(f"“{text}” is not a port between 1 and 65535")
    return int(text)
