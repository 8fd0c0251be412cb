"""Who may ask: the operator that Basic auth has let in, and no page of another site."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from django.http import HttpRequest
from ninja.security import HttpBasicAuth

from asgi_app.middleware import operator_of
from campaigns.api.problems import Problem
from campaigns.pacing import Delays
from campaigns.queue_report import QueueWatch
from campaigns.troubles import Troubles
from campaigns.views import Doorbell

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
JSON = "application/json"


class Resources(Protocol):
    """What the API needs of the process that serves it."""

    @property
    def doorbell(self) -> Doorbell: ...
    @property
    def delays(self) -> Delays: ...
    @property
    def queue(self) -> QueueWatch: ...
    @property
    def troubles(self) -> Troubles: ...


class BasicAuth(HttpBasicAuth):
    """Names the scheme in the document; the password was judged before.

    A browser sends the operator's password along with whatever a page asks of it, and
    programs have no CSRF token. So what changes something must come as JSON, or with
    nothing at all, which no form can send and no script of another site without saying
    so, and whatever browsers say of the page that asks must be this site.
    """

    def __call__(self, request: HttpRequest) -> str:
        if request.method not in SAFE:
            _refuse_other_sites(request)
        is_json = request.content_type == JSON
        is_empty = not (request.content_type or request.body)
        if request.method in WITH_BODY and not (is_json or is_empty):
            raise Problem("not_json")
        return operator_of(request)

    def authenticate(
        self, request: HttpRequest, username: str, password: str
    ) -> str | None:
        raise NotImplementedError  # asgi_app.middleware.basic_auth has done it


def resources_of(request: HttpRequest) -> Resources:
    resources: Resources = request.scope["state"]["resources"]  # type: ignore[attr-defined]
    return resources


def _refuse_other_sites(request: HttpRequest) -> None:
    site = request.headers.get("Sec-Fetch-Site", "none")
    origin = request.headers.get("Origin")
    is_ours = origin is None or _host_of(origin) == request.get_host()
    if site not in {"none", "same-origin"} or not is_ours:
        raise Problem("foreign_origin")


def _host_of(origin: str) -> str:
    """The host with its port; "" for what is no origin."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
