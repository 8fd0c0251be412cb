"""Which path is which endpoint of the API."""

from __future__ import annotations

import re
from typing import NamedTuple

from chatapp.sandbox.errors import ApiError
from chatapp.sandbox.knobs import Endpoint
from chatapp.sandbox.licences import Line

_LINE = r"/v1/licenses/(?P<licence>[^/]+)/messengers/(?P<messenger>[^/]+)"
_ROUTES = [
    (method, re.compile(pattern), endpoint)
    for method, pattern, endpoint in (
        ("POST", _LINE + "/chats/(?P<chat>[^/]+)/messages/text", Endpoint.SEND),
        ("POST", "/v1/tokens", Endpoint.TOKENS),
        ("POST", "/v1/tokens/refresh", Endpoint.REFRESH),
        ("GET", "/v1/tokens/check", Endpoint.CHECK),
        ("GET", "/v1/licenses", Endpoint.LICENSES),
        ("GET", _LINE + "/phones/(?P<phone>[^/]+)/check", Endpoint.PHONE_CHECK),
        ("GET", _LINE + "/chats/(?P<chat>[^/]+)/messages", Endpoint.HISTORY),
        ("PUT", _LINE + "/callbackUrl", Endpoint.CALLBACK_PUT),
        ("DELETE", _LINE + "/callbackUrl", Endpoint.CALLBACK_DELETE),
        ("GET", "/v1/callbackUrls", Endpoint.CALLBACK_LIST),
    )
]
_PHONE = re.compile(r"([0-9]{5,20})(?:@c\.us)?")


class Target(NamedTuple):
    """What a request is aimed at; ``chat`` as it was written."""

    endpoint: Endpoint
    line: Line
    chat: str

    @property
    def phone(self) -> str:
        """The digits of the chat; empty if it is not the chat of a phone."""
        found = _PHONE.fullmatch(self.chat)
        return found[1] if found else ""


def find(method: str, path: str) -> Target:
    """The target of a request; ApiError if there is none."""
    known = False
    for expected, pattern, endpoint in _ROUTES:
        found = pattern.fullmatch(path)
        if found and method == expected:
            parts = found.groupdict()
            line = Line(parts.get("licence", ""), parts.get("messenger", ""))
            chat = parts.get("chat") or parts.get("phone") or ""
            return Target(endpoint, line, chat)
        known = known or found is not None
    raise ApiError("ApiMethodNotAllowedError" if known else "ApiNotFoundError")
